"""Executions in handler mode: a worker asks the gate again, runs the handler, tells the truth."""

from __future__ import annotations

import datetime
import logging

import pytest
import time_machine
from django.utils import timezone

from governance.domain.actors import system
from governance.execution import failpoints
from governance.execution.registry import ActionFailed
from governance.models import Agent, Canvas, Decision, Episode, Evidence, Execution, Run
from governance.services import executions, proposals, triggers
from tests.factories import (
    ProposalFactory,
    approved,
    halted,
    make_spec,
    paused,
    registered_handler,
    resumed,
    rule,
    run_worker_to_the_end,
)
from tests.integration.services.checks import everything, kinds, recorded

pytestmark = pytest.mark.django_db

WORKER = system("worker")
CANVAS = {"kind": "markdown", "title": "t", "markdown": "x"}


def step(action_type, name="step1", params=None) -> dict:
    return {"id": name, "action_type": action_type, "params": params or {}}


def ready(house, *plan) -> Execution:
    return approved(ProposalFactory(run=house.run(), plan=list(plan))).execution


def ending(execution) -> tuple[str, str, list[str]]:
    row = Execution.objects.select_related("proposal").get(pk=execution.pk)
    steps = row.steps.order_by("position").values_list("state", flat=True)
    return row.state, row.proposal.state, list(steps)


@pytest.fixture
def handle(house, registered):
    """Register a handler: `handle("stamp", function, effect="keyed")`."""

    def register(key, function, **values):
        registered(make_spec(key, handler=function, **values), workspace=house.workspace)

    return register


# effect, ledger entries of one step carried out
CARRIED_OUT = [
    ("local", ["execution.claimed", "execution_step.done", "execution.done", "proposal.executed"]),
    *(
        (
            effect,
            [
                "execution.claimed",
                "execution_step.sent",
                "execution_step.done",
                "execution.done",
                "proposal.executed",
            ],
        )
        for effect in ("keyed", "unkeyed")
    ),
]


@pytest.mark.parametrize(("effect", "expected"), CARRIED_OUT)
def test_a_worker_carries_out_what_was_approved(house, handle, effect, expected):
    seen = []

    def stamp(context, params):
        seen.append((context, params))
        return {"b": 1, "a": [None]}

    handle("stamp", stamp, effect=effect)
    execution = ready(house, step("stamp", params={"n": 1}))
    with recorded() as entries:
        done = executions.run_next(by=WORKER)
    assert done == execution
    assert ending(execution) == ("done", "executed", ["done"])
    assert kinds(entries) == [*expected, "episode.closed"]
    [(context, params)] = seen
    row = execution.steps.get()
    assert params == {"n": 1}
    assert (context.execution_id, context.step_id) == (execution.id, row.id)
    assert context.idempotency_key == f"{execution.id}:step1"
    assert (context.agent_id, context.run_id) == (execution.agent_id, execution.run_id)
    assert row.output == '{"a":[null],"b":1}'
    assert (row.sent_at is not None) is (effect != "local")


def test_the_oldest_is_first_and_then_there_is_nothing(house, handle):
    handle("stamp", lambda context, params: {})
    waiting = [ready(house, step("stamp")) for _ in range(3)]
    assert [executions.run_next(by=WORKER) for _ in range(4)] == [*waiting, None]


def test_while_execution_is_off_everything_waits(house, handle, settings):
    handle("stamp", lambda context, params: {})
    execution = ready(house, step("stamp"))
    settings.GOVERNANCE_EXECUTION_ENABLED = False
    before = everything()
    assert executions.run_next(by=WORKER) is None
    assert everything() == before
    settings.GOVERNANCE_EXECUTION_ENABLED = True
    assert executions.run_next(by=WORKER) == execution


def test_what_belongs_to_a_halted_workspace_waits(house, handle):
    handle("stamp", lambda context, params: {})
    execution = ready(house, step("stamp"))
    halted(house.workspace)
    assert executions.run_next(by=WORKER) is None
    resumed(house.workspace)
    assert executions.run_next(by=WORKER) == execution


def test_what_is_for_agents_is_left_to_them(house):
    house.action_type("pay")
    ready(house, step("pay"))
    assert executions.run_next(by=WORKER) is None


# --- The gate, asked again ------------------------------------------------------------------------

# what happened since it was approved, the gate's answer
SINCE = [
    (
        lambda house, agent: Agent.objects.filter(pk=agent.pk).update(maturity="student"),
        "training: student agent, complexity 3: training",
    ),
    (lambda house, agent: paused(agent), "denied: the agent is paused"),
    (
        lambda house, agent: house.publish(rule("no")),
        "denied: intern agent, complexity 3: proposal; rule no: denied, for a test",
    ),
]


@pytest.mark.parametrize("effect", ["local", "keyed", "unkeyed"])
@pytest.mark.parametrize(("change", "says"), SINCE)
def test_a_stricter_answer_stops_it_before_anything_is_sent(house, handle, effect, change, says):
    sent = []
    handle("stamp", lambda context, params: sent.append(1) or {}, effect=effect)
    execution = ready(house, step("stamp"))
    change(house, execution.agent)
    with recorded() as entries:
        executions.run_next(by=WORKER)
    assert sent == []
    assert ending(execution) == ("failed", "failed", ["failed"])
    execution.refresh_from_db()
    assert execution.error == f"step step1: The gate now answers {says}. Nothing was sent."
    route = says.split(":", maxsplit=1)[0]
    assert kinds(entries) == [
        "execution.claimed",
        f"decision.{route}",
        "execution_step.failed",
        "execution.failed",
        "proposal.failed",
        "episode.closed",
    ]
    assert Episode.objects.get(source="proposal").outcome == "abandoned"
    assert not Evidence.objects.filter(kind="failure").exists()  # nothing of it was tried
    assert Decision.objects.get(execution=execution).route == route


def test_a_demotion_between_two_steps_stops_the_second(house, handle):
    def stamp(context, params):
        Agent.objects.filter(pk=context.agent_id).update(maturity="student")
        return {}

    handle("stamp", stamp)
    execution = ready(house, step("stamp", "one"), step("canvas_present", "two", CANVAS))
    executions.run_next(by=WORKER)
    assert ending(execution) == ("failed", "failed", ["done", "failed"])
    assert Canvas.objects.count() == 0


# --- Failures -------------------------------------------------------------------------------------


def raising(error):
    def handler(context, params):
        raise error

    return handler


def returning(value):
    return lambda context, params: value


SECRET = "password=hunter2"
UNKNOWN = "The handler of stamp raised RuntimeError; see the worker's log."
FAILED, DOUBT = ("failed", "failed", ["failed"]), ("in_doubt", "in_doubt", ["in_doubt"])

# what the handler does, what is kept of it; how often it is called, where its effect is local, and
# where it is keyed: what is certain ends it, what is not is tried three times. An unkeyed one is
# called once, and is in doubt unless it is certain that nothing happened.
FAILURES = [
    (raising(ActionFailed("The bank said no.")), "The bank said no.", 1, 1, FAILED),
    (raising(ActionFailed()), "ActionFailed", 1, 1, FAILED),
    (raising(RuntimeError(SECRET)), UNKNOWN, 3, 3, DOUBT),
    (returning(["x"]), "The output must be a JSON object.", 1, 3, DOUBT),
    (returning(None), "The output must be a JSON object.", 1, 3, DOUBT),
    (returning({"x": "y" * 256_000}), "at most 256,000 are accepted", 1, 3, DOUBT),
    (returning({"x": float("nan")}), "no canonical JSON form", 1, 3, DOUBT),
    (returning({"x": "\x00"}), "U+0000", 1, 3, DOUBT),
    (returning({"x": object()}), "no canonical JSON form", 1, 3, DOUBT),
]


@pytest.mark.parametrize("effect", ["local", "keyed", "unkeyed"])
@pytest.mark.parametrize(("handler", "says", "local", "keyed", "unkeyed"), FAILURES)
def test_a_handler_that_fails(house, handle, effect, handler, says, local, keyed, unkeyed):
    called = []

    def stamp(context, params):
        called.append(context.idempotency_key)
        return handler(context, params)

    handle("stamp", stamp, effect=effect)
    execution = ready(house, step("stamp"))
    run_worker_to_the_end()
    times = {"local": local, "keyed": keyed, "unkeyed": 1}[effect]
    assert called == [f"{execution.id}:step1"] * times
    assert ending(execution) == (unkeyed if effect == "unkeyed" else FAILED)
    execution.refresh_from_db()
    row = execution.steps.get()
    assert says in row.error
    assert row.error.endswith(" Tried 3 times.") is (times == 3)
    assert execution.error == f"step step1: {row.error}"
    assert (row.output, row.attempts) == ("", times)


@pytest.mark.parametrize("effect", ["local", "keyed", "unkeyed"])
def test_the_text_of_an_unforeseen_error_goes_to_the_log_only(house, handle, effect, caplog):
    """It may hold anything, and what looks like a secret is not even logged."""
    handle("stamp", raising(RuntimeError(f"row 17 of 20: {SECRET}")), effect=effect)
    ready(house, step("stamp"))
    with caplog.at_level(logging.WARNING, logger="governance"):
        run_worker_to_the_end()
    assert "row 17" not in str(everything())
    assert SECRET not in str(everything())
    assert "RuntimeError('row 17 of 20: password=[redacted]" in caplog.text
    assert "hunter2" not in caplog.text


@pytest.mark.parametrize("effect", ["local", "keyed"])
@pytest.mark.parametrize(
    "text", ["a\x00b", "\ud800", "e" * 1_000_000], ids=["NUL", "surrogate", "a megabyte"]
)
def test_a_failure_whose_text_cannot_be_kept_is_a_failure_all_the_same(house, handle, effect, text):
    """A far side may answer anything; the execution must not be tried again for ever."""
    handle("stamp", raising(ActionFailed(text)), effect=effect)
    execution = ready(house, step("stamp"))
    executions.run_next(by=WORKER)
    assert ending(execution) == FAILED
    assert 0 < len(execution.steps.get().error) <= 10_000


def test_a_local_handler_that_fails_leaves_nothing_behind(house, handle):
    def half_done(context, params):
        house.agent(name="left behind")
        raise ActionFailed("after all, no")

    handle("stamp", half_done)
    execution = ready(house, step("stamp"))
    executions.run_next(by=WORKER)
    assert ending(execution) == FAILED
    assert not Agent.objects.filter(name="left behind").exists()


@pytest.mark.parametrize("effect", ["local", "keyed", "unkeyed"])
def test_a_handler_that_is_not_there_fails_and_nothing_was_sent(house, effect):
    with registered_handler(make_spec("stamp", effect=effect), workspace=house.workspace):
        execution = ready(house, step("stamp"))
    executions.run_next(by=WORKER)
    assert ending(execution) == FAILED
    assert "No handler is registered for the action type 'stamp'" in execution.steps.get().error


# --- Attempts that died ---------------------------------------------------------------------------


class Died(BaseException):
    """As SIGKILL, but this process lives on to look."""


def die_at(point, monkeypatch) -> None:
    """The next worker dies at a labelled point; its lease runs out; the sweeper comes."""

    def reach(name):
        if name == point:
            raise Died

    with monkeypatch.context() as patch:
        patch.setattr(failpoints, "reach", reach)
        with pytest.raises(Died):
            executions.run_next(by=WORKER)
    with time_machine.travel(timezone.now() + datetime.timedelta(hours=1), tick=False):
        executions.sweep(by=WORKER)


def test_a_gate_that_has_changed_its_mind_does_not_undo_what_was_sent(house, handle, monkeypatch):
    handle("stamp", lambda context, params: {}, effect="keyed")
    execution = ready(house, step("stamp"))
    die_at("handled", monkeypatch)
    paused(execution.agent)
    executions.run_next(by=WORKER)
    assert ending(execution) == DOUBT
    error = execution.steps.get().error
    assert "The gate now answers denied: the agent is paused" in error
    assert "Nothing was sent" not in error


def test_an_attempt_in_doubt_says_why_and_what_followed_is_not_run(house, handle, monkeypatch):
    """Whether a worker or the sweeper says so, it looks the same to the person who settles it."""
    handle("stamp", lambda context, params: {}, effect="unkeyed")
    execution = ready(house, step("stamp", "a"), step("canvas_present", "b", CANVAS))
    die_at("handled", monkeypatch)
    assert ending(execution) == ("in_doubt", "in_doubt", ["in_doubt", "not_run"])
    execution.refresh_from_db()
    assert execution.error == ("step a: The lease ran out before an outcome was reported.")


def test_a_run_whose_start_failed_does_not_wait_for_ever(house):
    started = triggers.fire(
        agent=house.agent("intern"), source="data_sync", type="x", by=house.by_governor
    )
    execution = approved(started.proposal).execution
    paused(execution.agent)
    executions.run_next(by=WORKER)
    assert ending(execution) == FAILED
    assert Run.objects.get(pk=started.run.pk).state == "abandoned"


# --- Several steps --------------------------------------------------------------------------------


def test_steps_run_in_order_and_each_is_recorded(house, handle):
    seen = []
    for key in ("one", "two"):
        handle(key, lambda context, params: seen.append(context.idempotency_key) or {})
    execution = ready(house, step("one", "a"), step("two", "b"), step("one", "c"))
    executions.run_next(by=WORKER)
    assert ending(execution) == ("done", "executed", ["done", "done", "done"])
    assert seen == [f"{execution.id}:{name}" for name in "abc"]


# how the second of three steps ends, and with it everything
MIDDLE = [
    (raising(ActionFailed("no")), "keyed", "failed", "step b: no"),
    (raising(RuntimeError("?")), "local", "failed", "step b: The handler of bad raised"),
    (raising(RuntimeError("?")), "unkeyed", "in_doubt", "step b: The handler of bad raised"),
]


@pytest.mark.parametrize(("handler", "effect", "state", "error"), MIDDLE)
def test_a_plan_stops_at_the_first_step_that_is_not_done(
    house, handle, handler, effect, state, error
):
    handle("bad", handler, effect=effect)
    execution = ready(
        house,
        step("canvas_present", "a", CANVAS),
        step("bad", "b"),
        step("canvas_present", "c", CANVAS),
        step("canvas_present", "d", CANVAS),
    )
    with recorded() as entries:
        run_worker_to_the_end()
    assert ending(execution) == (state, state, ["done", state, "not_run", "not_run"])
    assert Canvas.objects.count() == 1  # what was done stays done
    execution.refresh_from_db()
    assert execution.error.startswith(error)
    outcome = ["episode.closed", "evidence.noted"] if state == "failed" else []
    assert kinds(entries)[-4 - len(outcome) :] == [
        "execution_step.not_run",
        "execution_step.not_run",
        f"execution.{state}",
        f"proposal.{state}",
        *outcome,
    ]


def test_a_failed_execution_is_never_an_executed_proposal(house, handle):
    """Nor does anything move it there afterwards."""
    handle("stamp", raising(ActionFailed("no")))
    execution = ready(house, step("stamp"))
    with recorded() as entries:
        executions.run_next(by=WORKER)
        assert executions.run_next(by=WORKER) is None
        assert executions.sweep(by=WORKER) == {"ready": 0, "in_doubt": 0}
        assert proposals.expire_overdue(by=WORKER) == 0
    assert "proposal.executed" not in kinds(entries)
    assert ending(execution) == FAILED
