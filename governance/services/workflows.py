"""Workflows: write a new version; put stored plans in the place of the steps that trigger them."""

from __future__ import annotations

import json
import re
from typing import Any

from django.db import transaction
from django.db.models import Max
from pydantic import BaseModel, ConfigDict, ValidationError

from governance import ledger
from governance.domain.actors import Actor
from governance.domain.errors import InvalidInput
from governance.domain.roles import Right
from governance.domain.values import Json, canonical_text, digest
from governance.models import ActionType, Workflow, Workspace
from governance.policy import expansion, plans, schemas
from governance.services import memberships
from governance.services.validation import cleaned

_NAME = re.compile(r"[a-z][a-z0-9_-]{0,59}")


class _Entry(BaseModel):
    """A workflow as a file gives it."""

    model_config = ConfigDict(extra="forbid", strict=True)

    name: str
    title: str
    params_schema: dict[str, Json] = {"type": "object", "additionalProperties": False}
    plan: list[Json]


def load(*, workspace: Workspace, entry: Json, by: Actor) -> Workflow:
    """`define` what a file holds: `{"name", "title", "plan", "params_schema"?}`, nothing else.

    Without a schema it takes no params. Raises InvalidInput, NotFound, NotAllowed.
    """
    try:
        found = _Entry.model_validate(entry)
    except ValidationError as error:
        problem = error.errors(include_url=False, include_input=False, include_context=False)[0]
        where = "/".join(["workflow", *(str(part) for part in problem["loc"])])
        raise InvalidInput(f"{where}: {problem['msg']}.") from error
    return define(workspace=workspace, **found.model_dump(), by=by)


def define(
    *,
    workspace: Workspace,
    name: str,
    title: str,
    plan: Json,
    params_schema: dict[str, Json],
    by: Actor,
) -> Workflow:
    """Write the next version of a workflow. Versions never change.

    `plan` is a plan whose params may hold `{"$param": "name"}`; every name must be a property of
    `params_schema`. It may not trigger a workflow itself. Raises InvalidInput, NotAllowed.
    """
    schemas.check_schema(params_schema)
    text = canonical_text(plan, what="plan")
    parsed = plans.parse(plan)
    if any(step.action_type == expansion.ACTION for step in parsed.steps):
        raise InvalidInput("A workflow cannot trigger a workflow; write its steps out.")
    expansion.check(parsed.as_json())
    _check_names(parsed, params_schema)
    with transaction.atomic():
        memberships.require(by=by, workspace_id=workspace.id, right=Right.GOVERN)
        Workspace.objects.select_for_update(no_key=True).get(pk=workspace.pk)  # one at a time
        _check_types(parsed, workspace)
        versions = Workflow.objects.of(workspace.id).filter(name=name)
        last = versions.aggregate(last=Max("number"))["last"] or 0
        workflow = Workflow(
            workspace=workspace,
            name=name,
            number=last + 1,
            title=title,
            params_schema=params_schema,
            plan=text,
        )
        cleaned(workflow)
        workflow.save()
        ledger.append(
            kind="workflow.defined",
            by=by,
            workspace_id=workspace.id,
            subject_id=workflow.id,
            data={"name": name, "number": workflow.number, "plan": digest(plan)},
        )
    return workflow


def expanded(plan: Json, *, workspace: Workspace) -> Json:
    """The plan with the newest version of every workflow it triggers written out in its place.

    Raises NotFound for an unknown workflow, InvalidInput for params its schema refuses and for
    what a trigger's own condition and params may not name.
    """
    if not isinstance(plan, list) or not any(_triggers(step) for step in plan):
        return plan
    written: list[Json] = []
    for step in plan:
        written += _expand(step, workspace, _ids(written)) if _triggers(step) else [step]
    return written


def _ids(steps: list[Json]) -> tuple[str, ...]:
    # Not validated yet: what is no id cannot be named either, and is refused with the whole plan.
    found = (step.get("id") for step in steps if isinstance(step, dict))
    return tuple(name for name in found if isinstance(name, str) and plans.is_id(name))


def _triggers(step: Json) -> bool:
    return isinstance(step, dict) and step.get("action_type") == expansion.ACTION


def _expand(
    step: dict[str, Any], workspace: Workspace, earlier: tuple[str, ...]
) -> list[dict[str, Json]]:
    outer = plans.parse_step(step)
    ActionType.objects.keyed(expansion.ACTION, workspace_id=workspace.id)
    name, given = outer.params.get("workflow"), outer.params.get("params", {})
    if not isinstance(name, str) or not isinstance(given, dict):
        raise InvalidInput(
            f'Step {outer.id}: write {{"workflow": "its name", "params": {{...}}}} to trigger one.'
        )
    if not _NAME.fullmatch(name):  # before the database, which cannot even be asked for some
        raise InvalidInput(
            f"Step {outer.id}: a workflow's name is a-z, 0-9, _ and -, from a letter, at most 60."
        )
    workflow = Workflow.objects.newest(name, workspace_id=workspace.id)
    wrong = schemas.problems(workflow.params_schema, given, unresolved=True)
    if wrong:
        raise InvalidInput(f"Step {outer.id}, workflow {name}: {'; '.join(wrong)}.")
    try:
        return expansion.expand(outer.as_json(), json.loads(workflow.plan), earlier=earlier)
    except InvalidInput as error:
        raise InvalidInput(f"Step {outer.id}, workflow {name}: {error}.") from error


def _check_names(plan: plans.Plan, params_schema: dict[str, Json]) -> None:
    used = expansion.parameters([step.params for step in plan.steps])
    required = set(params_schema.get("required", ()))
    if used - required:
        names = ", ".join(sorted(used - required))
        raise InvalidInput(f"The plan uses params that its schema does not require: {names}.")


def _check_types(plan: plans.Plan, workspace: Workspace) -> None:
    for step in plan.steps:
        ActionType.objects.keyed(step.action_type, workspace_id=workspace.id)
