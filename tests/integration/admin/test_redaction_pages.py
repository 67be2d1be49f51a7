"""What a plan calls a secret stays in it: not in outputs, errors, reasons, ledger, logs, pages."""

from __future__ import annotations

import json
import logging

import pytest
from django.apps import apps

from governance.domain.words import Effect
from governance.execution.registry import ActionFailed, ActionInDoubt
from governance.models import Decision, Execution, LedgerEntry, Proposal
from governance.services import actions, executions
from tests.factories import RunFactory, approved, claimed, make_spec, rule
from tests.integration.admin.browsing import inputs, login, page
from tests.integration.admin.visits import url

pytestmark = pytest.mark.django_db

PASSWORD, TOKEN, KEY, QUERY, COOKIE = (
    "correct-horse-battery",
    "abcdefgh12345",
    "key/of the+far&side",
    "q-token-4711",
    "session=one-two-three",
)
SECRETS = (PASSWORD, TOKEN, KEY, QUERY, COOKIE)
PARAMS = {
    "url": f"https://me:{PASSWORD}@far.test/?token={QUERY}&page=2",
    "password": PASSWORD,
    "headers": {
        "Authorization": f"Bearer {TOKEN}",
        "X-Api-Key": KEY,
        "Cookie": COOKIE,
        "Accept": "text/plain",
    },
    "note": "nothing secret",
}

IN_THE_PLAN = {("proposal", "plan"), ("execution", "plan")}
"""The only columns that may hold them: the digest covers what the agent sent."""


def echo(context, params):
    """What a far side may make of it: everything under other names, and in one text."""
    return {
        "said": list(params["headers"].values()),
        "url": params["url"],
        "text": f"logged in with {params['password']}, key {params['headers']['X-Api-Key']}",
        "nested": {"set-cookie": COOKIE, "deep": json.dumps(params)},
        "kept": params["note"],
    }


def quote(kind):
    """A handler that quotes all of it in what it raises."""

    def handle(context, params):
        raise kind(f"far.test refused {params}")

    return handle


HANDLERS = {
    "done": echo,
    "failed": quote(ActionFailed),
    "in_doubt": quote(ActionInDoubt),
    "again": quote(RuntimeError),
}


@pytest.fixture
def outside(house, registered):
    """An action type for each way it can end."""
    for name, handler in HANDLERS.items():
        registered(
            make_spec(f"send_{name}", handler=handler, effect=Effect.KEYED),
            workspace=house.workspace,
        )
    return house


def columns_with_secrets():
    """Where in the database a secret stands: model and field."""
    found = set()
    for model in apps.get_app_config("governance").get_models():
        for row in model._default_manager.all():
            for field in model._meta.concrete_fields:
                value = getattr(row, field.attname)
                text = bytes(value).decode("utf-8", "replace") if _is_binary(value) else str(value)
                if any(secret in text for secret in (*SECRETS, json.dumps(KEY)[1:-1])):
                    found.add((model._meta.model_name, field.name))
    return found


def _is_binary(value):
    return isinstance(value, bytes | memoryview)


def every_page(proposal):
    """All pages on which a plan, or what became of it, is shown."""
    addresses = ["/admin/", page(proposal), page(proposal, "edit")]
    addresses += [url(name, "changelist") for name in ("proposal", "execution", "decision", "run")]
    addresses += ["/admin/governance/proposal/?show=history"]
    addresses += [
        url("run", "change", proposal.run),
        url("trigger", "change", proposal.run.trigger),
    ]
    for execution in Execution.objects.all():
        base = f"/admin/governance/execution/{execution.pk}"
        addresses += [f"{base}/change/", f"{base}/live/"]
        steps = execution.steps.exclude(output="")
        addresses += [f"{base}/output/{step.pk}/" for step in steps]
    addresses += [url("decision", "change", row) for row in Decision.objects.all()]
    # What the ledger holds of the workspace itself was written before there was a plan.
    entries = LedgerEntry.objects.filter(created_at__gte=proposal.run.created_at)
    return addresses + [url("ledgerentry", "change", row) for row in entries]


def assert_hidden(client, proposal, log):
    assert columns_with_secrets() == IN_THE_PLAN & columns_with_secrets()
    assert ("proposal", "plan") in columns_with_secrets()  # the search works
    for address in every_page(proposal):
        markup = client.get(address).content.decode()
        for secret in SECRETS:
            assert secret not in markup, address
    for secret in SECRETS:
        assert secret not in log.text


@pytest.mark.parametrize("end", HANDLERS)
def test_of_a_plan_that_is_carried_out(client, outside, caplog, end):
    caplog.set_level(logging.DEBUG, logger="governance")
    login(client, outside.governor)
    proposal = outside.proposal(action_type=f"send_{end}", params=PARAMS)
    assert_hidden(client, proposal, caplog)

    execution = approved(proposal).execution
    outside.work()

    step = execution.steps.get()
    assert json.loads(Execution.objects.get().plan)[0]["params"] == PARAMS
    expected = {"done": "done", "failed": "failed", "in_doubt": "in_doubt", "again": "sent"}
    assert step.state == expected[end]
    assert_hidden(client, Proposal.objects.get(), caplog)
    shown = client.get(url("execution", "change", execution)).content.decode()
    if end == "done":
        assert json.loads(step.output)["kept"] == "nothing secret"
        assert json.loads(step.output)["text"] == "logged in with [redacted], key [redacted]"
        assert "token=[redacted]&amp;page=2" in shown
    elif end != "again":
        assert "far.test refused" in step.error
        assert "[redacted]" in step.error
    assert "nothing secret" in shown


def test_of_what_an_agent_reports(client, house, caplog):
    caplog.set_level(logging.DEBUG, logger="governance")
    login(client, house.governor)
    house.action_type("send")
    for outcome in ("done", "failed"):
        execution = claimed(approved(house.proposal(action_type="send", params=PARAMS)).execution)
        said = {"output": echo(None, PARAMS)} if outcome == "done" else {"error": str(PARAMS)}
        executions.report(
            execution=execution, token=1, outcome=outcome, by=execution.agent.actor, **said
        )
        assert_hidden(client, execution.proposal, caplog)


def test_of_what_the_gate_says(client, house, caplog):
    caplog.set_level(logging.DEBUG, logger="governance")
    login(client, house.governor)
    house.action_type("send", complexity=1)
    house.publish(
        # CEL quotes the key that it did not find
        rule("odd", condition="params[params.password] == 1", route="proposal", reason="odd"),
        rule("odder", condition="'x'.matches(params.password + '(')", route="proposal"),
    )
    proposal = house.proposal(action_type="send", params=PARAMS)
    refused = actions.request(
        run=proposal.run,
        action_type="send",
        params={**PARAMS, "amount": 1},
        by=proposal.agent.actor,
    )

    reasons = " ".join(Decision.objects.filter(proposal=proposal).get().reasons)
    assert "[redacted]" in reasons
    assert refused.route == "proposal"
    assert_hidden(client, proposal, caplog)


def test_of_params_that_no_schema_accepts(client, house, caplog):
    caplog.set_level(logging.DEBUG, logger="governance")
    login(client, house.governor)
    properties = {name: {"type": "integer"} for name in ("password", "url", "headers")}
    house.action_type("send", params_schema={"type": "object", "properties": properties})
    run = house.run()

    answer = actions.request(run=run, action_type="send", params=PARAMS, by=run.agent.actor)

    assert answer.route == "denied"
    assert columns_with_secrets() == set()
    for row in [*Decision.objects.all(), *LedgerEntry.objects.all()]:
        markup = client.get(url(row._meta.model_name, "change", row)).content.decode()
        assert not any(secret in markup for secret in SECRETS)
    assert not any(secret in caplog.text for secret in SECRETS)


def test_of_a_trigger_s_context_and_an_agent_s_configuration(client, house):
    login(client, house.governor)
    agent = house.agent(configuration={"endpoint": PARAMS["url"], "headers": PARAMS["headers"]})
    run = RunFactory(agent=agent, context=PARAMS)

    for address in (url("trigger", "change", run.trigger), url("agent", "change", agent)):
        markup = client.get(address).content.decode()
        assert "[redacted]" in markup
        assert not any(secret in markup for secret in SECRETS)


# --- A reviewer edits what they are not shown


@pytest.fixture
def editing(client, house):
    schema = {
        "type": "object",
        "properties": {
            "password": {"type": "string"},
            "url": {"type": "string"},
            "note": {"type": "string"},
            "headers": {"type": "object"},
        },
    }
    house.action_type("send", params_schema=schema)
    login(client, house.reviewer)
    return house.proposal(action_type="send", params=PARAMS)


def previewed(client, proposal, **typed):
    form = inputs(client.get(page(proposal, "edit")))
    typed = {f"plan/step1/{name}": value for name, value in typed.items()}
    return client.post(page(proposal, "edit"), {**form, **typed, "do": "preview"})


def test_an_edit_keeps_what_its_editor_does_not_see(client, editing):
    shown = previewed(client, editing, note="edited")

    markup = shown.content.decode()
    assert not any(secret in markup for secret in SECRETS)
    assert "/0/params/note" in markup
    assert "/0/params/password" not in markup
    form = inputs(shown)
    assert form["plan/step1/password"] == "[redacted]"
    response = client.post(page(editing, "edit"), {**form, "do": "approve"})

    assert response.status_code == 302
    row = Proposal.objects.get()
    assert json.loads(row.edited_plan)[0]["params"] == {**PARAMS, "note": "edited"}
    assert json.loads(row.execution.plan)[0]["params"] == {**PARAMS, "note": "edited"}
    markup = client.get(page(row)).content.decode()
    assert not any(secret in markup for secret in SECRETS)


def test_an_editor_may_put_another_secret_in_its_place(client, editing):
    shown = previewed(client, editing, password="another-secret")

    difference = shown.content.decode().split('id="preview"')[1].split("</table>")[0]
    assert "/0/params/password" in difference
    assert "another-secret" not in difference
    response = client.post(page(editing, "edit"), {**inputs(shown), "do": "approve"})

    assert response.status_code == 302
    row = Proposal.objects.get()
    assert json.loads(row.edited_plan)[0]["params"] == {**PARAMS, "password": "another-secret"}
    assert "another-secret" not in client.get(page(row)).content.decode()


def test_a_mask_cannot_be_moved_to_where_it_stands_for_nothing(client, editing):
    shown = previewed(client, editing, note="[redacted]")

    assert shown.status_code == 400
    assert "[redacted] stands for a secret only where it stood before" in shown.content.decode()
    assert ">Approve with this edit</button>" not in shown.content.decode()


def test_who_was_overtaken_by_an_edit_reads_no_secret_either(client, house, editing):
    form = inputs(client.get(page(editing)))
    plan = [{"id": "step1", "action_type": "send", "params": {**PARAMS, "password": "changed-it"}}]
    house.action_type("send", required_approvals=2)
    approved(editing, edited_plan=plan, by=house.by_supervisor)

    response = client.post(page(editing, "approve"), {**form, "comment": "fine"})

    assert response.status_code == 409
    markup = response.content.decode()
    assert not any(secret in markup for secret in (*SECRETS, "changed-it"))
