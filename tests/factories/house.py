"""A workspace with its people, its catalogue and its policy: where most tests begin."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from governance.domain.actors import Actor
from governance.domain.roles import Role
from governance.domain.words import Maturity
from governance.models import ActionType, Agent, Execution, PolicyVersion, Proposal, Run, Workspace
from governance.policy.rules import RuleSource
from tests.factories.agents import AgentFactory
from tests.factories.catalogue import ActionTypeFactory
from tests.factories.moves import run_worker
from tests.factories.people import MembershipFactory, by
from tests.factories.policies import publish_rules
from tests.factories.remembered import Remembered
from tests.factories.runs import RunFactory
from tests.factories.waiting import ProposalFactory
from tests.factories.workspaces import WorkspaceFactory


@dataclass(frozen=True)
class House:
    """One user a role; `by_governor` and so on are the same people as actors."""

    workspace: Workspace
    governor: Any
    reviewer: Any
    supervisor: Any
    viewer: Any
    auditor: Any

    @classmethod
    def build(cls, *, name: str | None = None) -> House:
        """Built-in action types, policy version 1 without rules, one staff user a role."""
        workspace = WorkspaceFactory(**({"name": name} if name else {}))
        people = {
            role.value: MembershipFactory(
                workspace=workspace,
                role=role,
                user__username=f"{workspace.name}-{role.value}",
                user__is_staff=True,
            ).user
            for role in Role
        }
        return cls(workspace=workspace, **people)

    @staticmethod
    def first() -> House:
        """As `build`, for the one house that most tests begin with: built once a session."""
        return _FIRST.get()

    @property
    def by_governor(self) -> Actor:
        return by(self.governor)

    @property
    def by_reviewer(self) -> Actor:
        return by(self.reviewer)

    @property
    def by_supervisor(self) -> Actor:
        return by(self.supervisor)

    @property
    def by_viewer(self) -> Actor:
        return by(self.viewer)

    @property
    def by_auditor(self) -> Actor:
        return by(self.auditor)

    def agent(self, maturity: str = Maturity.INTERN, **values: Any) -> Agent:
        """An active agent, owned by the governor."""
        return AgentFactory(
            workspace=self.workspace, owner=self.governor, maturity=maturity, **values
        )

    def run(self, maturity: str = Maturity.INTERN, **values: Any) -> Run:
        """A running run of a new agent of this maturity (`run.agent`), started by hand."""
        return RunFactory(agent=self.agent(maturity), **values)

    def runs(self) -> dict[str, Run]:
        """A running run of a new agent of each maturity."""
        return {maturity.value: self.run(maturity) for maturity in Maturity}

    def action_type(self, key: str, **values: Any) -> ActionType:
        """A new action type: agent mode, complexity 3, any params, unless said otherwise."""
        return ActionTypeFactory(workspace=self.workspace, key=key, **values)

    def publish(self, *rules: RuleSource) -> PolicyVersion:
        """Put exactly these rules in force."""
        return publish_rules(self.workspace, *rules)

    def proposal(self, run: Run | None = None, **values: Any) -> Proposal:
        """A waiting proposal, by a new intern unless a run is given."""
        return ProposalFactory(run=run or self.run(), **values)

    def work(self) -> Iterable[Execution]:
        """Carry out everything that is ready for workers."""
        return run_worker()


_FIRST = Remembered(House.build)
