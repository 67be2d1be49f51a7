"""Sample programs, for demonstrations and to copy from."""

from __future__ import annotations

import random
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
