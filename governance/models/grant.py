"""Grant and Ceiling: the one thing that loosens, and the one that caps everything."""

from __future__ import annotations

import uuid
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q

from governance.domain import states
from governance.domain.states import CeilingState, GrantState
from governance.domain.words import Maturity, Route
from governance.models.agent import Agent
from governance.models.base import (
    Record,
    RecordQuerySet,
    Stateful,
    one_of,
    set_exactly_in,
    state_check,
)
from governance.policy.conditions import MAX_LENGTH

LOOSENING = (Route.EXECUTION, Route.SUPERVISION, Route.PROPOSAL)


class GrantQuerySet(RecordQuerySet["Grant"]):
    """Reads."""

    def in_force(self, *, agent_id: uuid.UUID, action_type: str) -> GrantQuerySet:
        """Unrevoked grants for exactly this agent and action type; the gate looks at expiry."""
        return self.filter(agent_id=agent_id, action_type=action_type, state=GrantState.ACTIVE)


class Grant(Stateful, Record):
    """Per agent and action type: the base route becomes `route` until `expires_at`."""

    LIFECYCLE: ClassVar = states.GRANT

    agent = models.ForeignKey(Agent, on_delete=models.PROTECT, related_name="grants")
    action_type = models.CharField(max_length=100)
    route = models.CharField(
        max_length=20,
        choices=[(route.value, route.label) for route in LOOSENING],
        default=Route.EXECUTION,
    )
    condition = models.TextField(max_length=MAX_LENGTH, blank=True)
    reason = models.CharField(max_length=500)
    given_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    expires_at = models.DateTimeField()
    state = models.CharField(
        max_length=20, choices=GrantState.choices, default=states.GRANT.initial, editable=False
    )
    revoked_at = models.DateTimeField(null=True, editable=False)

    objects = GrantQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at", "-id")
        indexes = (
            models.Index(fields=("agent", "action_type", "state"), name="grant_in_force"),
            models.Index(fields=("workspace", "-created_at", "-id"), name="grant_list"),
        )
        constraints = (
            one_of("route", LOOSENING, name="grant_route_loosens"),
            state_check(states.GRANT, name="grant_state_known"),
            set_exactly_in({GrantState.REVOKED}, "revoked_at", name="grant_revoked_pairs"),
        )

    def __str__(self) -> str:
        return f"{self.agent}: {self.action_type} to {self.route}"


class Ceiling(Stateful, Record):
    """However much an agent earns or is granted, it may do no more than at this maturity."""

    LIFECYCLE: ClassVar = states.CEILING

    agent = models.ForeignKey(Agent, on_delete=models.PROTECT, related_name="ceilings")
    maturity = models.CharField(max_length=20, choices=Maturity.choices)
    reason = models.CharField(max_length=500)
    set_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    state = models.CharField(
        max_length=20, choices=CeilingState.choices, default=states.CEILING.initial, editable=False
    )
    lifted_at = models.DateTimeField(null=True, editable=False)

    objects = RecordQuerySet["Ceiling"].as_manager()

    class Meta:
        ordering = ("-created_at", "-id")
        indexes = (models.Index(fields=("workspace", "-created_at", "-id"), name="ceiling_list"),)
        constraints = (
            models.UniqueConstraint(
                fields=("agent",), condition=Q(state=CeilingState.ACTIVE), name="ceiling_one_active"
            ),
            one_of("maturity", Maturity.values, name="ceiling_maturity_known"),
            state_check(states.CEILING, name="ceiling_state_known"),
            set_exactly_in({CeilingState.LIFTED}, "lifted_at", name="ceiling_lifted_pairs"),
        )

    def __str__(self) -> str:
        return f"{self.agent}: at most {self.maturity}"
