"""Exam cases: write a version, retire a case, cut one from an episode."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Annotated, Any

from django.db import transaction
from django.db.models import Max
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from governance import ledger
from governance.domain.actors import Actor
from governance.domain.errors import InvalidInput, StaleState
from governance.domain.roles import Right
from governance.domain.states import StepState
from governance.domain.values import Json, digest, require_text
from governance.domain.words import Complexity, EpisodeOutcome, EpisodeSource, SegmentKind
from governance.models import (
    ActionType,
    Episode,
    EpisodeSegment,
    ExamCase,
    ExecutionStep,
    Run,
    Workspace,
)
from governance.policy import cutting, exams, plans
from governance.policy.cutting import NO_REASON, Recorded
from governance.services import memberships, programs
from governance.services.validation import cleaned

DEFAULT_SET = "default"
SECONDS = 60
MAX_ENTRIES = 200


class _Entry(BaseModel):
    """One case as a file gives it."""

    model_config = ConfigDict(extra="forbid", strict=True)

    key: str
    title: str
    task: Json
    tools: Json = Field(default_factory=list)
    expectation: str = exams.ANYTHING
    required: Json = Field(default_factory=list)
    forbidden: Json = Field(default_factory=list)
    seconds: Annotated[int, Field(ge=1, le=3_600)] = SECONDS


_ENTRIES = TypeAdapter(Annotated[list[_Entry], Field(min_length=1, max_length=MAX_ENTRIES)])


def define(
    *,
    workspace: Workspace,
    key: str,
    title: str,
    task: Json,
    tools: Json,
    by: Actor,
    case_set: str = DEFAULT_SET,
    expectation: str = exams.ANYTHING,
    required: Json = (),
    forbidden: Json = (),
    seconds: int = SECONDS,
    cut_from: Episode | None = None,
) -> ExamCase:
    """Write the next version of a case; versions never change. See `policy.exams` for the shapes.

    Every action type it names must be in the catalogue: a mistyped one would forbid nothing.
    Raises InvalidInput, NotAllowed.
    """
    required, forbidden = list(required), list(forbidden)
    members = {"task": task, "tools": tools, "required": required, "forbidden": forbidden}
    case = exams.read(**members, expectation=expectation)
    with transaction.atomic():
        memberships.require(by=by, workspace_id=workspace.id, right=Right.GOVERN)
        Workspace.objects.select_for_update(no_key=True).get(pk=workspace.pk)  # one at a time
        _require_known(case, workspace)
        versions = ExamCase.objects.of(workspace.id).filter(case_set=case_set, key=key)
        last = versions.aggregate(last=Max("number"))["last"] or 0
        row = ExamCase(
            workspace=workspace,
            case_set=case_set,
            key=key,
            number=last + 1,
            title=title,
            expectation=expectation,
            seconds=seconds,
            cut_from=cut_from,
            **members,
        )
        cleaned(row)
        row.save()
        said: dict[str, Json] = {**members, "expectation": expectation, "seconds": seconds}
        _record(row, "exam_case.defined", by=by, data={"digest": digest(said)})
    return row


def load(
    *, workspace: Workspace, entries: Json, by: Actor, case_set: str = DEFAULT_SET
) -> list[ExamCase]:
    """Define every case of a file, or none. Raises InvalidInput, NotAllowed."""
    try:
        found = _ENTRIES.validate_python(entries)
    except ValidationError as error:
        problem = error.errors(include_url=False, include_input=False, include_context=False)[0]
        where = "/".join(["cases", *(str(part) for part in problem["loc"])])
        raise InvalidInput(f"{where}: {problem['msg']}.") from error
    with transaction.atomic():
        return [_load(entry, workspace=workspace, case_set=case_set, by=by) for entry in found]


def retire(*, case: ExamCase, reason: str, by: Actor) -> ExamCase:
    """Leave a case out of further exams, until it gets another version.

    Raises StaleState when this is not its newest version, or it is retired; NotAllowed.
    """
    require_text(reason, what="reason", max_length=500, required=True)
    with transaction.atomic():
        memberships.require(by=by, workspace_id=case.workspace_id, right=Right.GOVERN)
        row = ExamCase.objects.locked(case.pk)
        same = ExamCase.objects.of(row.workspace_id).filter(case_set=row.case_set, key=row.key)
        if row.retired or same.filter(number__gt=row.number).exists():
            raise StaleState(f"{row} is not in force; only the version in force can be retired.")
        row.retired = True
        row.save(update_fields=["retired"])
        _record(row, "exam_case.retired", by=by, data={"reason": reason})
    return row


def cut_from_episode(
    *, episode: Episode, by: Actor, case_set: str = DEFAULT_SET, key: str = ""
) -> ExamCase:
    """Make a case of an episode: the same task, tools that answer as they did, and what is right.

    Right is what it changed, of an episode that succeeded. Of an imported conversation it is what
    the recording says was expected; but a success that was verified is right itself. Cutting the
    same episode again makes another version. Raises InvalidInput where nobody knows what would
    have been right, or nothing was done; NotAllowed.
    """
    workspace = episode.workspace
    memberships.require(by=by, workspace_id=workspace.id, right=Right.GOVERN)
    members = cutting.cut(changing=_changing(workspace), **_remembered(episode))
    return define(
        workspace=workspace,
        case_set=case_set,
        key=key or f"episode-{episode.pk.hex}",
        title=episode.title[:200],
        cut_from=episode,
        by=by,
        **members,
    )


def _load(entry: _Entry, *, workspace: Workspace, case_set: str, by: Actor) -> ExamCase:
    try:
        return define(workspace=workspace, case_set=case_set, by=by, **entry.model_dump())
    except InvalidInput as error:
        raise InvalidInput(f"{entry.key}: {error}") from error


def _require_known(case: exams.Case, workspace: Workspace) -> None:
    named = {tool.action_type for tool in case.tools}
    named |= {each.action_type for each in case.required}
    named |= {each.action_type for each in case.forbidden}
    known = ActionType.objects.of(workspace.id).filter(key__in=named)
    unknown = sorted(named - set(known.values_list("key", flat=True)))
    if unknown:
        raise InvalidInput(
            f"The catalogue has no action type {', '.join(unknown)}; correct it, or define it."
        )


def _record(row: ExamCase, kind: str, *, by: Actor, data: dict[str, Json]) -> None:
    ledger.append(
        kind=kind,
        by=by,
        workspace_id=row.workspace_id,
        subject_id=row.pk,
        data={"case_set": row.case_set, "key": row.key, "number": row.number, **data},
    )


# --- Cutting --------------------------------------------------------------------------------------


def _changing(workspace: Workspace) -> frozenset[str]:
    """The action types that change something, of those an agent may ask for."""
    rows = ActionType.objects.of(workspace.id).filter(
        complexity__gte=Complexity.CHANGE, system_only=False
    )
    return frozenset(rows.values_list("key", flat=True))


def _remembered(episode: Episode) -> dict[str, Any]:
    """The instruction, the context and the actions of an episode, and what was expected of it."""
    if episode.source == EpisodeSource.IMPORTED:
        return _of_recording(episode)
    run = episode.run or (episode.proposal.run if episode.proposal else None)
    if run is None:
        raise InvalidInput("This episode belongs to no run, so it has no task to set an agent.")
    _require_success(episode)
    instruction, context = programs.asked_by(run.trigger)
    return {"instruction": instruction, "context": context, "recorded": list(_of_run(run))}


def _of_run(run: Run) -> Iterable[Recorded]:
    """What was carried out in a run, or failed, in order."""
    rows = ExecutionStep.objects.filter(
        execution__run=run, state__in=[StepState.DONE, StepState.FAILED]
    )
    for row in rows.select_related("execution").order_by("finished_at", "position"):
        steps = plans.parse_text(row.execution.plan).steps
        params = next(step.params for step in steps if step.id == row.step)
        output = json.loads(row.output or "{}")
        error = (row.error or NO_REASON) if row.state == StepState.FAILED else ""
        yield Recorded(row.action_type, params, output, error)


def _of_recording(episode: Episode) -> dict[str, Any]:
    """From its segments.

    The first message of a user is what was asked. An action has `params`, and its `state`, with
    `error`, or with the tool's words as `text` (or an `output`). The result may have
    `expected_actions`: a list of `{"name", "arguments"}`.
    """
    segments = list(episode.segments.order_by("position"))
    messages = [
        s.data.get("text", "")
        for s in segments
        if s.kind == SegmentKind.MESSAGE and s.data.get("role", "user") == "user"
    ]
    results = [s.data for s in segments if s.kind == SegmentKind.RESULT]
    proven = episode.verified and episode.outcome == EpisodeOutcome.SUCCEEDED
    said = next((r["expected_actions"] for r in results if "expected_actions" in r), None)
    if said is None:
        _require_success(episode)
    wanted = None if proven or said is None else [(e["name"], e["arguments"]) for e in said]
    return {
        "instruction": next(filter(None, messages), episode.title),
        "context": {},
        "recorded": [_of_segment(s) for s in segments if s.kind == SegmentKind.ACTION],
        "expected": wanted,
    }


def _require_success(episode: Episode) -> None:
    """What was done in an episode is right only if it succeeded."""
    if episode.outcome != EpisodeOutcome.SUCCEEDED:
        raise InvalidInput(
            f"This episode {episode.outcome}, and nothing says what would have been right: write "
            "the case by hand."
        )


def _of_segment(segment: EpisodeSegment) -> Recorded:
    data = segment.data
    failed = data.get("state") == StepState.FAILED
    return Recorded(
        segment.action_type,
        data.get("params", {}),
        output=data.get("output", {"content": data.get("text", "")}),
        error=(data.get("error") or NO_REASON) if failed else "",
    )
