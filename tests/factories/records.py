"""What is written once and never moves: decisions, canvases, pictures, ledger entries."""

from __future__ import annotations

import factory
from django.db import transaction

from governance import gate, ledger
from governance.domain.roles import Role
from governance.domain.words import Mode
from governance.models import Attachment, Canvas, Decision, FormAnswer, LedgerEntry
from governance.services import actions, attachments, forms
from tests.factories.base import ServiceFactory
from tests.factories.devices import PIXEL
from tests.factories.moves import run_worker
from tests.factories.people import BY_SYSTEM, member_of
from tests.factories.runs import RunFactory
from tests.factories.waiting import ExecutionStepFactory

MARKDOWN = {"kind": "markdown", "title": "A note", "markdown": "# A note"}
WHY = {"name": "why", "label": "Why?", "type": "text", "required": True}
FORM = {"kind": "form", "title": "A question", "form": {"fields": [WHY]}}


class DecisionFactory(ServiceFactory):
    """The gate's real answer to one action; by default one that does not exist: denied."""

    class Meta:
        model = Decision

    run = factory.SubFactory(RunFactory)

    @classmethod
    def make(cls, *, run, action_type="unheard_of", params=None):
        answer = gate.ask_to_act(
            agent_id=run.agent_id, action_type=action_type, params=params or {}, run=run
        )
        with transaction.atomic():
            return gate.record(answer, agent=run.agent, by=run.agent.actor, run=run)


class CanvasFactory(ServiceFactory):
    """Presented by an agent that may (an intern or better), and stored by a worker."""

    class Meta:
        model = Canvas

    run = factory.SubFactory(RunFactory)

    @classmethod
    def make(cls, *, run, params=None):
        answer = actions.request(
            run=run, action_type="canvas_present", params=params or MARKDOWN, by=run.agent.actor
        )
        assert answer.execution is not None, f"the gate answered {answer.route}: {answer.reasons}"
        assert answer.execution.mode == Mode.HANDLER
        run_worker()
        return Canvas.objects.get(step__execution=answer.execution)


class FormAnswerFactory(ServiceFactory):
    """Given by a reviewer to a form of one question."""

    class Meta:
        model = FormAnswer

    canvas = factory.SubFactory(CanvasFactory, params=FORM)

    @classmethod
    def make(cls, *, canvas, answers=None, by=None):
        by = by or member_of(canvas.workspace, Role.REVIEWER)
        return forms.answer(canvas=canvas, answers=answers or {"why": "because"}, by=by)


class AttachmentFactory(ServiceFactory):
    """A picture of one pixel, of a step that waits for a worker."""

    class Meta:
        model = Attachment

    step = factory.SubFactory(ExecutionStepFactory)

    @classmethod
    def make(cls, *, step, name="page", content=PIXEL, by=BY_SYSTEM):
        return attachments.keep(step_id=step.id, name=name, content=content, by=by)


class LedgerEntryFactory(ServiceFactory):
    class Meta:
        model = LedgerEntry

    workspace = factory.SubFactory("tests.factories.workspaces.WorkspaceFactory")

    @classmethod
    def make(cls, *, workspace, kind="test.happened", subject_id=None, data=None, by=BY_SYSTEM):
        with transaction.atomic():
            return ledger.append(
                kind=kind,
                by=by,
                workspace_id=workspace.id,
                subject_id=subject_id or workspace.id,
                data={} if data is None else data,
            )
