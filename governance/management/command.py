"""What our commands share: --json, one clear sentence for a refusal, honest exit codes."""

from __future__ import annotations

import argparse
import json
import sys
import textwrap
from pathlib import Path
from typing import Any, ClassVar

from django.core.management.base import (
    BaseCommand,
    CommandError,
    CommandParser,
    DjangoHelpFormatter,
)
from django.db import DatabaseError

from governance.domain.actors import system
from governance.domain.errors import GovernanceError, InvalidInput, NotFound
from governance.domain.values import Json, parse_json
from governance.models import Agent, Workspace

REFUSED, WRONG_USE = 1, 2
OPERATOR = system("command line")
MAX_FILE_BYTES = 20_000_000


class _Formatter(DjangoHelpFormatter, argparse.RawDescriptionHelpFormatter):
    """Django's own options last, and our line breaks kept."""


class GovernanceCommand(BaseCommand):
    """Exit 0: done. Exit 1: refused, with the reason. Exit 2: used wrongly.

    Subclasses say what they do in `help`, show it in `example`, and do it in `run`, whose
    result is printed by `show` or, with --json, as it is.
    """

    example: ClassVar[str]
    needs_workspace: ClassVar[bool] = True

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        """Keep the example's line breaks in --help."""
        epilog = f"example:\n  {self.example}\n\nexit codes: 0 done, 1 refused, 2 wrong use"
        parser = super().create_parser(prog_name, subcommand, epilog=epilog, **kwargs)
        parser.description = textwrap.fill(self.help, 90)
        parser.formatter_class = _Formatter
        return parser

    def add_arguments(self, parser: CommandParser) -> None:
        """The options every command has; then the command's own."""
        parser.add_argument("--json", action="store_true", help="print the result as JSON")
        if self.needs_workspace:
            parser.add_argument(
                "--workspace", help="the workspace's name (default: the only one there is)"
            )
        self.options(parser)

    def options(self, parser: CommandParser) -> None:
        """Add the command's own arguments."""

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ARG002  Django's signature
        """Run, print the result, and turn refusals into exit code 1."""
        try:
            result = self.run(**options)
        except GovernanceError as error:
            if options["json"]:
                self.print_json({"error": {"code": error.code, "message": str(error)}})
            raise CommandError(str(error), returncode=REFUSED) from error
        except DatabaseError as error:
            message = f"The database cannot be used ({error}); has `migrate` been run?"
            raise CommandError(message, returncode=REFUSED) from error
        if options["json"]:
            self.print_json(result)
        else:
            self.show(result)
        refusal = self.refusal(result)
        if refusal:
            raise CommandError(refusal, returncode=REFUSED)

    def run(self, **options: Any) -> dict[str, Any]:
        """Do it; returns what --json prints."""
        raise NotImplementedError

    def show(self, result: dict[str, Any]) -> None:
        """Print the result for people."""
        for name, value in result.items():
            label = name.replace("_", " ")
            if isinstance(value, dict) and value:
                self.stdout.write(f"{label}:")
                for inner, found in value.items():
                    self.stdout.write(f"  {inner}: {_plain(found)}")
            else:
                self.stdout.write(f"{label}: {_plain(value)}")

    def refusal(self, result: dict[str, Any]) -> str:  # noqa: ARG002  for subclasses
        """Why a result that was printed is a refusal all the same; empty when it is none."""
        return ""

    def print_json(self, data: Any) -> None:
        """One JSON document on standard output."""
        self.stdout.write(json.dumps(data, indent=2, default=str))


def workspace_of(options: dict[str, Any]) -> Workspace:
    """The workspace named by --workspace, or the only one. Raises NotFound, InvalidInput."""
    if options["workspace"]:
        return Workspace.objects.named(options["workspace"])
    found = list(Workspace.objects.all()[:2])
    if not found:
        raise NotFound("There is no workspace yet; `setup` creates the first.")
    if len(found) > 1:
        raise InvalidInput("There are several workspaces; name one with --workspace.")
    return found[0]


def agent_of(options: dict[str, Any]) -> Agent:
    """The agent named by the argument `agent`. Raises NotFound."""
    return Agent.objects.named(options["agent"], workspace_id=workspace_of(options).id)


def json_object(text: str, *, what: str, max_bytes: int = 256_000) -> dict[str, Json]:
    """A JSON object given on the command line. Raises InvalidInput."""
    data = parse_json(text, what=what, max_bytes=max_bytes)
    if not isinstance(data, dict):
        raise InvalidInput(f"The {what} must be a JSON object.")
    return data


def read_file(path: str, *, what: str, max_bytes: int = MAX_FILE_BYTES) -> str:
    """The text of a file, or of standard input for `-`. Raises InvalidInput."""
    try:
        if path == "-":
            raw = sys.stdin.buffer.read(max_bytes + 1)
        else:
            with Path(path).open("rb") as file:
                raw = file.read(max_bytes + 1)
        if len(raw) > max_bytes:
            raise InvalidInput(f"The {what} is larger than {max_bytes:,} bytes.")
        return raw.decode()
    except UnicodeDecodeError as error:
        raise InvalidInput(f"The {what} is not UTF-8 text.") from error
    except OSError as error:
        raise InvalidInput(f"The {what} cannot be read: {error.strerror}: {path}") from error


def _plain(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(_plain, value)) or "none"
    if isinstance(value, dict):
        return json.dumps(value, ensure_ascii=False, default=str) if value else "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "none" if value is None else str(value)
