"""The result: a table for people, JSON for machines, and whether the promise held."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from bench.chaos.audit import Verdict

COLUMNS = "{:<28} {:>6} {:>7} {:>8} {:>5} {:>6} {:>6} {:>8} {:>7} {:>6}"
HEADINGS = (
    "phase",
    "execs",
    "SIGKILL",
    "SIGSTOP",
    "lost",
    "local",
    "keyed",
    "unkeyed",
    "doubts",
    "wrong",
)


@dataclass(frozen=True)
class Phase:
    """`control`: it must double, or it proves nothing."""

    name: str
    verdict: Verdict
    control: bool
    counts: dict[str, int] = field(default_factory=dict)

    @property
    def as_promised(self) -> bool:
        return any(self.verdict.doubled.values()) if self.control else self.verdict.clean


class Result:
    """Collects the phases of one run. `about`: what it ran on."""

    def __init__(self, **about: object) -> None:
        self.about = about
        self.seconds = 0
        self._phases: list[Phase] = []

    def add(self, name: str, verdict: Verdict, *, control: bool = False, **counts: int) -> None:
        self._phases.append(Phase(name, verdict, control, counts))

    @property
    def as_promised(self) -> bool:
        return all(phase.as_promised for phase in self._phases)

    def table(self) -> str:
        about = ", ".join(f"{name} {value}" for name, value in self.about.items())
        findings = [line for phase in self._phases for line in _findings(phase)]
        return "\n".join(
            [
                "",
                f"{about}; {self.seconds} s.",
                "local, keyed, unkeyed: effects doubled. doubts: unkeyed, left to a person.",
                COLUMNS.format(*HEADINGS),
                *map(_line, self._phases),
                *findings,
                "As promised." if self.as_promised else "NOT as promised.",
            ]
        )

    def as_json(self) -> dict[str, Any]:
        return {
            **self.about,
            "seconds": self.seconds,
            "as_promised": self.as_promised,
            "phases": [
                {
                    "phase": phase.name,
                    "control": phase.control,
                    **phase.counts,
                    **phase.verdict.as_json(),
                }
                for phase in self._phases
            ],
        }


def _line(phase: Phase) -> str:
    verdict = phase.verdict
    return COLUMNS.format(
        phase.name,
        verdict.executions,
        phase.counts.get("killed", 0),
        phase.counts.get("stopped", 0),
        len(verdict.lost),
        *(len(verdict.doubled[effect]) for effect in ("local", "keyed", "unkeyed")),
        len(verdict.doubts),
        len(verdict.wrong),
    )


def _findings(phase: Phase) -> list[str]:
    """Every doubt, and everything that must not be. Of a control only whether it doubled."""
    verdict = phase.verdict
    if phase.control:
        return [] if phase.as_promised else [f"  {phase.name}: NOTHING DOUBLED, it proves nothing"]
    return [
        *(f"  doubt, {phase.name}: {each}" for each in verdict.doubts),
        *(f"  LOST, {phase.name}: {each}" for each in verdict.lost),
        *(f"  WRONG, {phase.name}: {each}" for each in verdict.wrong),
        *(
            f"  DOUBLED {effect}, {phase.name}: {each}"
            for effect, found in verdict.doubled.items()
            for each in found
        ),
    ]
