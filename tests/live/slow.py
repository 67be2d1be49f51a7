"""A handler that takes its time, so that a plan can be met on its way."""

from __future__ import annotations

import time

from governance.domain.words import Complexity, Effect, Reversibility
from governance.execution.registry import ActionSpec


def write(context, params):
    """Write a letter, slowly."""
    time.sleep(params["seconds"])
    return {"letter": params["to"]}


SPEC = ActionSpec(
    key="letter_write",
    title="Write a letter",
    description="For the live tests.",
    complexity=Complexity.DRAFT,
    reversibility=Reversibility.REVERSIBLE,
    effect=Effect.KEYED,
    params_schema={
        "type": "object",
        "properties": {"to": {"type": "string"}, "seconds": {"type": "number"}},
        "required": ["to", "seconds"],
    },
    handler=write,
    phrase=lambda params: f"Write a letter to {params['to']}",
)

LETTERS = [
    {"id": name, "action_type": SPEC.key, "params": {"to": name, "seconds": {"$param": "seconds"}}}
    for name in ("ada", "ben", "cleo")
]
"""A plan of three."""
