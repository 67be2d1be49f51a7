"""What the tests of the engine share: plans to carry out, and what became of them."""

from __future__ import annotations

from governance.domain.actors import system
from governance.models import Execution, ExecutionStep
from tests.factories import ProposalFactory, approved

WORKER = system("worker")


def step(action_type: str, name: str = "step1", params: dict | None = None, **more: str) -> dict:
    return {"id": name, "action_type": action_type, "params": params or {}, **more}


def cel(source: str) -> dict:
    return {"$cel": source}


def ready(house, *plan: dict, maturity: str = "intern") -> Execution:
    """Proposed by an agent of this maturity, and approved."""
    return approved(ProposalFactory(run=house.run(maturity), plan=list(plan))).execution


def ending(execution: Execution) -> tuple[str, str, list[str]]:
    """States of the execution, of its proposal and of its steps, as they are now."""
    row = Execution.objects.select_related("proposal").get(pk=execution.pk)
    steps = row.steps.order_by("position").values_list("state", flat=True)
    return row.state, row.proposal.state, list(steps)


def row_of(execution: Execution, name: str = "step1") -> ExecutionStep:
    return execution.steps.get(step=name)
