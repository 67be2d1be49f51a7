"""Forms: a person answers what an agent asked, once, and what waits for it goes on."""

from __future__ import annotations

from django.db import transaction

from governance import ledger
from governance.domain.actors import Actor
from governance.domain.errors import InvalidInput, StaleState
from governance.domain.roles import Right
from governance.domain.states import ExecutionState
from governance.domain.values import Json, digest, require_storable
from governance.domain.words import CanvasKind
from governance.execution import delivery
from governance.models import Canvas, Execution, FormAnswer
from governance.policy import forms
from governance.policy.redaction import clean
from governance.services import memberships


def answer(*, canvas: Canvas, answers: Json, by: Actor) -> FormAnswer:
    """Store what a person answered to a form, and let go on what waits for it.

    It takes the right to decide: what comes next in a plan can depend on an answer as it can on an
    approval, so whoever only reads (viewers, auditors) does not answer, and neither does an agent
    or the system. `answers`: by field name, each of its field's type; see `policy.forms`. What
    looks like a secret in them is masked, as in everything that is stored.

    Raises InvalidInput naming the fields (nothing is written), StaleState when somebody answered
    before or its plan was cancelled, NotAllowed.
    """
    if not isinstance(answers, dict):
        raise InvalidInput("The answers must be a JSON object, with a member for each field.")
    require_storable(answers, what="set of answers", max_bytes=forms.MAX_BYTES)
    with transaction.atomic():
        user_id = memberships.require_person(
            by=by, workspace_id=canvas.workspace_id, right=Right.DECIDE
        )
        row = Canvas.objects.locked(canvas.pk)  # one person at a time, and no worker in between
        _require_unanswered(row)
        _require_wanted(row)
        given = clean(forms.complete(fields_of(row), answers))
        found = FormAnswer.objects.create(
            workspace_id=row.workspace_id, canvas=row, answers=given, answered_by_id=user_id
        )
        ledger.append(
            kind="form.answered",
            by=by,
            workspace_id=row.workspace_id,
            subject_id=row.id,
            data={"answer": str(found.id), "fields": list(given), "answers": digest(given)},
        )
        delivery.wake(row.id)
    return found


def fields_of(canvas: Canvas) -> tuple[forms.FormField, ...]:
    """What a canvas asks for. Raises InvalidInput where it is no form that can be answered."""
    if canvas.kind != CanvasKind.FORM:
        raise InvalidInput(f"This canvas is a {canvas.kind}, and no form.")
    content = canvas.content if isinstance(canvas.content, dict) else {}
    return forms.read(content.get(CanvasKind.FORM))


def is_wanted(canvas: Canvas) -> bool:
    """Whether an answer may still be given: not once the plan that asked was cancelled.

    Unless another plan of the agent's waits for it.
    """
    cancelled = canvas.step.execution.state == ExecutionState.CANCELLED
    return not cancelled or Execution.objects.waiting_for(canvas.pk).exists()


def _require_wanted(canvas: Canvas) -> None:
    if not is_wanted(canvas):
        raise StaleState("The plan that asked this was cancelled; no answer is wanted any more.")


def _require_unanswered(canvas: Canvas) -> None:
    found = FormAnswer.objects.filter(canvas=canvas).select_related("answered_by").first()
    if found is not None:
        raise StaleState(
            f"{found.answered_by.get_username()} has answered this form already "
            f"({found.created_at:%Y-%m-%d %H:%M:%S} UTC); nothing was changed."
        )
