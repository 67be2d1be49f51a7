"""reencrypt_credentials: put every stored secret under the first encryption key."""

from __future__ import annotations

from typing import Any

from governance.management.command import OPERATOR, GovernanceCommand
from governance.services import credentials


class Command(GovernanceCommand):
    """Needed when a key is replaced."""

    help = (
        "Encrypt every stored credential anew, under the first of GOVERNANCE_ENCRYPTION_KEYS, so "
        "that the other keys can be dropped."
    )
    example = "manage.py reencrypt_credentials"
    needs_workspace = False

    def run(self, **options: Any) -> dict[str, Any]:
        """All of them, or none."""
        return {"reencrypted": credentials.reencrypt(by=OPERATOR)}
