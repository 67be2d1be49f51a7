"""Who did something: a person, an agent, or the system itself, always named."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class ActorKind(StrEnum):
    """People decide; agents ask; devices do what they claimed; the system only carries out."""

    PERSON = "person"
    AGENT = "agent"
    DEVICE = "device"
    SYSTEM = "system"


@dataclass(frozen=True, slots=True)
class Actor:
    """The `by` of every service. `id` is the user's or agent's key, or the part of the system."""

    kind: ActorKind
    id: str
    label: str

    def as_json(self) -> dict[str, str]:
        """For ledger entries."""
        return {"kind": self.kind.value, "id": self.id, "label": self.label}

    def __str__(self) -> str:
        return f"{self.kind.value} {self.label}"


def system(part: str) -> Actor:
    """A part of the system as actor, such as `worker` or `setup`."""
    return Actor(ActorKind.SYSTEM, part, part)
