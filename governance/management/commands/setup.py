"""setup: the first workspace, its first governor, the default policy, the built-in action types."""

from __future__ import annotations

import os
from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import CommandParser
from django.db import transaction

from governance.domain.roles import Role
from governance.management.command import OPERATOR, GovernanceCommand
from governance.models import Workspace
from governance.services import memberships, people, workspaces


class Command(GovernanceCommand):
    """Safe to repeat: what is there stays as it is."""

    help = (
        "Create the first workspace, its first governor, a default policy and the built-in "
        "action types. Safe to repeat. The governor's password is read from "
        "GOVERNANCE_PASSWORD, or generated and printed once."
    )
    example = "manage.py setup --workspace support --username alex"
    needs_workspace = False

    def options(self, parser: CommandParser) -> None:
        """Names, with defaults that suit a first try."""
        parser.add_argument("--workspace", default="default", help="(default: default)")
        parser.add_argument("--username", default="governor", help="(default: governor)")

    def run(self, **options: Any) -> dict[str, Any]:
        """All of it, or nothing."""
        with transaction.atomic():
            created = workspaces.install(name=options["workspace"], by=OPERATOR)
            workspace = Workspace.objects.named(options["workspace"])
            result = {
                "workspace": workspace.name,
                "workspace_created": created["workspace"],
                "action_types_created": created["action_types"],
                "policy_version_published": created["policy_version"],
                "username": options["username"],
            }
            return result | self._governor(workspace, options["username"])

    def _governor(self, workspace: Workspace, username: str) -> dict[str, Any]:
        user = get_user_model().objects.filter(username=username).first()
        if user is not None:
            memberships.add(workspace=workspace, user=user, role=Role.GOVERNOR, by=OPERATOR)
            return {"governor_created": False}
        given = os.environ.get("GOVERNANCE_PASSWORD", "")
        password = given or people.generate_password()
        people.create(
            workspace=workspace,
            username=username,
            password=password,
            role=Role.GOVERNOR,
            by=OPERATOR,
            administrator=True,
        )
        shown = {} if given else {"generated_password": password}
        return {"governor_created": True, **shown}
