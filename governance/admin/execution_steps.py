"""The steps of an execution as they stand: what each does, how far it is, and what it brought."""

from __future__ import annotations

import datetime
import hashlib
import json
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from django.contrib.admin import ModelAdmin
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone

from governance.admin import frame, pictures
from governance.admin.rendering.visible import revealed, visible
from governance.domain.states import ExecutionState, StepState
from governance.models import (
    Attachment,
    Canvas,
    DeviceCommand,
    Execution,
    ExecutionStep,
)
from governance.models.execution import STEP_ENDED
from governance.policy.redaction import clean, clean_text

MOST_SHOWN = 4_000
"""Characters of an output on the page itself; all of it has a page of its own."""

_MINUTE, _HOUR = 60, 3_600


@dataclass(frozen=True, slots=True)
class Brought:
    """What belongs to a step besides its row: drawings, pictures, a device's command."""

    canvas: Canvas | None = None
    command: Mapping[str, Any] | None = None
    attachments: tuple[tuple[uuid.UUID, str], ...] = field(default=())

    @property
    def stamp(self) -> tuple[Any, ...]:
        """What changes when any of it does."""
        command = (self.command["pk"], self.command["version"]) if self.command else None
        return (self.canvas.pk if self.canvas else None, command, self.attachments)


def stamp(*values: Any) -> str:
    """A short word that is another one as soon as any of these values is."""
    return hashlib.sha256(repr(values).encode()).hexdigest()[:16]


def brought_by(execution: Execution) -> dict[uuid.UUID, Brought]:
    """What the steps of an execution brought, by step. Reads no picture's bytes."""
    found: dict[uuid.UUID, Brought] = {}
    canvases = Canvas.objects.filter(step__execution=execution).only("pk", "step_id", "title")
    for canvas in canvases:
        found[canvas.step_id] = replace(found.get(canvas.step_id, Brought()), canvas=canvas)
    commands = DeviceCommand.objects.filter(step__execution=execution).annotate(
        has_photo=Q(photo__isnull=False)
    )
    for command in commands.values(
        "pk", "version", "step_id", "state", "device_id", "device__name", "has_photo"
    ):
        key = command["step_id"]
        found[key] = replace(found.get(key, Brought()), command=command)
    attachments = Attachment.objects.filter(step__execution=execution).order_by("step", "name")
    for key, picture, name in attachments.values_list("step_id", "pk", "name"):
        before = found.get(key, Brought())
        found[key] = replace(before, attachments=(*before.attachments, (picture, name)))
    return found


def context(
    admin: ModelAdmin[Any],
    row: ExecutionStep,
    rows: list[ExecutionStep],
    brought: Brought,
) -> dict[str, Any]:
    """What the template of a step draws; `rows` are all the steps, in order."""
    problem = row.state in {StepState.FAILED, StepState.IN_DOUBT}
    said = visible(clean_text(row.error))
    return {
        "row": row,
        "number": row.position + 1,
        "state": frame.state_badge(row),
        "why": visible(why(row, rows)),
        "problem": said if problem else "",
        "remark": "" if problem or row.state == StepState.SKIPPED else said,
        "took": took(row),
        "waits": row.state == StepState.SENT,
        "attempts": _attempts(row),
        "effect": row.get_effect_display(),
        "output": _output(row),
        "pictures": list(_pictures(row, brought)),
        "canvas_title": visible(brought.canvas.title) if brought.canvas else "",
        "canvas_url": frame.link_to(admin, brought.canvas),
        **_device(brought),
    }


def why(row: ExecutionStep, rows: Iterable[ExecutionStep]) -> str:
    """Why a step was not carried out, or what it waits for; empty for any other."""
    execution = row.execution
    if row.state == StepState.SKIPPED:
        return f"Skipped: {clean_text(row.error)}"
    if row.state == StepState.NOT_RUN:
        return _why_not_run(row, rows)
    if row.state == StepState.PENDING and execution.state == ExecutionState.CLAIMED:
        first = next((one for one in rows if one.state not in STEP_ENDED), None)
        return "Its turn has come." if first == row else "Waits for its turn."
    return ""


def took(row: ExecutionStep) -> str:
    """How long it took from being sent to its end, or has taken so far; empty where unknown."""
    if row.sent_at is None or (row.finished_at is None and row.state != StepState.SENT):
        return ""
    return span((row.finished_at or timezone.now()) - row.sent_at)


def span(length: datetime.timedelta) -> str:
    """A length of time in at most two units."""
    seconds = max(0.0, length.total_seconds())
    if seconds < 10:  # noqa: PLR2004  below that, a part of a second says something
        return f"{seconds:.2f} s"
    whole = int(seconds)
    if whole < _MINUTE:
        return f"{whole} s"
    if whole < _HOUR:
        return f"{whole // _MINUTE} min {whole % _MINUTE} s"
    return f"{whole // _HOUR} h {whole % _HOUR // _MINUTE} min"


def _why_not_run(row: ExecutionStep, rows: Iterable[ExecutionStep]) -> str:
    if row.execution.state == ExecutionState.CANCELLED:
        return "Not run: the execution was cancelled before its turn."
    for one in rows:
        if one.state in {StepState.FAILED, StepState.IN_DOUBT}:
            word = "failed" if one.state == StepState.FAILED else "is in doubt"
            return (
                f"Not run: step {one.position + 1} ({one.step}) {word}, and the plan stops there."
            )
    return "Not run: a step before it was in doubt, and a plan does not go on behind a doubt."


def _attempts(row: ExecutionStep) -> str:
    if not row.attempts:
        return ""
    over = row.state in STEP_ENDED or row.state == StepState.IN_DOUBT
    return f"{row.attempts}{'' if over else ' so far,'} of at most {row.max_attempts}"


def _output(row: ExecutionStep) -> dict[str, Any] | None:
    """The output as indented JSON: its beginning, and where all of it is."""
    if not row.output:
        return None
    text = pretty(row)
    cut = len(text) > MOST_SHOWN
    return {
        "text": visible(text[:MOST_SHOWN], edges=False),
        "cut": cut,
        "total": len(text),
        "shown": min(len(text), MOST_SHOWN),
        "url": reverse("admin:governance_execution_output", args=[row.execution_id, row.pk]),
    }


def pretty(row: ExecutionStep) -> str:
    """The whole output of a step, indented, without what looks like a secret."""
    return json.dumps(clean(json.loads(row.output)), indent=2, ensure_ascii=False)


def _pictures(row: ExecutionStep, brought: Brought) -> Iterable[dict[str, Any]]:
    for key, name in brought.attachments:
        yield {
            "url": pictures.address("attachment", key),
            "label": f"{revealed(name)}, from step {row.position + 1}",
            "name": visible(name),
        }
    if brought.command and brought.command["has_photo"]:
        device = brought.command["device__name"]
        yield {
            "url": pictures.address("photo", brought.command["pk"]),
            "label": f"Photo taken by the device {device}",
            "name": visible(f"Photo taken by {device}"),
        }


def _device(brought: Brought) -> dict[str, Any]:
    if brought.command is None:
        return {}
    return {
        "device_name": visible(brought.command["device__name"]),
        "device_url": reverse(
            "admin:governance_device_change", args=[brought.command["device_id"]]
        ),
        "command_state": brought.command["state"].replace("_", " "),
    }
