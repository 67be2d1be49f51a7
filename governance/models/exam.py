"""ExamCase, Exam, ExamAnswer: a test that runs the agent itself, in a sandbox."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import ClassVar

from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Q

from governance.domain import states
from governance.domain.states import ExamState, WorkspaceState
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

TARGETS = [maturity.value for maturity in Maturity if maturity is not Maturity.STUDENT]
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
    `policy.exams` for their shapes. `seconds`: how long the agent has. A case that was retired
    comes back with its next version.
    """

    case_set = models.CharField(max_length=60, validators=[_NAME])
    key = models.CharField(max_length=100, validators=[_NAME])
    number = models.PositiveIntegerField(editable=False)
    title = models.CharField(max_length=200)
    task = models.JSONField()
    tools = models.JSONField(default=list, blank=True)
    expectation = models.TextField(max_length=2_000, default="true")
    required = models.JSONField(default=list, blank=True)
    forbidden = models.JSONField(default=list, blank=True)
    seconds = models.PositiveIntegerField(default=60)
    retired = models.BooleanField(default=False)
    cut_from = models.ForeignKey(
        Episode, on_delete=models.PROTECT, null=True, blank=True, related_name="exam_cases"
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


class ExamQuerySet(RecordQuerySet["Exam"]):
    """Reads."""

    def untaken(self) -> ExamQuerySet:
        """Running, and no process runs them yet; oldest first."""
        waiting = self.filter(
            state=ExamState.RUNNING,
            seen_at__isnull=True,
            workspace__state=WorkspaceState.ACTIVE,
        )
        return waiting.order_by("created_at", "id")

    def silent(self, *, since: datetime) -> ExamQuerySet:
        """Running, and the process that runs them has not shown itself since then."""
        return self.filter(state=ExamState.RUNNING, seen_at__lte=since)

    def last_failed(self, agent_id: uuid.UUID, target: str) -> Exam | None:
        """The last attempt at this maturity that failed, or ended after a case was shown."""
        spent = Q(state=ExamState.ABORTED, shown_at__isnull=False)
        failed = self.filter(Q(state=ExamState.FAILED) | spent, agent_id=agent_id, target=target)
        return failed.order_by("-ended_at").first()


class Exam(Stateful, Record):
    """An attempt. `score`: pass^k over the cases, 0 to 1. `isolation`: which layers were obtained.

    `cases`: the keys of the case versions it began with, which it is about to its end.
    `fingerprint` and `stint` are those of the agent that began it: another fingerprint aborts it.
    `seen_at`: when the process that runs it last showed itself; null: none has taken it yet.
    `shown_at`: when the agent was first sent a case; null: it has seen none, and may begin again.
    """

    LIFECYCLE: ClassVar = states.EXAM

    agent = models.ForeignKey(Agent, on_delete=models.PROTECT, related_name="exams")
    attempt = models.PositiveIntegerField()
    target = models.CharField(max_length=20, choices=Maturity.choices)
    case_set = models.CharField(max_length=60)
    cases = models.JSONField(default=list, editable=False)
    repeats = models.PositiveSmallIntegerField()
    needed = models.FloatField()
    stint = models.PositiveIntegerField()
    fingerprint = models.CharField(max_length=64)
    state = models.CharField(
        max_length=20, choices=ExamState.choices, default=states.EXAM.initial, editable=False
    )
    ended_at = models.DateTimeField(null=True, editable=False)
    seen_at = models.DateTimeField(null=True, editable=False)
    shown_at = models.DateTimeField(null=True, editable=False)
    score = models.FloatField(null=True, editable=False)
    isolation = models.JSONField(default=list, editable=False)
    note = models.TextField(blank=True, editable=False)

    objects = ExamQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at", "-id")
        indexes = (
            models.Index(fields=("workspace", "-created_at", "-id"), name="exam_list"),
            models.Index(fields=("agent", "-created_at", "-id"), name="exam_of_agent"),
            models.Index(
                fields=("created_at", "id"),
                condition=Q(state=ExamState.RUNNING),
                name="exam_open",
            ),
        )
        constraints = (
            models.UniqueConstraint(fields=("agent", "attempt"), name="exam_attempt_once"),
            models.UniqueConstraint(
                fields=("agent",), condition=Q(state="running"), name="exam_one_running"
            ),
            state_check(states.EXAM, name="exam_state_known"),
            one_of("target", TARGETS, name="exam_target_known"),
            set_exactly_in(EXAM_ENDED, "ended_at", name="exam_ended_pairs"),
            set_exactly_in({ExamState.PASSED, ExamState.FAILED}, "score", name="exam_score_pairs"),
            models.CheckConstraint(
                condition=Q(score__isnull=True) | Q(score__gte=0, score__lte=1),
                name="exam_score_0_to_1",
            ),
            models.CheckConstraint(
                condition=Q(repeats__gte=1, needed__gt=0, needed__lte=1), name="exam_asks_something"
            ),
            models.CheckConstraint(
                condition=~Q(state=ExamState.PASSED) | Q(score__gte=models.F("needed")),
                name="exam_passed_is_enough",
            ),
            models.CheckConstraint(
                condition=~Q(state=ExamState.FAILED) | Q(score__lt=models.F("needed")),
                name="exam_failed_is_too_little",
            ),
        )

    def __str__(self) -> str:
        return f"exam {self.attempt} of {self.agent} ({self.state})"


class ExamAnswer(Record):
    """One sitting of one case: the transcript, and whether it passed. `why`: what was wrong.

    `ending`: what the agent said and handed over in the end. `repeat` counts from 1.
    """

    exam = models.ForeignKey(Exam, on_delete=models.PROTECT, related_name="answers")
    case = models.ForeignKey(ExamCase, on_delete=models.PROTECT, related_name="answers")
    repeat = models.PositiveSmallIntegerField()
    passed = models.BooleanField()
    why = models.JSONField(default=list)
    transcript = models.JSONField(default=list)
    ending = models.JSONField(default=dict)
    seconds = models.FloatField()

    objects = RecordQuerySet["ExamAnswer"].as_manager()

    class Meta:
        ordering = ("exam", "case", "repeat")
        constraints = (
            models.UniqueConstraint(fields=("exam", "case", "repeat"), name="exam_answer_once"),
            models.CheckConstraint(
                condition=Q(passed=True, why=[]) | (Q(passed=False) & ~Q(why=[])),
                name="exam_answer_failed_says_why",
            ),
            models.CheckConstraint(condition=Q(repeat__gte=1), name="exam_answer_repeat_from_1"),
        )

    def __str__(self) -> str:
        return f"{self.case} #{self.repeat}: {'passed' if self.passed else 'failed'}"
