"""exam: let an agent sit an exam, here and now."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

from governance.domain.states import ExamState
from governance.domain.words import Maturity
from governance.exams import layers
from governance.management.command import OPERATOR, GovernanceCommand, agent_of
from governance.models import Exam
from governance.services import exams, memberships, people
from governance.services.exam_cases import DEFAULT_SET


class Command(GovernanceCommand):
    """One attempt, in the foreground."""

    help = (
        "Let an agent sit an exam: every case of a set, several times, with simulated tools, its "
        "program in a process of its own. Exit code 0: passed; 1: not passed, or refused."
    )
    example = "manage.py exam billing-bot --target supervised --by alex --json"

    def options(self, parser: CommandParser) -> None:
        """Who, for what, and by whom."""
        parser.add_argument("agent")
        parser.add_argument(
            "--target",
            choices=[m.value for m in Maturity if m is not Maturity.STUDENT],
            help="the maturity it is for (default: the next one)",
        )
        parser.add_argument("--cases", default=DEFAULT_SET, metavar="SET", help="which cases")
        parser.add_argument(
            "--repeats", type=int, help="how often each case (default: GOVERNANCE_EXAM_REPEATS)"
        )
        parser.add_argument("--by", help="the governor who starts it (default: the operator)")

    def run(self, **options: Any) -> dict[str, Any]:
        """Start it, and run it to its end."""
        by = memberships.person(people.named(options["by"])) if options["by"] else OPERATOR
        exam = exams.start(
            agent=agent_of(options),
            target=options["target"],
            case_set=options["cases"],
            repeats=options["repeats"],
            here=True,
            by=by,
        )
        columns = ("sitting", BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        console = Console(stderr=True, markup=False)
        with Progress(*columns, console=console) as bar:
            task = bar.add_task("", total=len(exam.cases) * exam.repeats)
            ended = exams.run(
                exam=exam, by=exams.EXAMINER, progress=lambda n, _: bar.update(task, completed=n)
            )
        return _told(ended)

    def show(self, result: dict[str, Any]) -> None:
        """The verdict, then each case."""
        score = "none" if result["score"] is None else f"{result['score']:.3f}"
        self.stdout.write(
            f"Attempt {result['attempt']} at {result['target']}: {result['state']}, score {score} "
            f"(needed {result['needed']:.2f}), {result['cases']} cases, {result['repeats']} times"
        )
        for case in result["results"]:
            verdict = "passed" if case["passed"] else "failed"
            self.stdout.write(f"  {verdict}  {case['case']}  {_marks(case['repeats'])}")
            for why in case["why"]:
                self.stdout.write(f"    {why}")
        if result["limited"]:
            self.stdout.write(f"Limited isolation, without: {', '.join(result['limited'])}")

    def refusal(self, result: dict[str, Any]) -> str:
        """Anything but a pass."""
        if result["passed"]:
            return ""
        if result["state"] == ExamState.ABORTED:
            return f"The exam was aborted: {result['note']}"
        return f"Not passed: {result['score']:.3f}, and {result['needed']:.2f} is needed."


def _told(exam: Exam) -> dict[str, Any]:
    answers = exams.answers_of(exam)
    results = []
    for case in exams.cases_of(exam):
        found = answers.get(str(case.pk), [])
        results.append(
            {
                "case": case.key,
                "version": case.number,
                "passed": len(found) == exam.repeats and all(a.passed for a in found),
                "repeats": [a.passed for a in found],
                "why": list(dict.fromkeys(why for a in found for why in a.why)),
            }
        )
    return {
        "passed": exam.state == ExamState.PASSED,
        "score": exam.score,
        "attempt": exam.attempt,
        "cases": len(exam.cases),
        "repeats": exam.repeats,
        "exam": str(exam.pk),
        "state": exam.state,
        "target": exam.target,
        "needed": exam.needed,
        "note": exam.note,
        "isolation": exam.isolation,
        "limited": [layers.SAYS[layer] for layer in exams.limited(exam)],
        "results": results,
    }


def _marks(passed: list[bool]) -> str:
    return " ".join("+" if each else "-" for each in passed)
