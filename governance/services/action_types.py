"""Action types: the catalogue, from handlers' own specs and from files."""

from __future__ import annotations

import datetime
from collections.abc import Iterable
from typing import Annotated, Any

from django.db import transaction
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from governance import ledger
from governance.domain.actors import Actor, ActorKind
from governance.domain.errors import InvalidInput, NotAllowed
from governance.domain.roles import Right
from governance.domain.values import Json, require_storable
from governance.domain.words import Complexity, Effect, Mode, Reversibility
from governance.execution import registry
from governance.execution.registry import ActionSpec
from governance.models import ActionType, Workspace
from governance.policy import schemas
from governance.services import memberships
from governance.services.validation import cleaned

MAX_ENTRIES = 1_000
FIELDS = (
    "title",
    "description",
    "complexity",
    "reversibility",
    "mode",
    "effect",
    "params_schema",
    "required_approvals",
    "expires_after",
    "max_attempts",
    "timeout_seconds",
    "enabled",
)


class _Entry(BaseModel):
    """One action type as a file gives it. `expires_after_hours`: 1 hour to 1 year."""

    model_config = ConfigDict(extra="forbid", strict=True)

    key: str
    title: str
    description: str = ""
    complexity: Annotated[int, Field(ge=1, le=4)]
    reversibility: str
    mode: str
    effect: str
    params_schema: dict[str, Json]
    required_approvals: Annotated[int, Field(ge=1, le=20)] = 1
    max_attempts: Annotated[int, Field(ge=1, le=20)] = 3
    timeout_seconds: Annotated[int, Field(ge=1, le=3_600)] = 60
    expires_after_hours: Annotated[float, Field(ge=1, le=8_784)] = 168
    enabled: bool = True


_ENTRIES = TypeAdapter(Annotated[list[_Entry], Field(min_length=1, max_length=MAX_ENTRIES)])


def load(*, workspace: Workspace, entries: Json, by: Actor) -> dict[str, list[str]]:
    """Define every entry of a catalogue file, or none; returns the keys by what happened to them.

    `{"created": [...], "changed": [...], "unchanged": [...]}`. Raises InvalidInput, NotAllowed.
    """
    try:
        found = _ENTRIES.validate_python(entries)
    except ValidationError as error:
        problem = error.errors(include_url=False, include_input=False, include_context=False)[0]
        where = "/".join(["actions", *(str(part) for part in problem["loc"])])
        raise InvalidInput(f"{where}: {problem['msg']}.") from error
    result: dict[str, list[str]] = {"created": [], "changed": [], "unchanged": []}
    with transaction.atomic():
        for entry in found:
            values = entry.model_dump(exclude={"key", "expires_after_hours"})
            values["expires_after"] = datetime.timedelta(hours=entry.expires_after_hours)
            result[define(workspace=workspace, key=entry.key, values=values, by=by)].append(
                entry.key
            )
    return result


def define(*, workspace: Workspace, key: str, values: dict[str, Any], by: Actor) -> str:
    """Create or change one action type; returns `created`, `changed` or `unchanged`.

    `values` holds any of FIELDS. Raises InvalidInput, NotAllowed. What only the system may
    ask for cannot be changed.
    """
    unknown = sorted(set(values) - set(FIELDS))
    if unknown:
        raise InvalidInput(f"These are not fields of an action type: {', '.join(unknown)}.")
    with transaction.atomic():
        memberships.require(by=by, workspace_id=workspace.id, right=Right.GOVERN)
        row = ActionType.objects.of(workspace.id).select_for_update().filter(key=key).first()
        if row is not None and row.system_only:
            raise InvalidInput(f"The action type {key!r} belongs to the system; use another key.")
        before = None if row is None else _values(row)
        row = row or ActionType(workspace=workspace, key=key)
        for name, value in values.items():
            setattr(row, name, value)
        check(row)
        if before == _values(row):
            return "unchanged"
        row.save()
        _append(row, before=before, by=by)
    return "changed" if before else "created"


def install_builtin(*, workspace: Workspace, by: Actor) -> list[str]:
    """Define the action types of every registered handler; returns the keys it created.

    One whose handler lacks something on this machine is left disabled. An action type that is
    already there is left as its governors have it.
    """
    with transaction.atomic():
        memberships.require(by=by, workspace_id=workspace.id, right=Right.GOVERN)
        return _install(workspace, registry.known(), by=by)


def install_own(*, workspace: Workspace, by: Actor) -> list[str]:
    """Define those of the system's own action types that a workspace does not have yet.

    A workspace set up under an earlier version lacks those that came later. They are the system's,
    and nobody can change or disable them: so it may put them there when it needs them. Needs the
    caller's transaction. Raises NotAllowed unless the system asks.
    """
    if by.kind is not ActorKind.SYSTEM:
        raise NotAllowed(f"Only the system itself installs its own action types, and {by} asked.")
    # One at a time: of two processes that miss the same one, the second finds it there.
    Workspace.objects.locked(workspace.pk)
    return _install(workspace, [spec for spec in registry.known() if spec.system_only], by=by)


def check(row: ActionType) -> None:
    """Raise InvalidInput unless the action type can be judged and, in handler mode, carried out."""
    for column, words in (("reversibility", Reversibility), ("mode", Mode), ("effect", Effect)):
        if getattr(row, column) not in words.values:
            raise InvalidInput(
                f"{row.key}: {column} must be one of {', '.join(words.values)}, "
                f"not {getattr(row, column)!r}."
            )
    if row.complexity not in Complexity.values:
        raise InvalidInput(f"{row.key}: complexity must be 1, 2, 3 or 4.")
    try:
        require_storable(row.params_schema, what="params_schema", max_bytes=schemas.MAX_BYTES)
        schemas.check_schema(row.params_schema)
    except InvalidInput as error:
        raise InvalidInput(f"{row.key}: {error}") from error
    if row.mode == Mode.HANDLER and row.enabled:
        _check_handler(row)
    cleaned(row)


def _install(workspace: Workspace, specs: Iterable[ActionSpec], *, by: Actor) -> list[str]:
    created = []
    there = set(ActionType.objects.of(workspace.id).values_list("key", flat=True))
    for spec in specs:
        if spec.key in there:
            continue
        row = _from_spec(workspace, spec)
        check(row)
        row.save()
        _append(row, before=None, by=by)
        created.append(spec.key)
    return created


def _from_spec(workspace: Workspace, spec: ActionSpec) -> ActionType:
    """Disabled where the handler lacks something on this machine."""
    return ActionType(
        workspace=workspace,
        key=spec.key,
        title=spec.title,
        description=spec.description,
        complexity=spec.complexity,
        reversibility=spec.reversibility,
        mode=Mode.HANDLER,
        effect=spec.effect,
        params_schema=spec.params_schema,
        expires_after=spec.expires_after,
        timeout_seconds=spec.timeout_seconds,
        system_only=spec.system_only,
        enabled=not (spec.lacks and spec.lacks()),
    )


def _check_handler(row: ActionType) -> None:
    spec = next((spec for spec in registry.known() if spec.key == row.key), None)
    if spec is None:
        raise InvalidInput(
            f"{row.key}: no handler is registered under this key; register one, or use mode agent."
        )
    if row.effect != spec.effect:
        raise InvalidInput(
            f"{row.key}: its handler's effect is {spec.effect.value}, not {row.effect}; "
            "what is promised about repeating it depends on that."
        )


def _values(row: ActionType) -> dict[str, Any]:
    return {name: getattr(row, name) for name in FIELDS}


def _append(row: ActionType, *, before: dict[str, Any] | None, by: Actor) -> None:
    ledger.append(
        kind="action_type.changed" if before else "action_type.created",
        by=by,
        workspace_id=row.workspace_id,
        subject_id=row.id,
        data={"key": row.key, "before": _as_json(before), "after": _as_json(_values(row))},
    )


def _as_json(values: dict[str, Any] | None) -> dict[str, Json] | None:
    if values is None:
        return None
    hours = values["expires_after"].total_seconds() / 3_600
    words = {name: str(values[name]) for name in ("reversibility", "mode", "effect")}
    return {
        **values,
        **words,
        "complexity": int(values["complexity"]),
        "expires_after": hours,
    }
