"""Advice, and the agents that are asked for it."""

from __future__ import annotations

from typing import Any

import factory

from governance.domain.roles import Role
from governance.domain.words import Maturity
from governance.models import Advice, Agent, Workspace
from governance.services import advice
from tests.factories.agents import AgentFactory
from tests.factories.base import ServiceFactory
from tests.factories.people import member_of
from tests.factories.waiting import ProposalFactory


def adviser(
    workspace: Workspace, *, opinion: Any = "for", reasons: Any = "It is sound.", **values: Any
) -> Agent:
    """An autonomous agent whose program answers so whatever it is asked."""
    return AgentFactory(
        workspace=workspace,
        maturity=Maturity.AUTONOMOUS,
        module_path="tests.agents",
        class_name="Advises",
        configuration={"says": {"opinion": opinion, "reasons": reasons}},
        **values,
    )


class AdviceFactory(ServiceFactory):
    """Asked about a proposal by a reviewer, and not answered yet."""

    class Meta:
        model = Advice

    proposal = factory.SubFactory(ProposalFactory)

    @classmethod
    def make(cls, *, proposal, adviser=None, by=None):
        return advice.ask(
            adviser=adviser or _adviser(proposal.workspace),
            proposal=proposal,
            by=by or member_of(proposal.workspace, Role.REVIEWER),
        )


def answered(row: Advice) -> Advice:
    """Its adviser has answered, in this process."""
    advice.take(row.pk)
    return advice.give(advice_id=row.pk)


_adviser = adviser
