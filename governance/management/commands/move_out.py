"""move_out: all data of this installation, into a file."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser

from governance.domain.errors import InvalidInput
from governance.management import moving
from governance.management.command import GovernanceCommand


class Command(GovernanceCommand):
    """Stop workers and servers first, or what they write meanwhile may be in it by half."""

    help = (
        "Write every row of this installation into a new file, for move_in. It holds password "
        "hashes and encrypted credentials, and only its owner may read it."
    )
    example = "manage.py move_out data.jsonl"
    needs_workspace = False

    def options(self, parser: CommandParser) -> None:
        """The file."""
        parser.add_argument("file", help="a file that is not there yet, ending in .jsonl")

    def run(self, **options: Any) -> dict[str, Any]:
        """Write it; returns how many rows it holds."""
        path = Path(options["file"])
        if path.suffix != ".jsonl":
            raise InvalidInput("The file's name must end in .jsonl.")
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except OSError as error:
            raise InvalidInput(f"Cannot write {path}: {error.strerror}.") from error
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            return {"rows": moving.write(file)}
