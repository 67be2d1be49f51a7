"""Agents: register, update, pause, resume, retire."""

from __future__ import annotations

import uuid
from typing import Any

from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from governance import ledger, lifecycle
from governance.domain.actors import Actor
from governance.domain.errors import InvalidInput
from governance.domain.roles import Right
from governance.domain.states import AgentState, CeilingState
from governance.domain.values import Json, digest, require_storable, require_text
from governance.domain.words import ChangeReason, Maturity
from governance.models import Agent, Ceiling, Workspace
from governance.policy import confidence
from governance.services import maturity as maturity_service
from governance.services import memberships
from governance.services.validation import cleaned

MAX_CONFIGURATION_BYTES = 64_000
EDITABLE = ("category", "description", "module_path", "class_name", "configuration")


def register(
    *,
    workspace: Workspace,
    name: str,
    owner: AbstractBaseUser,
    by: Actor,
    maturity: str = Maturity.STUDENT,
    category: str = "",
    description: str = "",
    module_path: str = "",
    class_name: str = "",
    configuration: dict[str, Json] | None = None,
) -> Agent:
    """Register an agent. Raises InvalidInput, NotAllowed.

    A maturity above student is a governor's word without evidence, and the ledger says so.
    """
    if maturity not in Maturity.values:
        raise InvalidInput(
            f"There is no maturity {maturity!r}; use one of {', '.join(Maturity.values)}."
        )
    agent = Agent(
        workspace=workspace,
        name=require_text(name, what="name", max_length=100, required=True),
        owner_id=owner.pk,
        maturity=maturity,
        category=category,
        description=description,
        module_path=module_path,
        class_name=class_name,
        configuration={} if configuration is None else configuration,
    )
    agent.fingerprint = fingerprint(agent)
    with transaction.atomic():
        memberships.require(by=by, workspace_id=workspace.id, right=Right.GOVERN)
        _check(agent)
        lifecycle.begin(
            agent,
            by=by,
            data={
                "name": name,
                "owner": owner.get_username(),
                "maturity": str(maturity),
                "evidence": None,
                "fingerprint": agent.fingerprint,
            },
        )
    return agent


def update(*, agent: Agent, changes: dict[str, Any], by: Actor) -> Agent:
    """Change what describes an agent (see EDITABLE); returns the row as it is now.

    A new fingerprint makes plans it proposed before impossible to approve, and begins a new stint:
    trust does not transfer silently, and grants are revoked. With
    GOVERNANCE_FINGERPRINT_DEMOTES the agent's maturity drops by one level as well. Raises
    InvalidInput, NotAllowed, NotFound.
    """
    unknown = sorted(set(changes) - set(EDITABLE))
    if unknown:
        raise InvalidInput(f"These cannot be changed here: {', '.join(unknown)}.")
    with transaction.atomic():
        memberships.require(by=by, workspace_id=agent.workspace_id, right=Right.GOVERN)
        row = Agent.objects.locked(agent.pk)
        before = row.fingerprint
        for name, value in changes.items():
            setattr(row, name, value)
        row.fingerprint = fingerprint(row)
        _check(row)
        row.save(update_fields=[*changes, "fingerprint"])
        ledger.append(
            kind="agent.updated",
            by=by,
            workspace_id=row.workspace_id,
            subject_id=row.id,
            data={
                "changed": sorted(changes),
                "fingerprint_before": before,
                "fingerprint": row.fingerprint,
            },
        )
        if row.fingerprint != before:
            _narrow(row, by=by)
    return row


def pause(*, agent: Agent, reason: str, by: Actor) -> None:
    """From the next decision on, everything the agent asks is denied."""
    _move(agent, to=AgentState.PAUSED, reason=reason, by=by)


def resume(*, agent: Agent, reason: str, by: Actor) -> None:
    """Let a paused agent ask again."""
    _move(agent, to=AgentState.ACTIVE, reason=reason, by=by)


def retire(*, agent: Agent, reason: str, by: Actor) -> None:
    """End an agent for good."""
    _move(agent, to=AgentState.RETIRED, reason=reason, by=by)


def advisers(workspace_id: uuid.UUID) -> QuerySet[Agent]:
    """The active autonomous agents of a workspace that no ceiling holds below that."""
    capped = Ceiling.objects.of(workspace_id).filter(state=CeilingState.ACTIVE)
    found = Agent.objects.of(workspace_id).filter(
        maturity=Maturity.AUTONOMOUS, state=AgentState.ACTIVE
    )
    return found.exclude(
        pk__in=capped.exclude(maturity=Maturity.AUTONOMOUS).values("agent_id")
    ).order_by("name")


def raise_confidence(*, agent: Agent, gain: float, why: dict[str, Json], by: Actor) -> float:
    """Add to an agent's confidence, up to 1; returns what it is now. Maturity stays as it is.

    Needs the transaction of what was completed, and a caller that was allowed to.
    """
    row = Agent.objects.locked(agent.pk)
    before, after = row.confidence_score, confidence.raised(row.confidence_score, gain)
    row.confidence_score = after
    row.save(update_fields=["confidence_score"])
    ledger.append(
        kind="agent.confidence",
        by=by,
        workspace_id=row.workspace_id,
        subject_id=row.id,
        data={"before": before, "after": after, "gain": gain, **why},
    )
    return after


def fingerprint(agent: Agent) -> str:
    """SHA-256 of what the agent is made of: its code and its configuration."""
    made_of = {
        "module_path": agent.module_path,
        "class_name": agent.class_name,
        "configuration": agent.configuration,
    }
    return digest(made_of, what="configuration")


def _narrow(row: Agent, *, by: Actor) -> None:
    """It is another agent now: what was shown before does not speak for it. Needs its lock."""
    if settings.GOVERNANCE_FINGERPRINT_DEMOTES and row.maturity != Maturity.STUDENT:
        levels = list(Maturity)
        below = levels[levels.index(Maturity(row.maturity)) - 1]
        note = "Its model, prompt, tools or code changed."
        change = maturity_service.demote(
            agent=row, to=below, reason=ChangeReason.FINGERPRINT, note=note, by=by
        )
        row.maturity, row.stint, row.stint_began_at = below, change.stint, change.created_at
        return
    row.stint, row.stint_began_at = row.stint + 1, timezone.now()
    row.save(update_fields=["stint", "stint_began_at"])
    maturity_service.revoke_grants(row, reason="The agent's fingerprint changed.", by=by)


def _move(agent: Agent, *, to: AgentState, reason: str, by: Actor) -> None:
    require_text(reason, what="reason", max_length=2_000, required=True)
    with transaction.atomic():
        memberships.require(by=by, workspace_id=agent.workspace_id, right=Right.GOVERN)
        lifecycle.move(agent, to=to, by=by, data={"reason": reason})


def _check(agent: Agent) -> None:
    configuration = agent.configuration
    if not isinstance(configuration, dict):
        raise InvalidInput("The configuration must be a JSON object.")
    capabilities = configuration.get("capabilities", [])
    if not isinstance(capabilities, list) or not all(isinstance(c, str) for c in capabilities):
        raise InvalidInput('configuration["capabilities"] must be a list of strings.')
    require_storable(configuration, what="configuration", max_bytes=MAX_CONFIGURATION_BYTES)
    cleaned(agent)
