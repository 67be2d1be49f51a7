"""Sample programs, for demonstrations and to copy from."""

from __future__ import annotations

import random
import time
from typing import Any

from governance.domain.values import Json
from governance.runtimes.base import AgentProgram, Result, ResultState, Task, TaskFailed, Tools

LEDGER: dict[str, int] = {"January": 1_200, "February": 1_450, "March": 1_390, "April": 1_720}
"""Sales a month, as a system that the agent itself can read might hold them."""


class SalesReporter(AgentProgram):
    """Looks the sales up, then presents them as a chart.

    configuration["lookup"] names the action type of the lookup (default `sales_read`). In agent
    mode the program reads LEDGER itself and reports; in handler mode the output is what it uses.
    Either way the figures are `{"rows": [{"label", "value"}, ...]}`.
    """

    def run(self, task: Task, tools: Tools) -> dict[str, Json]:
        """Two actions; says what was heard from a supervisor on the way."""
        heard: list[Json] = []
        rows = self._look_up(task, tools, heard)
        title = str(task.context.get("title") or "Sales by month")
        shown = tools.act(
            "canvas_present",
            {"kind": "chart", "title": title, "chart": _chart(rows)},
            reasoning=f"Asked to: {task.instruction}",
        )
        _note(shown, heard)
        if shown.state is ResultState.WAITING:
            return {"rows": len(rows), "waiting": shown.proposal, "heard": heard}
        if shown.state is not ResultState.DONE:
            raise TaskFailed(f"The chart was not shown: {'; '.join(shown.reasons)}.")
        return {"rows": len(rows), "canvas": shown.output["canvas"], "heard": heard}

    def _look_up(self, task: Task, tools: Tools, heard: list[Json]) -> list[dict[str, Any]]:
        action = str(self.configuration.get("lookup", "sales_read"))
        found = tools.act(action, {}, reasoning=f"Asked to: {task.instruction}")
        _note(found, heard)
        if found.state is ResultState.CLAIMED and found.claim is not None:
            rows: list[Json] = [{"label": name, "value": sum_} for name, sum_ in LEDGER.items()]
            found = tools.report(found.claim.id, outcome="done", output={"rows": rows})
            _note(found, heard)
        if found.state is not ResultState.DONE:
            raise TaskFailed(f"The sales could not be looked up: {'; '.join(found.reasons)}.")
        return list(found.output["rows"])


TOUR = (
    ("Agents ask", "An agent asks before it acts. The gate answers by what the agent has earned."),
    ("People decide", "What it has not earned waits for a person, and is carried out as approved."),
    ("You watch", "You are watching this run. Pause it: the next page waits until you resume."),
    ("You correct", "Write some guidance. It reaches this program with the next answer it gets."),
    ("All is kept", "Every decision, and what you did just now, is an entry in the ledger."),
)
"""The pages of TourGuide: a title, and what it says."""


class TourGuide(AgentProgram):
    """Presents TOUR one page at a time, slowly: a program to watch, pause, correct and terminate.

    configuration["pause_seconds"] (default 2) pass before each page. What a supervisor says comes
    with an answer; the next page repeats it, and so does the output.
    """

    def run(self, task: Task, tools: Tools) -> dict[str, Json]:
        """One canvas a page."""
        heard: list[Json] = []
        shown: list[Json] = []
        for number, (title, text) in enumerate(TOUR, start=1):
            time.sleep(float(self.configuration.get("pause_seconds", 2)))
            page = tools.act(
                "canvas_present",
                {"kind": "markdown", "title": title, "markdown": _page(text, heard)},
                reasoning=_reasoning(number, task, heard),
            )
            _note(page, heard)
            if page.state is not ResultState.DONE:
                raise TaskFailed(f"Page {number} was not shown: {'; '.join(page.reasons)}.")
            shown.append(page.output["canvas"])
        return {"pages": shown, "heard": heard}


def _page(text: str, heard: list[Json]) -> str:
    return f"{text}\n\nI was told: {heard[-1]}" if heard else text


def _reasoning(number: int, task: Task, heard: list[Json]) -> str:
    told = f" I was told: {heard[-1]}" if heard else ""
    return f"Page {number} of {len(TOUR)}, because of {task.instruction}.{told}"


def _chart(rows: list[dict[str, Any]]) -> dict[str, Json]:
    return {
        "type": "line",
        "labels": [str(row["label"]) for row in rows],
        "series": [{"name": "Sales", "values": [row["value"] for row in rows]}],
    }


def _note(result: Result, heard: list[Json]) -> None:
    if result.guidance:
        heard.append(result.guidance)


class Replayer(AgentProgram):
    """Does again what its configuration recorded for the instruction it is given.

    configuration["replays"]: by instruction, a list of `{"action_type", "params"}`.
    """

    def run(self, task: Task, tools: Tools) -> dict[str, Json]:
        """Every recorded call, in order; says how each ended."""
        if task.instruction not in self.configuration["replays"]:
            raise TaskFailed("Nothing is recorded for this instruction.")
        ended = [
            tools.act(call["action_type"], call["params"], reasoning="As recorded.").state.value
            for call in self.recorded(task)
        ]
        return {"ended": list(ended)}

    def recorded(self, task: Task) -> list[dict[str, Any]]:
        """The calls to make."""
        return list(self.configuration["replays"][task.instruction])


class Unsteady(Replayer):
    """Does so only sometimes; else it stops after the first call.

    configuration["chance"], 0 to 1: how likely it does all; configuration["seed"]: of its chance,
    with the run's id, so that every run is another throw.
    """

    def recorded(self, task: Task) -> list[dict[str, Any]]:
        """All of them, or the first alone."""
        calls = super().recorded(task)
        throw = random.Random(f"{self.configuration['seed']}:{task.run}").random()
        return calls if throw < float(self.configuration["chance"]) else calls[:1]
