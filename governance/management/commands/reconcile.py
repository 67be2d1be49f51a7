"""reconcile: say what became of an execution in doubt."""

from __future__ import annotations

import uuid
from typing import Any

from django.core.management.base import CommandParser

from governance.domain.errors import InvalidInput, NotFound
from governance.management.command import GovernanceCommand, workspace_of
from governance.models import Execution, Proposal
from governance.services import executions, memberships, people


class Command(GovernanceCommand):
    """One person's finding."""

    help = (
        "Say what became of an execution in doubt, after looking on the far side (under the "
        "idempotency key that its page shows). Steps behind the doubt are not run, and an "
        "execution is done only when every step of it is."
    )
    example = (
        "manage.py reconcile 01a2... --outcome done --by alex --note 'It is on the statement.'"
    )

    def options(self, parser: CommandParser) -> None:
        """Which, what, by whom, and how they know."""
        parser.add_argument("execution", help="its id")
        parser.add_argument(
            "--outcome",
            required=True,
            choices=("done", "failed"),
            help="done: it took effect as it was asked for; failed: it did not",
        )
        parser.add_argument("--by", required=True, help="the user who looked")
        parser.add_argument("--note", required=True, help="what was found, and where")

    def run(self, **options: Any) -> dict[str, Any]:
        """Settle it."""
        row = executions.reconcile(
            execution=_execution(options),
            outcome=options["outcome"],
            note=options["note"],
            by=memberships.person(people.named(options["by"])),
        )
        return {
            "execution": str(row.id),
            "state": row.state,
            "proposal": Proposal.objects.get(pk=row.proposal_id).state if row.proposal_id else None,
            "steps": {step.step: step.state for step in row.steps.order_by("position")},
        }

    def show(self, result: dict[str, Any]) -> None:
        """The steps in one line."""
        steps = [f"{step} {state}" for step, state in result["steps"].items()]
        super().show({**result, "steps": steps})


def _execution(options: dict[str, Any]) -> Execution:
    try:
        key = uuid.UUID(options["execution"])
    except ValueError as error:
        raise InvalidInput(f"{options['execution']!r} is not the id of an execution.") from error
    found = Execution.objects.of(workspace_of(options).id).filter(pk=key).first()
    if found is None:
        raise NotFound(f"There is no execution {key} here.")
    return found
