"""What is to be carried out: executions of every effect class, through the real services."""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass, field
from itertools import count

from django.contrib.auth import get_user_model

from governance.domain.actors import Actor, system
from governance.domain.roles import Role
from governance.domain.words import Maturity, TriggerSource
from governance.models import Agent, Execution, Proposal, Run, Workspace
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
REVIEWER = "chaos-reviewer"
STEPS = ("keyed", "local", "unkeyed")
"""The steps of a plan, in order; each has the effect it is named after."""

KINDS = ("local", "keyed", "unkeyed", "plan")
"""One step of one effect; or an approved plan of three."""


@dataclass(frozen=True)
class Job:
    """One execution, and the effects it must have: the `ref` of each by its effect class."""

    number: int
    kind: str
    execution: uuid.UUID
    refs: dict[str, str] = field(default_factory=dict)


def reviewer() -> Actor:
    """Who approves, whichever process asks."""
    return memberships.person(get_user_model().objects.get(username=REVIEWER))


class World:
    """A workspace with an autonomous agent and a reviewer."""

    def __init__(self) -> None:
        workspaces.install(name="chaos", by=BY)
        self.workspace = Workspace.objects.named("chaos")
        person = people.create(
            workspace=self.workspace,
            username=REVIEWER,
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
        self._numbers = count()

    def jobs(self, number: int) -> list[Job]:
        """So many, of every kind in turn."""
        return [self.job(KINDS[each % len(KINDS)]) for each in range(number)]

    def job(self, kind: str) -> Job:
        """An execution, ready."""
        if kind == "plan":
            proposal = self.propose()
            reviews.approve(proposal=proposal, digest=proposal.digest, by=self.reviewer)
            return self.job_of(proposal)
        number = next(self._numbers)
        answer = actions.request(
            run=self.run,
            action_type=f"chaos_{kind}",
            params={"ref": f"{number}-{kind}"},
            by=self.agent.actor,
        )
        assert answer.execution is not None, answer.reasons
        return Job(number, kind, answer.execution.id, {kind: f"{number}-{kind}"})

    def propose(self) -> Proposal:
        """A plan that waits for its reviewer."""
        number = next(self._numbers)
        plan = [
            {"id": each, "action_type": f"chaos_{each}", "params": {"ref": f"{number}-{each}"}}
            for each in STEPS
        ]
        return proposals.propose(agent=self.agent, plan=plan, by=self.agent.actor, run=self.run)

    def job_of(self, proposal: Proposal) -> Job:
        """The execution of a plan that was approved."""
        execution = Execution.objects.get(proposal=proposal)
        refs = {step["id"]: step["params"]["ref"] for step in json.loads(execution.plan)}
        number = int(refs["local"].partition("-")[0])
        return Job(number, "plan", execution.id, refs)
