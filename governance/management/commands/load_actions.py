"""load_actions: define action types from a file."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from governance.domain.values import parse_json
from governance.management.command import (
    MAX_FILE_BYTES,
    OPERATOR,
    GovernanceCommand,
    read_file,
    workspace_of,
)
from governance.services import action_types


class Command(GovernanceCommand):
    """All entries of the file, or none."""

    help = (
        "Define action types from a JSON file: a list of {key, title, complexity, reversibility, "
        "mode, effect, params_schema, ...}. All of them are written, or none. Safe to repeat."
    )
    example = "manage.py load_actions actions.json"

    def options(self, parser: CommandParser) -> None:
        """The file."""
        parser.add_argument("file", help="a path, or - for standard input")

    def run(self, **options: Any) -> dict[str, Any]:
        """Load it."""
        text = read_file(options["file"], what="catalogue")
        entries = parse_json(text, what="catalogue", max_bytes=MAX_FILE_BYTES)
        return dict(
            action_types.load(workspace=workspace_of(options), entries=entries, by=OPERATOR)
        )
