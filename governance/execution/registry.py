"""Handlers: the code behind action types in handler mode, found by the action type's exact key."""

from __future__ import annotations

import datetime
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field

from governance.domain.errors import NotFound
from governance.domain.values import Json
from governance.domain.words import Complexity, Effect, Reversibility
from governance.models.base import Record


class ActionFailed(Exception):
    """A handler raises this when it knows that nothing took effect. str() is shown to people.

    After any other exception a local or keyed step is tried again, up to its limit; an unkeyed
    one is in doubt.
    """


class ActionNeverHappened(ActionFailed):
    """As ActionFailed, by a handler that knows it of every attempt, and not only of this one."""


class ActionInDoubt(Exception):
    """A handler raises this when the far side took it and never said what became of it.

    A person has to look, whatever the effect class: trying again would not tell. str() is shown.
    """


class ActionWaits(Exception):
    """A handler with a local effect raises this when it can only go on once somebody has acted.

    `subject` is the row it waits for. What the handler did is rolled back, and it is called again
    when `delivery.wake` says that the row has changed, or at `until`: by then it has to end, one
    way or the other. Before it is believed, it is called once more with the row locked; whoever
    changes the row locks it too, and wakes in that transaction, so that no change passes unseen.
    """

    def __init__(self, why: str, *, subject: Record, until: datetime.datetime) -> None:
        super().__init__(why)
        self.row, self.subject, self.until = subject, subject.pk, until

    def lock(self) -> None:
        """Lock the row it waits for until the transaction ends. Raises NotFound."""
        type(self.row).objects.locked(self.subject)  # type: ignore[attr-defined]  # every Record has one


@dataclass(frozen=True, slots=True)
class StepContext:
    """Which step a handler is carrying out. `idempotency_key` is the same on every attempt."""

    workspace_id: uuid.UUID
    agent_id: uuid.UUID
    run_id: uuid.UUID | None
    execution_id: uuid.UUID
    step_id: uuid.UUID
    idempotency_key: str


Handler = Callable[[StepContext, dict[str, Json]], dict[str, Json]]
"""Takes the step and its validated params; returns a JSON object of at most 256,000 bytes.

A handler with a local effect runs inside the transaction that records its step; any other runs
outside every transaction.
"""


@dataclass(frozen=True, slots=True)
class ActionSpec:
    """What a handler says of itself: the catalogue entry that `setup` writes for it.

    `phrase` says in a few words what it will do with some params, which may hold references.
    `lacks` says what has to be installed before it works here, and is empty when nothing has to.
    """

    key: str
    title: str
    description: str
    complexity: Complexity
    reversibility: Reversibility
    effect: Effect
    params_schema: dict[str, Json]
    handler: Handler
    phrase: Callable[[dict[str, Json]], str] | None = None
    lacks: Callable[[], str] | None = None
    system_only: bool = False
    timeout_seconds: int = 60
    expires_after: datetime.timedelta = field(default=datetime.timedelta(days=7))


_SPECS: dict[str, ActionSpec] = {}


def register(spec: ActionSpec) -> None:
    """Make a handler known. Raises ValueError when the key is taken."""
    if spec.key in _SPECS:
        raise ValueError(f"Two handlers are registered for the action type {spec.key!r}.")
    _SPECS[spec.key] = spec


def unregister(key: str) -> None:
    """Forget a handler; for tests that register their own."""
    _SPECS.pop(key, None)


def find(key: str) -> ActionSpec:
    """The handler of exactly this key; raises NotFound."""
    spec = _SPECS.get(key)
    if spec is None:
        raise NotFound(
            f"No handler is registered for the action type {key!r}: register one in a "
            "handlers module of an installed application."
        )
    return spec


def known() -> tuple[ActionSpec, ...]:
    """Every registered handler, by key."""
    return tuple(_SPECS[key] for key in sorted(_SPECS))
