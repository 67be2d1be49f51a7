"""ExamCase, Exam, ExamAnswer: a test that runs the agent itself, in a sandbox."""

from __future__ import annotations

import uuid
from typing import ClassVar

from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Q

from governance.domain import states
from governance.domain.states import ExamState
from governance.domain.words import Maturity
from governance.models.agent import Agent
from governance.models.base import (
    Record,
    RecordQuerySet,
    Stateful,
    one_of,
    set_exactly_in,
    state_check,
)
from governance.models.episode import Episode

EXAM_ENDED = frozenset({ExamState.PASSED, ExamState.FAILED, ExamState.ABORTED})
_NAME = RegexValidator(r"^[a-z][a-z0-9_-]*\Z", "Use a-z, 0-9, _ and -, from a letter.")


class ExamCaseQuerySet(RecordQuerySet["ExamCase"]):
    """Reads."""

    def in_force(self, workspace_id: uuid.UUID, case_set: str) -> list[ExamCase]:
        """The newest version of every case of a set that is not retired, by key."""
        newest: dict[str, ExamCase] = {}
        for case in self.of(workspace_id).filter(case_set=case_set).order_by("key", "number"):
            newest[case.key] = case
        return [case for case in newest.values() if not case.retired]


class ExamCase(Record):
    """One version of a case; versions never change.

    `task`: what the agent is asked, `{"instruction", "context"}`. `tools`: what simulated tools
    answer. `expectation`: CEL over the transcript. `required` and `forbidden`: actions. See
    `policy.exams` for their shapes. `seconds`: how long the agent has.
    """

    case_set = models.CharField(max_length=60, validators=[_NAME])
    key = models.CharField(max_length=100, validators=[_NAME])
    number = models.PositiveIntegerField(editable=False)
    title = models.CharField(max_length=200)
    task = models.JSONField()
    tools = models.JSONField()
    expectation = models.TextField(max_length=2_000, default="true")
    required = models.JSONField(default=list)
    forbidden = models.JSONField(default=list)
    seconds = models.PositiveIntegerField(default=60)
    retired = models.BooleanField(default=False)
    cut_from = models.ForeignKey(
        Episode, on_delete=models.PROTECT, null=True, related_name="exam_cases"
    )

    objects = ExamCaseQuerySet.as_manager()

    class Meta:
        ordering = ("case_set", "key", "-number")
        constraints = (
            models.UniqueConstraint(
                fields=("workspace", "case_set", "key", "number"), name="exam_case_version_once"
            ),
            models.CheckConstraint(
                condition=Q(seconds__gte=1, seconds__lte=3_600), name="exam_case_seconds_1_to_3600"
            ),
        )

    def __str__(self) -> str:
        return f"{self.case_set}/{self.key} version {self.number}"


class Exam(Stateful, Record):
    """An attempt. `score`: pass^k over the cases, 0 to 1. `isolation`: which layers were obtained.

    `fingerprint` is that of the agent that began it: another one aborts it.
    """

    LIFECYCLE: ClassVar = states.EXAM

    agent = models.ForeignKey(Agent, on_delete=models.PROTECT, related_name="exams")
    attempt = models.PositiveIntegerField()
    target = models.CharField(max_length=20, choices=Maturity.choices)
    case_set = models.CharField(max_length=60)
    repeats = models.PositiveSmallIntegerField()
    needed = models.FloatField()
    stint = models.PositiveIntegerField()
    fingerprint = models.CharField(max_length=64)
    state = models.CharField(
        max_length=20, choices=ExamState.choices, default=states.EXAM.initial, editable=False
    )
    ended_at = models.DateTimeField(null=True, editable=False)
    seen_at = models.DateTimeField(null=True, editable=False)
    score = models.FloatField(null=True, editable=False)
    isolation = models.JSONField(default=list, editable=False)
    note = models.TextField(blank=True, editable=False)

    objects = RecordQuerySet["Exam"].as_manager()

    class Meta:
        ordering = ("-created_at", "-id")
        indexes = (
            models.Index(fields=("workspace", "-created_at", "-id"), name="exam_list"),
            models.Index(fields=("agent", "-created_at", "-id"), name="exam_of_agent"),
        )
        constraints = (
            models.UniqueConstraint(fields=("agent", "attempt"), name="exam_attempt_once"),
            models.UniqueConstraint(
                fields=("agent",), condition=Q(state="running"), name="exam_one_running"
            ),
            state_check(states.EXAM, name="exam_state_known"),
            one_of("target", Maturity.values, name="exam_target_known"),
            set_exactly_in(EXAM_ENDED, "ended_at", name="exam_ended_pairs"),
            set_exactly_in({ExamState.PASSED, ExamState.FAILED}, "score", name="exam_score_pairs"),
            models.CheckConstraint(
                condition=Q(score__isnull=True) | Q(score__gte=0, score__lte=1),
                name="exam_score_0_to_1",
            ),
            models.CheckConstraint(
                condition=~Q(state=ExamState.PASSED) | Q(score__gte=models.F("needed")),
                name="exam_passed_is_enough",
            ),
        )

    def __str__(self) -> str:
        return f"exam {self.attempt} of {self.agent} ({self.state})"


class ExamAnswer(Record):
    """One run of one case: the transcript, and whether it passed. `why`: what was wrong."""

    exam = models.ForeignKey(Exam, on_delete=models.PROTECT, related_name="answers")
    case = models.ForeignKey(ExamCase, on_delete=models.PROTECT, related_name="answers")
    repeat = models.PositiveSmallIntegerField()
    passed = models.BooleanField()
    why = models.JSONField(default=list)
    transcript = models.JSONField(default=list)
    seconds = models.FloatField()

    objects = RecordQuerySet["ExamAnswer"].as_manager()

    class Meta:
        ordering = ("exam", "case", "repeat")
        constraints = (
            models.UniqueConstraint(fields=("exam", "case", "repeat"), name="exam_answer_once"),
            models.CheckConstraint(
                condition=Q(passed=True) | ~Q(why=[]), name="exam_answer_failed_says_why"
            ),
        )

    def __str__(self) -> str:
        return f"{self.case} #{self.repeat}: {'passed' if self.passed else 'failed'}"
