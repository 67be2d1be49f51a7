"""Actions: an agent asks inside its run, and the gate's answer is carried out."""

from __future__ import annotations

import pytest

from governance.domain.errors import IdempotencyConflict, InvalidInput, StaleState
from governance.models import Agent, Decision, Execution, Proposal
from governance.services import actions, executions
from tests.factories import GrantFactory, finished, halted, paused, rule
from tests.integration.services.checks import kinds, recorded, refused

pytestmark = pytest.mark.django_db

PARAMS = {"amount": 5}


def ask(run, action_type="pay", params=None, **values):
    values = {"by": run.agent.actor, **values}
    params = PARAMS if params is None else params
    return actions.request(run=run, action_type=action_type, params=params, **values)


def outcome(answer) -> str:
    """What will happen: the agent acts now, a worker acts, people decide, or nothing."""
    given = {
        "claim": answer.claim is not None,
        "execution": answer.execution is not None,
        "proposal": answer.proposal is not None,
    }
    return "+".join(name for name, there in given.items() if there) or "nothing"


# The design's table. maturity: the route at complexity 1, 2, 3, 4.
TABLE = {
    "student": ("execution", "training", "training", "training"),
    "intern": ("execution", "execution", "proposal", "proposal"),
    "supervised": ("execution", "execution", "supervision", "proposal"),
    "autonomous": ("execution", "execution", "execution", "execution"),
}
HAPPENS = {
    "execution": "claim+execution",
    "supervision": "nothing",
    "proposal": "proposal",
    "training": "nothing",
    "denied": "nothing",
}


@pytest.mark.parametrize("maturity", list(TABLE))
@pytest.mark.parametrize("complexity", [1, 2, 3, 4])
def test_maturity_and_complexity_decide(house, maturity, complexity):
    house.action_type("pay", complexity=complexity)
    run = house.run(maturity)
    answer = ask(run)
    route = TABLE[maturity][complexity - 1]
    assert (answer.route, outcome(answer)) == (route, HAPPENS[route])
    held = (actions.NOBODY,) if route == "supervision" else ()
    assert answer.reasons == (f"{maturity} agent, complexity {complexity}: {route}", *held)
    assert answer.held == bool(held)
    decision = Decision.objects.get(pk=answer.decision.pk)
    assert (decision.kind, decision.route, decision.action_type) == ("action", route, "pay")
    assert (decision.run, decision.maturity, decision.policy.number) == (run, maturity, 1)


ENTRIES = [
    ("student", ["decision.training"]),
    ("intern", ["proposal.proposed", "decision.proposal"]),
    ("supervised", ["decision.supervision"]),
    ("autonomous", ["execution.ready", "execution.claimed", "execution_step.sent"]),
]


@pytest.mark.parametrize(("maturity", "expected"), ENTRIES)
def test_the_ledger_holds_every_answer_but_the_plain_execution(house, maturity, expected):
    house.action_type("pay")
    run = house.run(maturity)
    with recorded() as entries:
        ask(run)
    assert kinds(entries) == expected
    assert {e.data["by"]["id"] for e in entries} == {str(run.agent_id)}


def test_a_claim_is_for_exactly_what_was_asked(house):
    house.action_type("pay")
    run = house.run("autonomous")
    claim = ask(run).claim
    assert [step.as_json() for step in claim.plan.steps] == [
        {"id": "step1", "action_type": "pay", "params": PARAMS}
    ]
    execution = Execution.objects.get(pk=claim.execution.pk)
    assert (execution.state, execution.fencing_token, claim.token) == ("claimed", 1, 1)
    assert (execution.cleared_route, execution.proposal, execution.run) == ("execution", None, run)
    executions.report(
        execution=execution, token=claim.token, outcome="done", by=run.agent.actor, output={"n": 1}
    )
    execution.refresh_from_db()
    assert execution.state == "done"


def test_in_handler_mode_a_worker_carries_it_out(house):
    params = {"kind": "markdown", "title": "t", "markdown": "x"}
    answer = ask(house.run(), "canvas_present", params)
    assert (answer.route, outcome(answer)) == ("execution", "execution")
    assert answer.execution.state == "ready"
    house.work()
    answer.execution.refresh_from_db()
    assert answer.execution.state == "done"


def test_while_execution_is_off_what_was_cleared_waits_for_its_agent(house, settings):
    house.action_type("pay")
    run = house.run("autonomous")
    settings.GOVERNANCE_EXECUTION_ENABLED = False
    answer = ask(run)
    assert (answer.route, outcome(answer)) == ("execution", "execution")
    assert answer.execution.state == "ready"
    settings.GOVERNANCE_EXECUTION_ENABLED = True
    claim = executions.claim(
        execution=answer.execution, digest=answer.execution.digest, by=run.agent.actor
    )
    assert claim.token == 1


def test_a_waiting_proposal_carries_what_the_agent_says(house):
    house.action_type("pay")
    run = house.run()
    answer = ask(run, reasoning="it is due", title="Pay the invoice")
    proposal = Proposal.objects.get(pk=answer.proposal.pk)
    assert (proposal.title, proposal.reasoning) == ("Pay the invoice", "it is due")
    assert (proposal.run, proposal.route, proposal.state) == (run, "proposal", "proposed")
    assert answer.decision.proposal == proposal


# what is wrong, why it is denied
def unknown(house, run):
    return ask(run, "unheard_of")


def disabled(house, run):
    house.action_type("pay", enabled=False)
    return ask(run)


def reserved(house, run):
    return ask(run, "run_start", {"run": str(run.id)})


def of_the_agent_paused(house, run):
    paused(run.agent)
    return ask(run)


def in_a_halted_workspace(house, run):
    halted(house.workspace)
    return ask(run)


def with_bad_params(house, run):
    schema = {"type": "object", "required": ["amount"], "additionalProperties": False}
    schema["properties"] = {"amount": {"type": "integer"}}
    house.action_type("pay", params_schema=schema)
    return ask(run, params={"amount": "five", "colour": "red"})


def by_rule(house, run):
    house.publish(rule("no", reason="never on Sundays"))
    return ask(run)


DENIED = [
    (unknown, "there is no enabled action type 'unheard_of'"),
    (disabled, "there is no enabled action type 'pay'"),
    (reserved, "action type 'run_start' is reserved to the system"),
    (of_the_agent_paused, "the agent is paused"),
    (in_a_halted_workspace, "the workspace is halted"),
    (with_bad_params, "invalid params: params/amount: "),
    (by_rule, "rule no: denied, never on Sundays"),
]


@pytest.mark.parametrize(("wrong", "why"), DENIED, ids=[case[0].__name__ for case in DENIED])
def test_what_cannot_be_let_through_is_denied_with_the_reason_and_kept(house, wrong, why):
    house.action_type("pay")
    run = house.run("autonomous")
    with recorded() as entries:
        answer = wrong(house, run)
    assert (answer.route, outcome(answer)) == ("denied", "nothing")
    assert any(reason.startswith(why) for reason in answer.reasons)
    kept = Decision.objects.get(pk=answer.decision.pk)
    assert (kept.route, tuple(kept.reasons)) == ("denied", answer.reasons)
    [entry] = [e for e in entries if e.kind.startswith("decision")]
    assert entry.kind == "decision.denied"
    assert entry.data["data"]["reasons"] == list(answer.reasons)
    assert Execution.objects.count() == Proposal.objects.count() == 0


def test_action_types_are_found_exactly(house):
    """ "get" in "widget_delete" once made it harmless."""
    house.action_type("get", complexity=1)
    house.action_type("widget_delete", complexity=4)
    run = house.run("student")
    assert [ask(run, key).route for key in ("get", "widget_delete", "GET", "ge", "get_")] == [
        "execution",
        "training",
        "denied",
        "denied",
        "denied",
    ]


def test_a_demotion_holds_from_the_next_decision_on(house):
    house.action_type("pay")
    run = house.run("autonomous")  # its copy of the agent stays as it is
    assert ask(run).route == "execution"
    Agent.objects.filter(pk=run.agent_id).update(maturity="student")
    assert ask(run).route == "training"


def test_a_grant_is_named_in_the_decision(house):
    house.action_type("pay")
    run = house.run()
    grant = GrantFactory(agent=run.agent, action_type="pay")
    answer = ask(run)
    assert (answer.route, answer.decision.grant_id) == ("execution", str(grant.id))


def test_matched_rules_are_kept_even_those_that_failed(house):
    house.action_type("pay")
    house.publish(rule("big", condition="params.sum > 1", route="proposal", reason="sums"))
    answer = ask(house.run("autonomous"))
    assert answer.route == "proposal"
    [match] = answer.decision.matched_rules
    assert (match["rule"], match["route"], match["error"] != "") == ("big", "proposal", True)


NO_PLAN = [
    ({"action_type": ""}, "plan/0/action_type"),
    ({"action_type": "a" * 101}, "plan/0/action_type"),
    ({"action_type": 5}, "plan/0/action_type"),
    ({"params": ["x"]}, "plan/0/params"),
    ({"params": {"x": 2**53}}, "use strings for whole numbers"),
    ({"params": {"x": float("inf")}}, "only finite numbers"),
    ({"params": {"x": "y" * 1_000_000}}, "at most 256,000 are accepted"),
    ({"params": {"x": "\x00"}}, r"character U\+0000"),
    ({"params": {"x": {"$cel": "steps.a.output"}}}, "only earlier steps may be named"),
    ({"params": {"x": {"$cel": "1"}}}, "an agent carries its step out as it stands"),
    ({"reasoning": "r" * 10_001}, "reasoning is 10,001 characters long"),
    ({"title": "t" * 201}, "title is 201 characters long"),
    ({"idempotency_key": ""}, "idempotency key is empty"),
    ({"idempotency_key": "k" * 201}, "201 characters long"),
]


@pytest.mark.parametrize(("values", "says"), NO_PLAN)
def test_what_is_no_plan_at_all_is_refused(house, values, says):
    house.action_type("pay")
    run = house.run("autonomous")
    with refused(InvalidInput, says):
        ask(run, **values)


def test_nothing_can_be_asked_in_a_run_that_is_not_running(house):
    house.action_type("pay")
    run = house.run()
    finished(run)
    with refused(StaleState, "The run is not running"):
        ask(run)  # the caller's copy still says that it runs


def test_the_same_idempotency_key_is_answered_alike(house):
    house.action_type("pay")
    run = house.run()
    first = ask(run, idempotency_key="k1")
    with recorded() as entries:
        again = ask(run, idempotency_key="k1")
    assert (again.proposal, again.decision, again.reasons) == (
        first.proposal,
        first.decision,
        first.reasons,
    )
    assert entries == []
    with refused(IdempotencyConflict, "'k1' was used for another proposal"):
        ask(run, params={"amount": 6}, idempotency_key="k1")


def test_the_same_idempotency_key_executes_once(house):
    """An agent that lost the answer asks again; what was cleared must not be cleared twice."""
    house.action_type("pay")
    run = house.run("autonomous")
    first = ask(run, idempotency_key="k1")
    again = ask(run, idempotency_key="k1")
    assert Execution.objects.count() == 1
    assert again.execution == first.execution
    with refused(IdempotencyConflict, "'k1' was used"):
        ask(run, params={"amount": 6}, idempotency_key="k1")


def test_ask_only_answers(house):
    house.action_type("pay")
    agent = house.agent("autonomous")
    with recorded() as entries:
        answer = actions.ask(agent=agent, action_type="pay", params={}, by=house.by_governor)
    assert (answer.route, entries) == ("execution", [])
    assert (Decision.objects.count(), Execution.objects.count()) == (1, 0)
    actions.ask(agent=agent, action_type="pay", params={}, by=house.by_governor, keep=False)
    assert Decision.objects.count() == 1
