"""The reckoning: every execution against what its effects really were."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from bench.chaos.far_side import FarSide
from bench.chaos.handlers import NOTED
from bench.chaos.world import Job
from governance.models import Execution, ExecutionStep, LedgerEntry

ENDINGS = ("execution.done", "execution.failed", "execution.in_doubt")


@dataclass
class Verdict:
    """`lost`: not ended, or done without its effect. `doubts`: unkeyed steps a person must settle.

    `wrong`: anything else that must not be, such as a failure, or a doubt about what is keyed.
    """

    executions: int = 0
    states: Counter[str] = field(default_factory=Counter)
    lost: list[str] = field(default_factory=list)
    doubled: dict[str, list[str]] = field(
        default_factory=lambda: {"local": [], "keyed": [], "unkeyed": []}
    )
    doubts: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    sent_again: int = 0

    @property
    def clean(self) -> bool:
        return not (self.lost or self.wrong or any(self.doubled.values()))

    def as_json(self) -> dict[str, object]:
        return {
            "executions": self.executions,
            "states": dict(self.states),
            "lost": self.lost,
            "doubled": self.doubled,
            "unkeyed_in_doubt": self.doubts,
            "keyed_sent_again": self.sent_again,
            "wrong": self.wrong,
        }


def audit(jobs: Sequence[Job], far_side: FarSide) -> Verdict:
    """Compare rows, ledger and far side."""
    verdict = Verdict(executions=len(jobs))
    states = dict(Execution.objects.values_list("id", "state"))
    steps = {
        (execution, action.removeprefix("chaos_")): state
        for execution, action, state in ExecutionStep.objects.values_list(
            "execution_id", "action_type", "state"
        )
    }
    effects = {"local": _notes(), "keyed": far_side.keyed, "unkeyed": far_side.unkeyed}
    endings = Counter(
        LedgerEntry.objects.filter(kind__in=ENDINGS).values_list("subject_id", flat=True)
    )
    for job in jobs:
        state = states[job.execution]
        verdict.states[state] += 1
        _judge_execution(verdict, job, state=state, endings=endings[job.execution])
        for effect, ref in job.refs.items():
            count = effects[effect][ref]
            _judge_step(verdict, effect, ref, state=steps[job.execution, effect], count=count)
        verdict.sent_again += max(0, far_side.calls[job.refs.get("keyed", "")] - 1)
    return verdict


def _judge_execution(verdict: Verdict, job: Job, *, state: str, endings: int) -> None:
    name = f"execution {job.number} ({job.kind})"
    if state in {"ready", "claimed"}:
        verdict.lost.append(f"{name} is still {state}")
    elif state not in {"done", "in_doubt"}:
        verdict.wrong.append(f"{name} is {state}")
    elif endings != 1:
        verdict.wrong.append(f"{name} ended {endings} times")
    elif state == "in_doubt" and "unkeyed" not in job.refs:
        verdict.wrong.append(f"{name} is in doubt, and nothing in it is unkeyed")


def _judge_step(verdict: Verdict, effect: str, ref: str, *, state: str, count: int) -> None:
    if count > 1:
        verdict.doubled[effect].append(f"{ref}: {count} times")
    if state == "done" and count == 0:
        verdict.lost.append(f"{ref} is done without its effect")
    elif state == "in_doubt" and effect == "unkeyed":
        verdict.doubts.append(f"{ref}: in doubt, took effect {count} times")
    elif state == "in_doubt":
        verdict.wrong.append(f"{ref}: in doubt, took effect {count} times")
    elif state == "not_run" and count:
        verdict.wrong.append(f"{ref} was not run, and took effect")
    elif state not in {"done", "not_run"}:
        verdict.wrong.append(f"{ref} is {state}, and took effect {count} times")


def _notes() -> Counter[str]:
    return Counter(
        entry.data["data"]["ref"] for entry in LedgerEntry.objects.filter(kind=NOTED).iterator()
    )
