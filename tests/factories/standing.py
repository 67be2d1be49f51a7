"""Episodes with what belongs to them, evidence, criteria, constitutions and changes of maturity."""

from __future__ import annotations

import factory

from governance.domain.states import RunState
from governance.domain.words import Maturity
from governance.models import (
    ConstitutionVersion,
    CriteriaRow,
    Episode,
    EpisodeSegment,
    Evidence,
    EvidenceCounter,
    MaturityChange,
    StintCounter,
    Violation,
)
from governance.policy.constitution import RuleSource
from governance.policy.readiness import DEFAULT_CRITERIA
from governance.services import constitutions, maturity, promotions, runs
from tests.factories.agents import AgentFactory
from tests.factories.base import ServiceFactory
from tests.factories.moves import executed
from tests.factories.people import BY_SYSTEM
from tests.factories.runs import RunFactory
from tests.factories.waiting import ProposalFactory

NEVER_ENDS = RuleSource("never-ends", "low", "segment.kind == 'result'", "Nothing may end.")
"""A rule that every run breaks."""


class EpisodeFactory(ServiceFactory):
    """Of a run that its own agent reported as succeeded, unless another outcome is given."""

    class Meta:
        model = Episode

    run = factory.SubFactory(RunFactory)

    @classmethod
    def make(cls, *, run, outcome=RunState.SUCCEEDED, by=None, note=""):
        runs.finish(run=run, outcome=outcome, by=by or run.agent.actor, note=note)
        return Episode.objects.get(run=run)


class EpisodeSegmentFactory(ServiceFactory):
    """The first one of an episode."""

    class Meta:
        model = EpisodeSegment

    episode = factory.SubFactory(EpisodeFactory)

    @classmethod
    def make(cls, *, episode):
        return episode.segments.first()


class StintCounterFactory(ServiceFactory):
    """Of the agent of an episode."""

    class Meta:
        model = StintCounter

    episode = factory.SubFactory(EpisodeFactory)

    @classmethod
    def make(cls, *, episode):
        return StintCounter.objects.get(agent=episode.agent, stint=episode.stint)


class EvidenceFactory(ServiceFactory):
    """Of a proposal that was approved as it stood, and carried out."""

    class Meta:
        model = Evidence

    proposal = factory.SubFactory(ProposalFactory)

    @classmethod
    def make(cls, *, proposal):
        executed(proposal)
        return Evidence.objects.get(proposal=proposal)


class EvidenceCounterFactory(ServiceFactory):
    """Of a piece of evidence."""

    class Meta:
        model = EvidenceCounter

    evidence = factory.SubFactory(EvidenceFactory)

    @classmethod
    def make(cls, *, evidence):
        found = EvidenceCounter.objects.filter(agent=evidence.agent)
        return found.get(action_type=evidence.action_type)


class ConstitutionVersionFactory(ServiceFactory):
    """A draft; `ruled` publishes one."""

    class Meta:
        model = ConstitutionVersion

    workspace = factory.SubFactory("tests.factories.workspaces.WorkspaceFactory")

    @classmethod
    def make(cls, *, workspace, rules=(NEVER_ENDS,), note="", by=BY_SYSTEM):
        return constitutions.draft(workspace=workspace, rules=rules, note=note, by=by)


def ruled(workspace, *rules) -> ConstitutionVersion:
    """Put exactly these rules in force."""
    version = ConstitutionVersionFactory(workspace=workspace, rules=rules)
    return constitutions.publish(version=version, by=BY_SYSTEM)


class ViolationFactory(ServiceFactory):
    """Of a run's end, under a constitution that lets nothing end."""

    class Meta:
        model = Violation

    run = factory.SubFactory(RunFactory)

    @classmethod
    def make(cls, *, run):
        ruled(run.workspace, NEVER_ENDS)
        return EpisodeFactory(run=run).violations.get()


class CriteriaRowFactory(ServiceFactory):
    """The default criteria for intern."""

    class Meta:
        model = CriteriaRow

    workspace = factory.SubFactory("tests.factories.workspaces.EmptyWorkspaceFactory")

    @classmethod
    def make(cls, *, workspace, criteria=DEFAULT_CRITERIA[0], by=BY_SYSTEM):
        return maturity.define_criteria(workspace=workspace, criteria=criteria, by=by)


class MaturityChangeFactory(ServiceFactory):
    """A demotion by one level, unless `to` says otherwise, of an agent that is not a student."""

    class Meta:
        model = MaturityChange

    agent = factory.SubFactory(AgentFactory, maturity=Maturity.SUPERVISED)

    @classmethod
    def make(cls, *, agent, to=Maturity.INTERN, reason="It was wrong.", by=BY_SYSTEM):
        return promotions.demote(agent=agent, to=to, reason=reason, by=by)
