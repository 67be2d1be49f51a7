"""Grants and ceilings: what loosens one action type of one agent, and what caps an agent."""

from __future__ import annotations

import datetime

from django.db import transaction
from django.utils import timezone

from governance import lifecycle
from governance.domain.actors import Actor
from governance.domain.errors import InvalidInput, StaleState
from governance.domain.roles import Right
from governance.domain.states import CeilingState, GrantState
from governance.domain.values import require_text
from governance.domain.words import Maturity, Route
from governance.models import ActionType, Agent, Ceiling, Grant
from governance.policy.conditions import Condition, check_members
from governance.services import memberships
from governance.services.validation import cleaned

LONGEST = datetime.timedelta(days=366)


def give(
    *,
    agent: Agent,
    action_type: str,
    expires_at: datetime.datetime,
    reason: str,
    by: Actor,
    route: str = Route.EXECUTION,
    condition: str = "",
) -> Grant:
    """Loosen one action type of one agent until `expires_at` (aware, at most 366 days ahead).

    `condition` is CEL; a grant whose condition fails counts as absent. Raises InvalidInput,
    NotFound (no such action type), NotAllowed.
    """
    require_text(reason, what="reason", max_length=500, required=True)
    if expires_at.tzinfo is None:
        raise InvalidInput("The expiry needs a time zone, as in 2030-01-31T12:00:00Z.")
    ahead = expires_at - timezone.now()
    if not datetime.timedelta() < ahead <= LONGEST:
        raise InvalidInput("The expiry must lie in the future, and at most 366 days ahead.")
    if condition:
        check_members(condition)
        Condition(condition)
    with transaction.atomic():
        user_id = memberships.require_person(
            by=by, workspace_id=agent.workspace_id, right=Right.GOVERN
        )
        Agent.objects.locked(
            agent.pk
        )  # a demotion before this is over, and one after it revokes it
        found = ActionType.objects.keyed(action_type, workspace_id=agent.workspace_id)
        grant = Grant(
            workspace_id=agent.workspace_id,
            agent=agent,
            action_type=found.key,
            route=route,
            condition=condition,
            reason=reason,
            given_by_id=user_id,
            expires_at=expires_at,
        )
        cleaned(grant)
        data = {
            "agent": str(agent.id),
            "action_type": found.key,
            "route": str(route),
            "condition": condition,
            "reason": reason,
            "expires_at": expires_at.isoformat(),
        }
        lifecycle.begin(grant, by=by, data=data)
    return grant


def revoke(*, grant: Grant, reason: str, by: Actor) -> None:
    """End a grant; it holds for no decision after this."""
    require_text(reason, what="reason", max_length=500, required=True)
    with transaction.atomic():
        memberships.require(by=by, workspace_id=grant.workspace_id, right=Right.GOVERN)
        lifecycle.move(
            grant,
            to=GrantState.REVOKED,
            by=by,
            fields={"revoked_at": timezone.now()},
            data={"reason": reason},
        )


def set_ceiling(*, agent: Agent, maturity: str, reason: str, by: Actor) -> Ceiling:
    """Cap an agent at a maturity, grants included; replaces a ceiling it already has."""
    require_text(reason, what="reason", max_length=500, required=True)
    if maturity not in Maturity.values:
        raise InvalidInput(
            f"There is no maturity {maturity!r}; use one of {', '.join(Maturity.values)}."
        )
    with transaction.atomic():
        user_id = memberships.require_person(
            by=by, workspace_id=agent.workspace_id, right=Right.GOVERN
        )
        Agent.objects.locked(agent.pk)  # one ceiling at a time
        for old in Ceiling.objects.filter(agent_id=agent.pk, state=CeilingState.ACTIVE):
            _lift(old, reason=f"replaced: {reason}", by=by)
        ceiling = Ceiling(
            workspace_id=agent.workspace_id,
            agent=agent,
            maturity=maturity,
            reason=reason,
            set_by_id=user_id,
        )
        data = {"agent": str(agent.id), "maturity": str(maturity), "reason": reason}
        lifecycle.begin(ceiling, by=by, data=data)
    return ceiling


def lift_ceiling(*, agent: Agent, reason: str, by: Actor) -> None:
    """Remove the agent's ceiling. Raises StaleState when it has none."""
    require_text(reason, what="reason", max_length=500, required=True)
    with transaction.atomic():
        memberships.require(by=by, workspace_id=agent.workspace_id, right=Right.GOVERN)
        active = Ceiling.objects.filter(agent_id=agent.pk, state=CeilingState.ACTIVE).first()
        if active is None:
            raise StaleState(f"{agent.name} has no ceiling.")
        _lift(active, reason=reason, by=by)


def _lift(ceiling: Ceiling, *, reason: str, by: Actor) -> None:
    lifecycle.move(
        ceiling,
        to=CeilingState.LIFTED,
        by=by,
        fields={"lifted_at": timezone.now()},
        data={"reason": reason},
    )
