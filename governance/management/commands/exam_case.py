"""exam_case: the library of exam cases, from the command line."""

from __future__ import annotations

import uuid
from typing import Any

from django.core.management.base import CommandParser

from governance.domain.errors import InvalidInput, NotFound
from governance.domain.values import parse_json
from governance.management.command import (
    MAX_FILE_BYTES,
    OPERATOR,
    GovernanceCommand,
    read_file,
    workspace_of,
)
from governance.models import Episode, ExamCase, Workspace
from governance.services import exam_cases, memberships, people


class Command(GovernanceCommand):
    """Define, list, or cut."""

    help = (
        "Define exam cases from a JSON file (a list of {key, title, task, tools, required, "
        "forbidden, expectation, seconds}: all of them, or none), list those in force, or cut one "
        "from an episode."
    )
    example = "manage.py exam_case --define cases.json --set refunds --by alex"

    def options(self, parser: CommandParser) -> None:
        """What to do, and in which set."""
        what = parser.add_mutually_exclusive_group(required=True)
        what.add_argument("--define", metavar="FILE", help="a path, or - for standard input")
        what.add_argument("--list", action="store_true", help="those in force")
        what.add_argument("--cut", metavar="EPISODE", help="the episode's id")
        parser.add_argument("--set", default=exam_cases.DEFAULT_SET, help="the set of cases")
        parser.add_argument("--by", help="the governor who does it (default: the operator)")

    def run(self, **options: Any) -> dict[str, Any]:
        """Do it; the cases it is about."""
        workspace = workspace_of(options)
        if options["list"]:
            return {"cases": _told(ExamCase.objects.in_force(workspace.pk, options["set"]))}
        by = memberships.person(people.named(options["by"])) if options["by"] else OPERATOR
        if options["cut"]:
            episode = _episode(options["cut"], workspace)
            case = exam_cases.cut_from_episode(episode=episode, case_set=options["set"], by=by)
            return {"cases": _told([case])}
        text = read_file(options["define"], what="file of cases")
        entries = parse_json(text, what="file of cases", max_bytes=MAX_FILE_BYTES)
        defined = exam_cases.load(
            workspace=workspace, entries=entries, case_set=options["set"], by=by
        )
        return {"cases": _told(defined)}

    def show(self, result: dict[str, Any]) -> None:
        """A line a case."""
        for case in result["cases"]:
            self.stdout.write(
                f"{case['set']}/{case['case']} version {case['version']}: {case['title']} "
                f"({case['required']} required, {case['forbidden']} forbidden)"
            )
        if not result["cases"]:
            self.stdout.write("No case is in force in this set.")


def _episode(text: str, workspace: Workspace) -> Episode:
    try:
        key = uuid.UUID(text)
    except ValueError as error:
        raise InvalidInput(f"{text!r} is not the id of an episode.") from error
    found = Episode.objects.of(workspace.pk).filter(pk=key).first()
    if found is None:
        raise NotFound(f"There is no episode {key} here.")
    return found


def _told(cases: list[ExamCase]) -> list[dict[str, Any]]:
    return [
        {
            "set": case.case_set,
            "case": case.key,
            "version": case.number,
            "title": case.title,
            "required": len(case.required),
            "forbidden": len(case.forbidden),
            "tools": len(case.tools),
            "seconds": case.seconds,
        }
        for case in cases
    ]
