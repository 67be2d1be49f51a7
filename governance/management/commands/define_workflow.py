"""define_workflow: write the next version of a stored plan from a file."""

from __future__ import annotations

import json
from typing import Any

from django.core.management.base import CommandParser

from governance.domain.values import digest, parse_json
from governance.management.command import (
    MAX_FILE_BYTES,
    GovernanceCommand,
    read_file,
    workspace_of,
)
from governance.services import memberships, people, workflows


class Command(GovernanceCommand):
    """One new version; those before it stay as they are."""

    help = (
        "Define the next version of a workflow from a JSON file: {name, title, params_schema, "
        'plan}. The plan is a list of steps whose params may hold {"$param": "name"}. Agents '
        "trigger the newest version by its name, in a step of the type workflow_trigger."
    )
    example = "manage.py define_workflow weekly-report.json --by alex"

    def options(self, parser: CommandParser) -> None:
        """The file, and who defines it."""
        parser.add_argument("file", help="a path, or - for standard input")
        parser.add_argument("--by", required=True, help="the user who defines it, a governor")

    def run(self, **options: Any) -> dict[str, Any]:
        """Define it."""
        text = read_file(options["file"], what="workflow")
        entry = parse_json(text, what="workflow", max_bytes=MAX_FILE_BYTES)
        workflow = workflows.load(
            workspace=workspace_of(options),
            entry=entry,
            by=memberships.person(people.named(options["by"])),
        )
        plan = json.loads(workflow.plan)
        return {
            "workflow": workflow.name,
            "version": workflow.number,
            "title": workflow.title,
            "steps": [step["action_type"] for step in plan],
            "digest": digest(plan),
        }
