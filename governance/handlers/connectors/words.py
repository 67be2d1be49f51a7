"""What the connectors have in common: how a request ended, and the words for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from governance.domain.errors import GovernanceError
from governance.domain.values import Json
from governance.execution.registry import StepContext
from governance.services.secrets import SECRET_SCHEMA


class Unknown(GovernanceError):
    """It was sent, and nobody knows what the far side did. str() names no secret."""

    code = "unknown_outcome"


@dataclass(frozen=True, slots=True)
class Job:
    """What a connector is given. `keyed`: the far side acts once on our key, so it may be resent.

    `revealed` collects the secrets it reveals, so that they can be masked in all that leaves.
    """

    context: StepContext
    params: dict[str, Json]
    keyed: bool
    revealed: list[str]


Connector = Callable[[Job], dict[str, Json]]
"""Raises ActionFailed when nothing can have taken effect, Unknown when nobody knows."""


def text(most: int, **more: Json) -> dict[str, Json]:
    """The schema of a text of 1 to `most` characters."""
    return {"type": "string", "minLength": 1, "maxLength": most, **more}


def or_secret(schema: dict[str, Json]) -> dict[str, Json]:
    """The schema of a value that may be a credential's name instead."""
    return {"anyOf": [schema, SECRET_SCHEMA]}


def strict(properties: dict[str, Json], *required: str, **more: Json) -> dict[str, Json]:
    """The schema of an object with these members and no other."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(required),
        "additionalProperties": False,
        **more,
    }
