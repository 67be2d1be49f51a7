"""What is to be carried out: executions of every effect class, through the real services."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from governance.domain.actors import Actor, system
from governance.domain.roles import Role
from governance.domain.words import Maturity, TriggerSource
from governance.models import Agent, Execution, Run, Workspace
from governance.services import (
    actions,
    agents,
    memberships,
    people,
    proposals,
    reviews,
    triggers,
    workspaces,
)

BY = system("chaos")
KINDS = ("local", "keyed", "unkeyed", "plan")
"""One step of one effect; or an approved plan of three: keyed, local, unkeyed."""


@dataclass
class Job:
    """One execution, and the effects it must have: the `ref` of each by its effect class."""

    number: int
    kind: str
    execution: Execution
    refs: dict[str, str] = field(default_factory=dict)


class World:
    """A workspace with an autonomous agent and a reviewer."""

    def __init__(self) -> None:
        workspaces.install(name="chaos", by=BY)
        self.workspace = Workspace.objects.named("chaos")
        person = people.create(
            workspace=self.workspace,
            username="reviewer",
            password=people.generate_password(),
            role=Role.GOVERNOR,
            by=BY,
        )
        self.reviewer: Actor = memberships.person(person)
        self.agent: Agent = agents.register(
            workspace=self.workspace,
            name="chaos",
            owner=person,
            maturity=Maturity.AUTONOMOUS,
            by=BY,
        )
        started = triggers.fire(
            agent=self.agent, source=TriggerSource.DATA_SYNC, type="chaos", by=BY
        )
        assert started.run is not None
        self.run: Run = started.run
        self._numbers: Iterator[int] = iter(range(1_000_000))

    def job(self, kind: str | None = None) -> Job:
        """The next execution, ready."""
        number = next(self._numbers)
        kind = kind or KINDS[number % len(KINDS)]
        return self._plan(number) if kind == "plan" else self._action(number, kind)

    def _action(self, number: int, kind: str) -> Job:
        refs = {kind: f"{number}-{kind}"}
        answer = actions.request(
            run=self.run,
            action_type=f"chaos_{kind}",
            params={"ref": refs[kind]},
            by=self.agent.actor,
        )
        assert answer.execution is not None, answer.reasons
        return Job(number, kind, answer.execution, refs)

    def _plan(self, number: int) -> Job:
        refs = {kind: f"{number}-{kind}" for kind in ("keyed", "local", "unkeyed")}
        plan = [
            {"id": kind, "action_type": f"chaos_{kind}", "params": {"ref": ref}}
            for kind, ref in refs.items()
        ]
        filed = proposals.propose(agent=self.agent, plan=plan, by=self.agent.actor, run=self.run)
        reviews.approve(proposal=filed, digest=filed.digest, by=self.reviewer)
        return Job(number, "plan", Execution.objects.get(proposal=filed), refs)
