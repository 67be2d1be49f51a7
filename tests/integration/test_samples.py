"""The sample program, as a live agent of each kind; and the check that programs load."""

from __future__ import annotations

import pytest
from django.core.checks import WARNING, run_checks

from governance.domain.words import Complexity, Effect, Mode
from governance.models import Canvas, Proposal
from governance.runtimes.base import Result, ResultState, Task
from governance.runtimes.samples import SalesReporter, TourGuide
from governance.services import agent_runs
from tests.factories import make_spec, paused

SAMPLE = {"module_path": "governance.runtimes.samples", "class_name": "SalesReporter"}


def show_sales(house, maturity, **configuration):
    agent = house.agent(maturity, **SAMPLE, configuration=configuration)
    return agent_runs.execute(
        agent=agent, instruction="Show the sales.", by=house.by_supervisor
    ).ending


@pytest.mark.parametrize("maturity", ["intern", "supervised", "autonomous"])
def test_it_looks_the_sales_up_itself_and_shows_them(house, maturity):
    house.action_type(
        "sales_read", complexity=Complexity.READ, mode=Mode.AGENT, effect=Effect.LOCAL
    )
    ending = show_sales(house, maturity)
    canvas = Canvas.objects.get()
    assert ending.outcome == "succeeded"
    assert ending.output == {"rows": 4, "canvas": str(canvas.id), "heard": []}
    assert canvas.content["chart"]["series"] == [
        {"name": "Sales", "values": [1200, 1450, 1390, 1720]}
    ]


def test_it_uses_what_a_handler_looked_up(house, registered):
    rows = {"rows": [{"label": "North", "value": 3}]}
    spec = make_spec(
        "figures_read", complexity=Complexity.READ, handler=lambda context, params: rows
    )
    registered(spec, workspace=house.workspace)
    assert show_sales(house, "intern", lookup="figures_read").outcome == "succeeded"
    assert Canvas.objects.get().content["chart"]["labels"] == ["North"]


def test_a_student_may_look_but_not_show(house):
    house.action_type(
        "sales_read", complexity=Complexity.READ, mode=Mode.AGENT, effect=Effect.LOCAL
    )
    ending = show_sales(house, "student")
    assert ending.outcome == "failed"
    assert ending.note.startswith("The chart was not shown: student agent, complexity 2: training")
    assert (Canvas.objects.count(), Proposal.objects.count()) == (0, 0)


def test_it_says_what_it_heard():
    class Tools:
        def act(self, action_type, params, *, reasoning=""):
            output = {"rows": [], "canvas": "c"}
            return Result("execution", (), ResultState.DONE, output, guidance=f"On {action_type}.")

    output = SalesReporter({}).run(Task("r", "Show."), Tools())
    assert output["heard"] == ["On sales_read.", "On canvas_present."]


class Guided:
    """Tools that answer every page, with guidance for the second."""

    def __init__(self):
        self.asked = []

    def act(self, action_type, params, *, reasoning=""):
        self.asked.append((action_type, params, reasoning))
        number = len(self.asked)
        output, said = {"canvas": f"c{number}"}, "Be brief." if number == 2 else ""
        return Result("execution", (), ResultState.DONE, output, guidance=said)


def test_a_tour_repeats_what_it_was_told_in_its_next_page_and_in_its_output():
    tools = Guided()
    output = TourGuide({"pause_seconds": 0}).run(Task("r", "newcomer_arrived"), tools)
    assert output == {"pages": ["c1", "c2", "c3", "c4", "c5"], "heard": ["Be brief."]}
    assert {action_type for action_type, *_ in tools.asked} == {"canvas_present"}
    told = ["I was told: Be brief." in params["markdown"] for _, params, _ in tools.asked]
    assert told == [False, False, True, True, True]
    said = [reasoning.endswith("I was told: Be brief.") for *_, reasoning in tools.asked]
    assert said == told


def test_a_tour_stops_where_a_page_is_refused(house):
    agent = house.agent(
        "student",
        module_path="governance.runtimes.samples",
        class_name="TourGuide",
        configuration={"pause_seconds": 0},
    )
    ending = agent_runs.execute(agent=agent, instruction="x", by=house.by_supervisor).ending
    assert ending.outcome == "failed"
    assert ending.note.startswith("Page 1 was not shown: student agent, complexity 2: training")


def test_programs_that_do_not_load_are_a_warning_while_their_agents_are_active(house):
    house.agent(name="good", **SAMPLE)
    bad = house.agent(name="bad", module_path="tests.nowhere", class_name="Agent")
    found = [message for message in run_checks() if message.id == "governance.W001"]
    assert [message.level for message in found] == [WARNING]
    assert "'bad'" in found[0].msg
    assert "there is no module tests.nowhere" in found[0].msg
    paused(bad)
    assert not [message for message in run_checks() if message.id == "governance.W001"]
