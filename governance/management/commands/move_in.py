"""move_in: the data of another installation, into an empty database."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser

from governance.domain.errors import InvalidInput
from governance.management import moving
from governance.management.command import GovernanceCommand


class Command(GovernanceCommand):
    """The other half of move_out."""

    help = (
        "Load what move_out wrote of another installation into this database, which has been "
        "migrated and holds nothing else. All of it, or nothing."
    )
    example = "manage.py move_in data.jsonl"
    needs_workspace = False

    def options(self, parser: CommandParser) -> None:
        """The file."""
        parser.add_argument("file", help="what move_out wrote")

    def run(self, **options: Any) -> dict[str, Any]:
        """Load it; returns how many rows there are now, by model."""
        path = Path(options["file"])
        if path.suffix != ".jsonl" or not path.is_file():
            raise InvalidInput(f"There is no file {path} whose name ends in .jsonl.")
        return moving.read(path)
