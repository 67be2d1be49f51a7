"""Steps: conditions and references, what is tried again and when, and handlers that hang."""

from __future__ import annotations

import contextlib
import datetime
import json
import time

import pytest
import time_machine
from django.utils import timezone

from governance.domain.errors import GateRefused, StaleState
from governance.execution import failpoints, steps
from governance.execution.deadline import deadline
from governance.execution.registry import ActionFailed, ActionInDoubt, ActionNeverHappened
from governance.models import Agent, Execution, LedgerEntry
from governance.services import action_types, executions, proposals
from tests.factories import finished, paused, rule, run_worker, run_worker_to_the_end
from tests.integration.execution.carrying import WORKER, cel, ending, ready, row_of, step
from tests.integration.services.checks import kinds, recorded, refused

pytestmark = pytest.mark.django_db

SECOND = datetime.timedelta(seconds=1)


@pytest.fixture
def fetch(handle):
    """A step that gives `{"rows": [...], "total": 3}`."""
    handle("fetch", lambda context, params: {"rows": ["a", "b"], "total": 3})


# --- Conditions -----------------------------------------------------------------------------------


def test_a_step_whose_condition_is_false_is_skipped_with_the_reason(house, fetch, seen):
    execution = ready(
        house,
        step("fetch", "fetch"),
        step("show", "many", {"n": 1}, when="steps.fetch.output.total > 3"),
        step("show", "few", {"n": 2}, when="steps.fetch.output.total <= 3"),
        step("show", "always", {"n": 3}),
    )
    with recorded() as entries:
        run_worker()
    assert ending(execution) == ("done", "executed", ["done", "skipped", "done", "done"])
    assert seen == [{"n": 2}, {"n": 3}]
    skipped = row_of(execution, "many")
    assert skipped.error == "`steps.fetch.output.total > 3` was false."
    assert (skipped.output, skipped.sent_at) == ("", None)
    assert skipped.finished_at is not None
    assert kinds(entries) == [
        "execution.claimed",
        "execution_step.done",
        "execution_step.skipped",
        "execution_step.done",
        "execution_step.done",
        "execution.done",
        "proposal.executed",
        "episode.closed",
    ]
    assert entries[2].data["data"]["error"] == skipped.error


@pytest.mark.parametrize("effect", ["local", "keyed", "unkeyed"])
def test_a_skipped_step_is_never_sent(house, handle, effect):
    sent = []
    handle("stamp", lambda context, params: sent.append(1) or {}, effect=effect)
    execution = ready(house, step("stamp", when="1 > 2"))
    with recorded() as entries:
        run_worker()
    assert ending(execution) == ("done", "executed", ["skipped"])
    assert sent == []
    assert "execution_step.sent" not in kinds(entries)


def test_later_steps_may_ask_whether_one_was_skipped(house, fetch, seen):
    execution = ready(
        house,
        step("fetch", "fetch", when="false"),
        step(
            "show",
            "instead",
            {"state": cel("steps.fetch.state")},
            when="!has(steps.fetch.output.total)",
        ),
        step("show", "more", when="steps.fetch.state == 'done' && steps.fetch.output.total > 1"),
    )
    run_worker()
    assert ending(execution) == ("done", "executed", ["skipped", "done", "skipped"])
    assert seen == [{"state": "skipped"}]


@pytest.mark.parametrize(
    ("condition", "says"),
    [
        ("steps.fetch.output.nothing > 1", "Key not found in map"),
        ("steps.fetch.output.rows > 1", "No matching overloads found"),
    ],
)
def test_a_condition_that_cannot_be_evaluated_stops_the_plan(house, fetch, seen, condition, says):
    execution = ready(
        house, step("fetch", "fetch"), step("show", "show", when=condition), step("show", "last")
    )
    run_worker()
    assert ending(execution) == ("failed", "failed", ["done", "failed", "not_run"])
    assert seen == []
    error = row_of(execution, "show").error
    assert error.startswith(f"`{condition}` cannot be evaluated: ")
    assert says in error
    assert error.endswith("Nothing was sent.")


# --- References -----------------------------------------------------------------------------------


def test_a_step_gets_what_earlier_steps_gave(house, fetch, seen):
    execution = ready(
        house,
        step("fetch", "fetch"),
        step(
            "show",
            "first",
            {
                "title": cel("'There are ' + string(steps.fetch.output.total)"),
                "lists": [{"rows": cel("steps.fetch.output.rows")}, cel("steps.fetch.state")],
            },
        ),
        step("show", "second", {"again": cel("steps.first.output.lists[0]")}),
    )
    run_worker()
    assert ending(execution)[0] == "done"
    assert seen == [
        {"title": "There are 3", "lists": [{"rows": ["a", "b"]}, "done"]},
        {"again": {"rows": ["a", "b"]}},
    ]
    assert json.loads(row_of(execution, "second").output) == seen[1]


def test_outputs_outlive_the_worker_that_got_them(house, handle, seen, monkeypatch):
    """What is done is not done again; another worker refers to what was recorded."""
    fetched = []
    handle("fetch", lambda context, params: fetched.append(1) or {"total": 3})
    execution = ready(
        house, step("fetch", "fetch"), step("show", "show", {"n": cel("steps.fetch.output.total")})
    )

    def die(name):
        if name == "recorded":
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(failpoints, "reach", die)
        with pytest.raises(KeyboardInterrupt):
            executions.run_next(by=WORKER)
    with time_machine.travel(timezone.now() + datetime.timedelta(hours=1), tick=False):
        executions.sweep(by=WORKER)
        run_worker()
    assert ending(execution) == ("done", "executed", ["done", "done"])
    assert (fetched, seen) == ([1], [{"n": 3}])


def test_what_is_masked_in_an_output_is_masked_where_it_is_referred_to(house, handle, seen):
    handle("fetch", lambda context, params: {"token": "tok-12345678", "kept": "x"})
    ready(
        house,
        step("fetch", "fetch"),
        step("show", "show", {"given": cel("steps.fetch.output")}),
    )
    run_worker()
    assert seen == [{"given": {"token": "[redacted]", "kept": "x"}}]


TEXTS = {
    "type": "object",
    "properties": {"text": {"type": "string", "maxLength": 5}},
    "required": ["text"],
}


@pytest.mark.parametrize(("value", "accepted"), [("short", True), ("longer", False), (5, False)])
def test_what_was_unknown_is_held_to_the_schema_once_it_is_known(house, handle, value, accepted):
    given = []
    handle("fetch", lambda context, params: {"text": value})
    handle("say", lambda context, params: given.append(params) or {}, params_schema=TEXTS)
    execution = ready(
        house, step("fetch", "fetch"), step("say", "say", {"text": cel("steps.fetch.output.text")})
    )
    run_worker()
    if accepted:
        assert given == [{"text": value}]
        return
    assert ending(execution) == ("failed", "failed", ["done", "failed"])
    assert given == []
    error = row_of(execution, "say").error
    assert error.startswith("The gate now answers denied: invalid params: params/text: the value")
    assert error.endswith("Nothing was sent.")


# the agent's maturity, the amount that turns up, whether the gate lets the step through: a rule
# denies amounts above 100
RESOLVED = [
    ("intern", 100, True),
    ("intern", 101, False),
    ("autonomous", 100, True),
    ("autonomous", 101, False),
]


@pytest.mark.parametrize("effect", ["local", "keyed", "unkeyed"])
@pytest.mark.parametrize(("maturity", "amount", "passes"), RESOLVED)
def test_the_gate_is_asked_again_with_what_the_references_stand_for(
    house, handle, effect, maturity, amount, passes
):
    """What people approved covers a proposal, and no denial."""
    paid = []
    handle("fetch", lambda context, params: {"amount": amount})
    handle("pay", lambda context, params: paid.append(params) or {}, effect=effect)
    plan = [step("fetch", "fetch"), step("pay", "pay", {"n": cel("steps.fetch.output.amount")})]
    execution = ready(house, *plan, maturity=maturity)
    house.publish(rule("big", scope="pay", condition="params.n > 100", reason="too much"))
    with recorded() as entries:
        run_worker()
    if passes:
        assert ending(execution) == ("done", "executed", ["done", "done"])
        assert paid == [{"n": 100}]
        return
    assert ending(execution) == ("failed", "failed", ["done", "failed"])
    assert paid == []
    assert "rule big: denied, too much. Nothing was sent." in row_of(execution, "pay").error
    [denied] = [entry for entry in entries if entry.kind == "decision.denied"]
    assert denied.data["data"]["action_type"] == "pay"


def test_a_plan_whose_references_a_rule_looks_at_is_denied_before_anybody_reads_it(house, handle):
    handle("fetch")
    handle("pay")
    house.publish(rule("big", scope="pay", condition="params.n > 100", reason="too much"))
    plan = [step("fetch", "fetch"), step("pay", "pay", {"n": cel("steps.fetch.output.amount")})]
    with pytest.raises(GateRefused, match=r"rule big: denied, too much \(counted as matched"):
        ready(house, *plan)


def test_what_references_stand_for_together_is_bounded(house, handle, seen):
    handle("fetch", lambda context, params: {"text": "x" * 130_000})
    twice = {"a": cel("steps.fetch.output.text"), "b": cel("steps.fetch.output.text")}
    execution = ready(house, step("fetch", "fetch"), step("show", "show", twice))
    run_worker()
    assert ending(execution) == ("failed", "failed", ["done", "failed"])
    assert seen == []
    assert "at most 256,000 are accepted" in row_of(execution, "show").error


def test_a_far_side_does_not_choose_our_credentials(house, handle, seen):
    handle("fetch", lambda context, params: {"x": {"$secret": "payroll"}})
    execution = ready(
        house, step("fetch", "fetch"), step("show", "show", {"x": cel("steps.fetch.output.x")})
    )
    run_worker()
    assert ending(execution) == ("failed", "failed", ["done", "failed"])
    assert seen == []
    assert "a credential is named in the plan itself" in row_of(execution, "show").error


# --- Tried again ----------------------------------------------------------------------------------


class Flaky:
    """A handler that fails so often, and then does it."""

    def __init__(self, times: int) -> None:
        self.times, self.keys = times, []

    def __call__(self, context, params):
        self.keys.append(context.idempotency_key)
        if len(self.keys) <= self.times:
            raise OSError("busy")
        return {"tries": len(self.keys)}


@pytest.mark.parametrize("effect", ["local", "keyed"])
def test_an_unforeseen_failure_is_tried_again_under_the_same_key(house, handle, effect):
    flaky = Flaky(2)
    handle("stamp", flaky, effect=effect)
    execution = ready(house, step("stamp"))
    assert run_worker_to_the_end() == [1 * SECOND, 2 * SECOND]
    assert ending(execution) == ("done", "executed", ["done"])
    assert flaky.keys == [f"{execution.id}:step1"] * 3
    row = row_of(execution)
    assert (row.attempts, row.error, row.output) == (3, "", '{"tries":3}')


BACKOFF = [1, 2, 4, 8, 16, 32, 64, 128, 256, *[300] * 10]
"""Seconds: twice as long every time, and five minutes at most."""


def test_each_wait_is_twice_the_last_up_to_five_minutes(house, handle):
    flaky = Flaky(100)
    handle("stamp", flaky)
    action_types.define(
        workspace=house.workspace, key="stamp", values={"max_attempts": 20}, by=house.by_governor
    )
    execution = ready(house, step("stamp"))
    assert run_worker_to_the_end() == [seconds * SECOND for seconds in BACKOFF]
    assert len(flaky.keys) == 20
    assert ending(execution) == ("failed", "failed", ["failed"])
    assert row_of(execution).error == (
        "The handler of stamp raised OSError; see the worker's log. Tried 20 times."
    )


@pytest.mark.parametrize(("effect", "state"), [("local", "pending"), ("keyed", "sent")])
def test_between_two_attempts_it_is_ready_for_later_and_says_why(house, handle, effect, state):
    handle("stamp", Flaky(1), effect=effect)
    execution = ready(house, step("stamp"))
    with time_machine.travel("2030-01-01T12:00Z", tick=False) as clock:
        with recorded() as entries:
            assert executions.run_next(by=WORKER) == execution
        assert ending(execution) == ("ready", "approved", [state])
        execution.refresh_from_db()
        due = datetime.datetime(2030, 1, 1, 12, 0, 1, tzinfo=datetime.UTC)
        assert (execution.not_before, execution.deliver_at) == (due, due)
        assert (execution.lease_expires_at, execution.error) == (None, "")
        why = "step step1, attempt 1: The handler of stamp raised OSError; see the worker's log."
        assert entries[-1].kind == "execution.ready"
        assert entries[-1].data["data"]["why"] == why
        clock.move_to(due - datetime.timedelta(microseconds=1))
        assert executions.run_next(by=WORKER) is None
        assert executions.run(execution_id=execution.id, by=WORKER) is None
        clock.move_to(due)
        assert executions.run(execution_id=execution.id, by=WORKER) == execution
    assert ending(execution) == ("done", "executed", ["done"])


def test_what_is_not_due_yet_keeps_nothing_else_waiting(house, handle):
    handle("stamp", Flaky(1))
    handle("other")
    first, second = ready(house, step("stamp")), ready(house, step("other"))
    assert executions.run_next(by=WORKER) == first
    assert executions.run_next(by=WORKER) == second
    assert executions.run_next(by=WORKER) is None


def test_an_unkeyed_step_is_never_tried_again_by_itself(house, handle):
    flaky = Flaky(1)
    handle("stamp", flaky, effect="unkeyed")
    action_types.define(
        workspace=house.workspace, key="stamp", values={"max_attempts": 20}, by=house.by_governor
    )
    execution = ready(house, step("stamp"))
    assert row_of(execution).max_attempts == 1
    assert run_worker_to_the_end() == []
    assert ending(execution) == ("in_doubt", "in_doubt", ["in_doubt"])
    assert len(flaky.keys) == 1


def test_how_often_it_is_tried_was_settled_when_it_was_approved(house, handle):
    handle("stamp", Flaky(100))
    before = ready(house, step("stamp"))
    action_types.define(
        workspace=house.workspace, key="stamp", values={"max_attempts": 1}, by=house.by_governor
    )
    after = ready(house, step("stamp"))
    run_worker_to_the_end()
    assert [row_of(execution).attempts for execution in (before, after)] == [3, 1]


# what a handler knows: nothing happened, or only a person can tell
CERTAIN = [
    (ActionFailed("no"), "keyed", "failed", "no"),
    (ActionFailed("no"), "local", "failed", "no"),
    (ActionInDoubt("It took it."), "keyed", "in_doubt", "It took it."),
    (ActionInDoubt("It took it."), "unkeyed", "in_doubt", "It took it."),
]


@pytest.mark.parametrize(("error", "effect", "state", "says"), CERTAIN)
def test_what_is_certain_is_not_tried_again(house, handle, error, effect, state, says):
    called = []

    def certain(context, params):
        called.append(1)
        raise error

    handle("stamp", certain, effect=effect)
    execution = ready(house, step("stamp"))
    assert run_worker_to_the_end() == []
    assert ending(execution) == (state, state, [state])
    assert (called, row_of(execution).error) == ([1], says)


# what the second attempt of a step that was sent before says, and what becomes of the step
SENT_BEFORE = [
    (ActionFailed("No."), "in_doubt", f"{steps.EARLIER} No."),  # known of this attempt only
    (ActionNeverHappened("Never."), "failed", "Never."),
    (ActionInDoubt("It took it."), "in_doubt", "It took it."),
]


@pytest.mark.parametrize(("error", "state", "says"), SENT_BEFORE)
def test_what_was_sent_before_and_fails_now_may_have_taken_effect(
    house, handle, error, state, says
):
    answers = iter([OSError("cut off"), error])

    def cut_off(context, params):
        raise next(answers)

    handle("stamp", cut_off, effect="keyed")
    execution = ready(house, step("stamp"))
    assert run_worker_to_the_end() == [1 * SECOND]
    assert ending(execution) == (state, state, [state])
    assert row_of(execution).error == says


# how the run ended since the approval, what becomes of the execution, what its step says
ENDED_RUNS = [
    ("succeeded", "done", ""),
    ("failed", "failed", "The run has failed; nothing is carried out in it any more."),
    ("abandoned", "failed", "The run was abandoned; nothing is carried out in it any more."),
]


@pytest.mark.parametrize(("outcome", "state", "says"), ENDED_RUNS)
@pytest.mark.parametrize("effect", ["local", "keyed", "unkeyed"])
def test_what_a_run_left_goes_on_unless_it_failed(house, handle, effect, outcome, state, says):
    sent = []
    handle("stamp", lambda context, params: sent.append(1) or {}, effect=effect)
    execution = ready(house, step("stamp"))
    finished(execution.run, outcome=outcome)
    run_worker()
    assert ending(execution)[0] == state
    assert sent == ([1] if state == "done" else [])
    assert row_of(execution).error == (f"{says} Nothing was sent." if says else "")


def test_a_local_effect_of_a_failed_attempt_is_not_there(house, handle):
    names = iter("abc")

    def half(context, params):
        house.agent(name=next(names))
        if Agent.objects.filter(name="c").exists():
            return {}
        raise OSError("busy")

    handle("stamp", half)
    execution = ready(house, step("stamp"))
    run_worker_to_the_end()
    assert ending(execution)[0] == "done"
    assert set(Agent.objects.filter(name__in="abc").values_list("name", flat=True)) == {"c"}


@pytest.mark.parametrize(
    ("effect", "state", "says"),
    [
        ("local", "failed", "Nothing was sent."),
        ("keyed", "in_doubt", "It had been sent before."),
    ],
)
def test_the_gate_is_asked_before_every_attempt(house, handle, effect, state, says):
    flaky = Flaky(1)
    handle("stamp", flaky, effect=effect)
    execution = ready(house, step("stamp"))
    run_worker()
    paused(execution.agent)
    run_worker_to_the_end()
    assert ending(execution) == (state, state, [state])
    assert len(flaky.keys) == 1
    error = row_of(execution).error
    assert error == f"The gate now answers denied: the agent is paused. {says}"


def test_what_was_sent_before_is_never_said_not_to_have_been(house, handle):
    """Neither where the run is over by the time it would be sent again."""
    handle("stamp", Flaky(1), effect="keyed")
    execution = ready(house, step("stamp"))
    run_worker()
    finished(execution.run, outcome="failed")
    run_worker_to_the_end()
    assert ending(execution) == ("in_doubt", "in_doubt", ["in_doubt"])
    assert row_of(execution).error == (
        "The run has failed; nothing is carried out in it any more. It had been sent before."
    )


def test_what_waits_for_its_next_attempt_can_be_cancelled_unless_it_was_sent(house, handle):
    handle("note", Flaky(100))
    handle("send", Flaky(100), effect="keyed")
    noted, sent = ready(house, step("note")), ready(house, step("send"))
    run_worker()
    proposals.cancel(proposal=noted.proposal, reason="never mind", by=house.by_reviewer)
    assert ending(noted) == ("cancelled", "cancelled", ["not_run"])
    with refused(StaleState, "and step step1 was sent already: what was sent cannot be cancelled"):
        proposals.cancel(proposal=sent.proposal, reason="never mind", by=house.by_reviewer)


def test_later_steps_wait_with_the_one_that_is_tried_again(house, handle, seen):
    handle("stamp", Flaky(1))
    execution = ready(
        house,
        step("show", "a"),
        step("stamp", "b"),
        step("show", "c", {"n": cel("steps.b.output.tries")}),
    )
    run_worker()
    assert ending(execution) == ("ready", "approved", ["done", "pending", "pending"])
    run_worker_to_the_end()
    assert ending(execution) == ("done", "executed", ["done", "done", "done"])
    assert seen == [{}, {"n": 2}]


# --- Handlers that hang ---------------------------------------------------------------------------

HANGING = [
    ("local", 3, ("failed", "failed", ["failed"]), "It took longer than 0.1 s. Tried 3 times."),
    ("keyed", 3, ("failed", "failed", ["failed"]), "It took longer than 0.1 s. Tried 3 times."),
    ("unkeyed", 1, ("in_doubt", "in_doubt", ["in_doubt"]), "It took longer than 0.1 s."),
]


@pytest.mark.parametrize(("effect", "times", "expected", "error"), HANGING)
def test_a_handler_that_hangs_is_interrupted_and_the_worker_lives_on(
    house, handle, monkeypatch, effect, times, expected, error
):
    # Its two seconds are told by a faster clock, so that the test need not wait for them.
    monkeypatch.setattr(steps, "deadline", lambda seconds: deadline(seconds / 20))
    called = []

    def hang(context, params):
        called.append(1)
        while True:
            with contextlib.suppress(Exception):  # it swallows what it can
                time.sleep(30)

    handle("stamp", hang, effect=effect, timeout_seconds=2)
    handle("other")
    hanging, other = ready(house, step("stamp")), ready(house, step("other"))
    run_worker_to_the_end()
    assert ending(hanging) == expected
    assert (len(called), row_of(hanging).error) == (times, error)
    assert ending(other) == ("done", "executed", ["done"])
    assert Execution.objects.filter(state="claimed").count() == 0


def test_every_outcome_is_in_the_ledger_once(house, handle, fetch, seen):
    handle("stamp", Flaky(1), effect="keyed")
    execution = ready(
        house,
        step("fetch", "fetch"),
        step("stamp", "stamp"),
        step("show", "none", when="steps.fetch.output.total == 0"),
    )
    run_worker_to_the_end()
    rows = execution.steps.order_by("position")
    trails = [
        [e.kind for e in LedgerEntry.objects.filter(subject_id=row.id).order_by("id")]
        for row in rows
    ]
    assert trails == [
        ["execution_step.done"],
        ["execution_step.sent", "execution_step.done"],
        ["execution_step.skipped"],
    ]
