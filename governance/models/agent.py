"""Agent: a registered agent, with the maturity it has earned."""

from __future__ import annotations

import uuid
from typing import ClassVar

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils import timezone

from governance.domain import states
from governance.domain.actors import Actor, ActorKind
from governance.domain.errors import NotFound
from governance.domain.words import Maturity
from governance.models.base import Record, RecordQuerySet, Stateful, one_of, state_check


class AgentQuerySet(RecordQuerySet["Agent"]):
    """Reads."""

    def named(self, name: str, *, workspace_id: uuid.UUID) -> Agent:
        """The agent of this name; raises NotFound."""
        agent = self.of(workspace_id).filter(name=name).first()
        if agent is None:
            raise NotFound(f"There is no agent {name!r} here; `register_agent` registers one.")
        return agent


class Agent(Stateful, Record):
    """Capabilities live at `configuration["capabilities"]`, a list of strings.

    `stint` counts the changes of its maturity: what it shows, it shows in a stint, and what was
    shown before a demotion does not count after it. A new fingerprint begins a new one as well.
    """

    LIFECYCLE: ClassVar = states.AGENT

    name = models.CharField(max_length=100)
    category = models.CharField(max_length=100, blank=True)
    description = models.TextField(max_length=2_000, blank=True)
    module_path = models.CharField(max_length=200, blank=True)
    class_name = models.CharField(max_length=100, blank=True)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="owned_agents"
    )
    maturity = models.CharField(
        max_length=20, choices=Maturity.choices, default=Maturity.STUDENT, editable=False
    )
    state = models.CharField(
        max_length=20,
        choices=states.AgentState.choices,
        default=states.AGENT.initial,
        editable=False,
    )
    stint = models.PositiveIntegerField(default=0, editable=False)
    stint_began_at = models.DateTimeField(default=timezone.now, editable=False)
    confidence_score = models.FloatField(
        default=0.0, editable=False, validators=[MinValueValidator(0.0), MaxValueValidator(1.0)]
    )
    configuration = models.JSONField(default=dict, blank=True)
    fingerprint = models.CharField(max_length=64, editable=False)

    objects = AgentQuerySet.as_manager()

    class Meta:
        ordering = ("name",)
        constraints = (
            models.UniqueConstraint(fields=("workspace", "name"), name="agent_name_once"),
            one_of("maturity", Maturity.values, name="agent_maturity_known"),
            state_check(states.AGENT, name="agent_state_known"),
            models.CheckConstraint(
                condition=Q(confidence_score__gte=0.0, confidence_score__lte=1.0),
                name="agent_confidence_0_to_1",
            ),
        )

    def __str__(self) -> str:
        return self.name

    @property
    def actor(self) -> Actor:
        """The agent as the `by` of a service."""
        return Actor(ActorKind.AGENT, str(self.id), self.name)

    @property
    def capabilities(self) -> tuple[str, ...]:
        """The strings at configuration["capabilities"]; anything else there is left out."""
        found = self.configuration.get("capabilities", ())
        return tuple(item for item in found if isinstance(item, str))
