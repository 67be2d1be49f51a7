"""register_agent: make an agent known."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.base_user import AbstractBaseUser
from django.core.management.base import CommandParser

from governance.domain.errors import NotFound
from governance.domain.roles import Role
from governance.domain.words import Maturity
from governance.management.command import OPERATOR, GovernanceCommand, json_object, workspace_of
from governance.models import Membership, Workspace
from governance.services import agents, people


class Command(GovernanceCommand):
    """Registers one agent."""

    help = "Register an agent. It begins as a student unless --maturity says otherwise."
    example = (
        "manage.py register_agent billing-bot --maturity intern --category finance --owner alex "
        """--configuration '{"capabilities": ["invoices"]}'"""
    )

    def options(self, parser: CommandParser) -> None:
        """What describes the agent."""
        parser.add_argument("name")
        parser.add_argument("--category", default="")
        parser.add_argument("--description", default="")
        parser.add_argument("--module-path", default="")
        parser.add_argument("--class-name", default="")
        parser.add_argument("--owner", help="a user (default: the workspace's first governor)")
        parser.add_argument(
            "--maturity",
            choices=Maturity.values,
            default=Maturity.STUDENT.value,
            help="above student is your word without evidence, and the ledger says so",
        )
        parser.add_argument("--configuration", default="{}", help="a JSON object")

    def run(self, **options: Any) -> dict[str, Any]:
        """Register it."""
        workspace = workspace_of(options)
        agent = agents.register(
            workspace=workspace,
            name=options["name"],
            owner=_owner(workspace, options["owner"]),
            by=OPERATOR,
            maturity=options["maturity"],
            category=options["category"],
            description=options["description"],
            module_path=options["module_path"],
            class_name=options["class_name"],
            configuration=json_object(options["configuration"], what="configuration"),
        )
        return {
            "agent": agent.name,
            "id": str(agent.id),
            "maturity": agent.maturity,
            "state": agent.state,
            "fingerprint": agent.fingerprint,
        }


def _owner(workspace: Workspace, username: str | None) -> AbstractBaseUser:
    if username:
        return people.named(username)
    first = (
        Membership.objects.of(workspace.id)
        .filter(role=Role.GOVERNOR, user__is_active=True)
        .select_related("user")
        .order_by("created_at", "id")
        .first()
    )
    if first is None:
        raise NotFound("The workspace has no governor to own the agent; name one with --owner.")
    return first.user
