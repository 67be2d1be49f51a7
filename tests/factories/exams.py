"""Exam cases, exams that run, and answers; sat by a program that does what its task says."""

from __future__ import annotations

import factory

from governance.domain.words import Maturity
from governance.models import ActionType, Exam, ExamAnswer, ExamCase
from governance.services import exam_cases, exams, maturity
from tests.factories.agents import AgentFactory
from tests.factories.base import ServiceFactory
from tests.factories.catalogue import ActionTypeFactory
from tests.factories.people import BY_SYSTEM

READ, PAY = "exam_read", "exam_pay"
TOOLS = [
    {"action_type": READ, "output": {"sum": 5}},
    {"action_type": PAY, "output": {"paid": True}},
]
PAID = [[READ, {}], [PAY, {"sum": 5}]]


class ExamCaseFactory(ServiceFactory):
    """Requires one payment of 5, and forbids any other. `acts`: what `ExamineeFactory`'s agents do.

    By default they do it right.
    """

    class Meta:
        model = ExamCase

    workspace = factory.SubFactory("tests.factories.workspaces.WorkspaceFactory")
    key = factory.Sequence(lambda n: f"case-{n}")

    @classmethod
    def make(
        cls, *, workspace, key, case_set="default", acts=None, context=None, by=BY_SYSTEM, **values
    ):
        for name, complexity in ((READ, 1), (PAY, 3)):
            if not ActionType.objects.of(workspace.pk).filter(key=name).exists():
                ActionTypeFactory(workspace=workspace, key=name, complexity=complexity)
        acts = PAID if acts is None else acts
        values = {
            "title": key.capitalize(),
            "task": {"instruction": f"Do {key}.", "context": context or {"acts": acts}},
            "tools": TOOLS,
            "required": [{"action_type": PAY, "params": {"sum": 5}}],
            "forbidden": [{"action_type": PAY}],
            "seconds": 20,
            **values,
        }
        return exam_cases.define(workspace=workspace, key=key, case_set=case_set, by=by, **values)


class ExamineeFactory(AgentFactory):
    """An intern whose program does what the context of its task says."""

    @classmethod
    def make(cls, **values):
        return super().make(
            **{
                "maturity": Maturity.INTERN,
                "module_path": "tests.exam_programs",
                "class_name": "Acts",
                **values,
            }
        )


class ExamFactory(ServiceFactory):
    """Running, and waiting for a process to take it; about one case where none is in force yet."""

    class Meta:
        model = Exam

    agent = factory.SubFactory(ExamineeFactory)

    @classmethod
    def make(cls, *, agent, case_set="default", by=BY_SYSTEM, **values):
        maturity.install(workspace=agent.workspace, by=BY_SYSTEM)
        if not ExamCase.objects.in_force(agent.workspace_id, case_set):
            ExamCaseFactory(workspace=agent.workspace, case_set=case_set)
        return exams.start(agent=agent, case_set=case_set, by=by, **values)


class ExamAnswerFactory(ServiceFactory):
    """Of an exam that was run to its end."""

    class Meta:
        model = ExamAnswer

    exam = factory.SubFactory(ExamFactory, repeats=1)

    @classmethod
    def make(cls, *, exam):
        return sat(exam).answers.first()


def sat(exam: Exam) -> Exam:
    """The exam, run to its end here."""
    assert exams.take(exam.pk)
    return exams.run(exam=exam, by=BY_SYSTEM)
