"""Plans: the canonical form of what is to be executed, and what an edit changed in it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from governance.domain.errors import InvalidInput
from governance.domain.values import Json, canonical_text, digest, parse_json, require_storable
from governance.policy import references

MAX_BYTES = 256_000
"""Largest plan accepted, in bytes."""

MAX_STEPS = 50
"""Most steps in one plan."""

_ID = r"^[a-z][a-z0-9_]{0,49}$"

MISSING = object()
"""Marks a side of a difference that is not there, which is not the same as null."""


class _Step(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    id: Annotated[str, Field(pattern=_ID)]
    action_type: Annotated[str, Field(min_length=1, max_length=100)]
    params: dict[str, Json]
    when: Annotated[str, Field(min_length=1)] = ""  # only where none is given, so null is refused


_STEPS = TypeAdapter(Annotated[list[_Step], Field(min_length=1, max_length=MAX_STEPS)])


@dataclass(frozen=True, slots=True)
class Step:
    """One step. `id` is unique in the plan: a lower-case name of at most 50 characters.

    `params` may hold references to the outputs of earlier steps; `when` is a condition on them.
    """

    id: str
    action_type: str
    params: dict[str, Json]
    when: str | None = None

    def as_json(self) -> dict[str, Json]:
        """The step's canonical members."""
        found: dict[str, Json] = {
            "id": self.id,
            "action_type": self.action_type,
            "params": self.params,
        }
        return found if self.when is None else {**found, "when": self.when}


@dataclass(frozen=True, slots=True)
class Plan:
    """An ordered, validated list of 1..50 steps, and its canonical text (RFC 8785)."""

    steps: tuple[Step, ...]
    text: str

    def as_json(self) -> list[dict[str, Json]]:
        """The plan as JSON data."""
        return [step.as_json() for step in self.steps]


def single(action_type: str, params: dict[str, Json]) -> list[dict[str, Json]]:
    """A single action as the plan of one step that it is."""
    return [{"id": "step1", "action_type": action_type, "params": params}]


def parse(data: Json) -> Plan:
    """Validate and canonicalise a list of steps.

    Raises InvalidInput for anything but 1..50 steps `{id, action_type, params, when?}` with
    unique ids, for references that do not compile or name a step that does not come earlier,
    for more than 256,000 bytes, and for what has no canonical JSON form.
    """
    require_storable(data, what="plan", max_bytes=MAX_BYTES)
    text = canonical_text(data, what="plan")
    # Read back from the canonical text, so that what is judged and executed is what was sealed.
    # 1e16 is written as a whole number, and whole numbers of that size are refused.
    read_back = json.loads(text)
    canonical_text(read_back, what="plan")
    try:
        found = _STEPS.validate_python(read_back)
    except ValidationError as error:
        raise InvalidInput(_first_problem(error)) from error
    steps = tuple(Step(step.id, step.action_type, step.params, step.when or None) for step in found)
    _check(steps)
    return Plan(steps, text)


def is_id(text: str) -> bool:
    """Whether a step could have this id."""
    return re.fullmatch(_ID, text) is not None


def parse_step(data: Json) -> Step:
    """Validate the form of one step by itself. Raises InvalidInput."""
    try:
        found = _Step.model_validate(data)
    except ValidationError as error:
        raise InvalidInput(_first_problem(error)) from error
    return Step(found.id, found.action_type, found.params, found.when or None)


def parse_text(text: str | bytes) -> Plan:
    """`parse` for a plan that arrives, or is stored, as JSON text. Raises InvalidInput."""
    return parse(parse_json(text, what="plan", max_bytes=MAX_BYTES))


def seal(*, plan: Plan, agent_id: str, fingerprint: str, policy_version: int) -> str:
    """The digest a review binds to: plan, agent, fingerprint and policy version, as SHA-256."""
    return digest(
        {
            "agent": agent_id,
            "fingerprint": fingerprint,
            "plan": plan.as_json(),
            "policy_version": policy_version,
        }
    )


def difference(before: Json, after: Json) -> list[dict[str, Json]]:
    """What changed, by JSON Pointer (RFC 6901): `{"path", "before"?, "after"?}`, in order.

    A side that is absent was not there; null is a value like any other. 1 and true differ.
    """
    found = []
    for path, old, new in _walk("", before, after):
        entry: dict[str, Json] = {"path": path}
        if old is not MISSING:
            entry["before"] = old
        if new is not MISSING:
            entry["after"] = new
        found.append(entry)
    return found


def _walk(path: str, old: Json, new: Json) -> Iterator[tuple[str, Json, Json]]:
    if isinstance(old, dict) and isinstance(new, dict):
        for key in [*old, *(key for key in new if key not in old)]:
            token = key.replace("~", "~0").replace("/", "~1")
            yield from _walk(f"{path}/{token}", old.get(key, MISSING), new.get(key, MISSING))
    elif isinstance(old, list) and isinstance(new, list):
        for index in range(max(len(old), len(new))):
            left = old[index] if index < len(old) else MISSING
            right = new[index] if index < len(new) else MISSING
            yield from _walk(f"{path}/{index}", left, right)
    elif old is MISSING or new is MISSING or canonical_text(old) != canonical_text(new):
        yield path, old, new


def _check(steps: tuple[Step, ...]) -> None:
    earlier: tuple[str, ...] = ()
    for step in steps:
        if step.id in earlier:
            raise InvalidInput(f"The plan has two steps with the id {step.id!r}; make ids unique.")
        try:
            if step.when is not None:
                references.check(step.when, earlier=earlier, boolean=True)
            for source in references.expressions(step.params):
                references.check(source, earlier=earlier)
        except InvalidInput as error:
            raise InvalidInput(f"Step {step.id}: {error}.") from error
        earlier = (*earlier, step.id)


def _first_problem(error: ValidationError) -> str:
    problem = error.errors(include_url=False, include_context=False, include_input=False)[0]
    where = "/".join(["plan", *(str(part) for part in problem["loc"])])
    return f"{where}: {problem['msg']}. A step is {{id, action_type, params, when?}}."
