"""The first phase: a death at every labelled point, each at its own execution; then recovery."""

from __future__ import annotations

from dataclasses import dataclass, field

from django.utils import timezone

from bench.chaos import points
from bench.chaos.audit import Verdict, audit
from bench.chaos.setting import Setting, settle, until
from bench.chaos.workers import Workers
from bench.chaos.world import Job
from governance.models import Execution

KILLED = -9


@dataclass(frozen=True)
class Case:
    """One execution, and what is written of it in `points`: its end, and what the far side was
    asked, by effect class.
    """

    name: str
    job: Job
    ends: str
    asked: dict[str, int] = field(default_factory=dict)


class Deaths:
    """`died`: how many died where they had to. `missed`: those that did not, or should not have."""

    def __init__(self, setting: Setting, workers: Workers) -> None:
        self._setting, self._workers = setting, workers
        self._cases: list[Case] = []
        self.died = 0
        self.missed: list[str] = []

    def run(self) -> Verdict:
        """1. Everybody dies. 2. Ordinary workers recover. 3. Every case against its line."""
        self._single_steps()
        self._plans()
        self._deliveries()
        self._setting.say(f"every failpoint: {self.died} died; recovering")
        self._workers.keep(2)
        settle()
        self._workers.terminate()
        verdict = audit([case.job for case in self._cases], self._setting.far_side)
        verdict.wrong += [*self.missed, *self._surprises()]
        return verdict

    def _single_steps(self) -> None:
        for point, row in points.WORKER.items():
            for kind, (dies, ends, asked) in zip(points.KINDS, row, strict=True):
                job = self._setting.world.job(kind)
                self._cases.append(Case(f"{kind} at {point}", job, ends, {kind: asked}))
                self._deliver(job, f"{kind} at {point}", dies=dies, failpoint=point)

    def _plans(self) -> None:
        for point, skip, ends, keyed, unkeyed in points.PLAN:
            job, name = self._setting.world.job("plan"), f"plan at {point}, passed {skip} times"
            self._cases.append(Case(name, job, ends, {"keyed": keyed, "unkeyed": unkeyed}))
            self._deliver(job, name, dies=True, failpoint=point, skip=skip)

    def _deliveries(self) -> None:
        """Those who hand over messages: one who approves, and the two parts of a sweep."""
        for point in points.BESIDE:
            proposal, name = self._setting.world.propose(), f"approval at {point}"
            self._die(name, role="approval", proposal=str(proposal.pk), failpoint=point)
            asked = {"keyed": 1, "unkeyed": 1}
            self._cases.append(Case(name, self._setting.world.job_of(proposal), "done", asked))
        for point in points.BESIDE:
            until(lambda: Execution.objects.expired(now=timezone.now()).exists())
            self._die(f"sweep at {point}", role="sweep", failpoint=point)
        for point in points.BESIDE:
            until(lambda: Execution.objects.undelivered(now=timezone.now()).exists())
            self._die(f"redelivery at {point}", role="redelivery", failpoint=point)

    def _deliver(self, job: Job, name: str, *, dies: bool, **order: object) -> None:
        self._die(name, dies=dies, role="delivery", execution=str(job.execution), **order)

    def _die(self, name: str, *, dies: bool = True, **order: object) -> None:
        code = self._workers.run(**order)
        if code == (KILLED if dies else 0):
            self.died += dies
        else:
            self.missed.append(f"{name}: the process ended with {code}")

    def _surprises(self) -> list[str]:
        ids = [case.job.execution for case in self._cases]
        states = dict(Execution.objects.filter(pk__in=ids).values_list("pk", "state"))
        calls = self._setting.far_side.calls
        return [
            f"{case.name}: {found} instead of {expected}"
            for case in self._cases
            for expected, found in [
                (case.ends, states[case.job.execution]),
                *((asked, calls[case.job.refs[kind]]) for kind, asked in case.asked.items()),
            ]
            if expected != found
        ]
