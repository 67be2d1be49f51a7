"""The result: a table for people, JSON for machines, and whether the promise held."""

from __future__ import annotations

from typing import Any

from bench.chaos.audit import Verdict

COLUMNS = "{:<40} {:>6} {:>7} {:>7} {:>5} {:>6} {:>6} {:>8} {:>7} {:>6}"
HEADINGS = (
    "phase",
    "execs",
    "killed",
    "stopped",
    "lost",
    "local",
    "keyed",
    "unkeyed",
    "doubts",
    "wrong",
)


class Result:
    """Collects the phases of one run."""

    def __init__(self, database: str, python: str, lease: float) -> None:
        self.about: dict[str, Any] = {"database": database, "python": python, "lease": lease}
        self.seconds = 0
        self._phases: list[tuple[str, Verdict, dict[str, Any], bool]] = []

    def add(self, name: str, verdict: Verdict, *, control: bool = False, **counts: Any) -> None:
        """A phase; `control`: one that must double, or it proves nothing."""
        self._phases.append((name, verdict, counts, control))

    @property
    def as_promised(self) -> bool:
        return all(
            any(verdict.doubled.values()) if control else verdict.clean and _died(counts)
            for _, verdict, counts, control in self._phases
        )

    def table(self) -> str:
        lines = [
            "",
            f"{self.about['database']}, {self.seconds} s.",
            "local, keyed, unkeyed: effects doubled; doubts: unkeyed effects left to a person",
            COLUMNS.format(*HEADINGS),
        ]
        for name, verdict, counts, _ in self._phases:
            doubled = [len(verdict.doubled[each]) for each in ("local", "keyed", "unkeyed")]
            lines.append(
                COLUMNS.format(
                    name,
                    verdict.executions,
                    counts.get("killed", 0),
                    counts.get("stopped", 0),
                    len(verdict.lost),
                    *doubled,
                    len(verdict.doubts),
                    len(verdict.wrong),
                )
            )
        for name, verdict, _, control in self._phases:
            if not control:
                lines += [f"  doubt, {name}: {each}" for each in verdict.doubts]
                lines += [f"  LOST, {name}: {each}" for each in verdict.lost]
                lines += [f"  WRONG, {name}: {each}" for each in verdict.wrong]
                lines += [
                    f"  DOUBLED {effect}, {name}: {each}"
                    for effect, found in verdict.doubled.items()
                    for each in found
                ]
        lines.append("As promised." if self.as_promised else "NOT as promised.")
        return "\n".join(lines)

    def as_json(self) -> dict[str, Any]:
        return {
            **self.about,
            "seconds": self.seconds,
            "as_promised": self.as_promised,
            "phases": [
                {"phase": name, "control": control, **counts, **verdict.as_json()}
                for name, verdict, counts, control in self._phases
            ],
        }


def _died(counts: dict[str, Any]) -> bool:
    """A failpoint at which nobody died was not tried."""
    return all(counts.get("deaths", {"": 1}).values())
