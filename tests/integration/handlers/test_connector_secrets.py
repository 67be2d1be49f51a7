"""Secrets reach the far side, and nothing that is stored, logged or shown."""

from __future__ import annotations

import base64
import json
import logging
import re

import pytest

from governance.execution import registry
from governance.models import Credential, Execution
from governance.services import actions
from tests.factories import CredentialFactory, approved, run_worker
from tests.integration.handlers.connecting import (
    SECRET,
    carry_out,
    everything_stored,
    http,
    output_of,
    step_of,
)

pytestmark = pytest.mark.usefixtures("_no_waiting")


# --- Secrets --------------------------------------------------------------------------------------


AUTHS = [
    ({"auth": {"bearer": {"$secret": "api"}}}, "authorization", f"Bearer {SECRET}"),
    (
        {"auth": {"basic": {"username": "me", "password": {"$secret": "api"}}}},
        "authorization",
        f"Basic {base64.b64encode(f'me:{SECRET}'.encode()).decode()}",
    ),
    ({"headers": {"X-API-Key": {"$secret": "api"}}}, "x-api-key", SECRET),
    ({"headers": {"Cookie": {"$secret": "api"}}}, "cookie", SECRET),
    ({"query": {"token": {"$secret": "api"}}}, None, "token=sk_live%2F51H%2Bx+y%26z"),
    ({"method": "POST", "json": {"a": [{"$secret": "api"}]}}, None, SECRET),
]


@pytest.mark.parametrize(("values", "header", "sent"), AUTHS, ids=range(len(AUTHS)))
def test_a_secret_reaches_the_far_side_and_no_stored_row_nor_log(
    house, far_side, caplog, values, header, sent
):
    caplog.set_level(logging.DEBUG)
    credential = CredentialFactory(workspace=house.workspace, name="api", secret=SECRET)
    execution = carry_out(house, http(url=far_side.url("/echo"), **values))
    seen = far_side.seen[0]
    if header:
        assert seen.headers[header] == sent
    else:
        assert sent in seen.path + seen.body.decode()
    # The far side echoed all of it, and set a cookie.
    output = output_of(execution)
    assert output["headers"]["set-cookie"] == "[redacted]"
    assert "[redacted]" in json.dumps(output["json"])
    kept = everything_stored() + caplog.text + "\n".join(r.getMessage() for r in caplog.records)
    for secret in (SECRET, "sk_live%2F", "51H+x", "cookie-of-the-far-side", sent):
        assert secret not in kept
    assert base64.b64encode(f"me:{SECRET}".encode()).decode() not in kept
    assert credential.secret.token in kept  # encrypted, in its own row and nowhere else
    assert kept.count(credential.secret.token) == 1
    assert '"$secret":"api"' in kept


def test_an_error_names_no_secret(house, far_side, caplog):
    caplog.set_level(logging.DEBUG)
    url = far_side.url("/post/very-secret-path")
    CredentialFactory(workspace=house.workspace, name="hook", kind="url", secret=url)
    far_side.drops = 1
    execution = carry_out(house, http(method="POST", url={"$secret": "hook"}, json={}))
    assert execution.state == "in_doubt"
    assert len(far_side.seen) == 1
    far_side.statuses = [400]
    Credential.objects.all().delete()
    url = far_side.url("/status/very-secret-path")
    CredentialFactory(workspace=house.workspace, name="hook", kind="url", secret=url)
    execution = carry_out(house, http(method="POST", url={"$secret": "hook"}, json={}))
    assert execution.state == "failed"
    assert "very-secret-path" not in everything_stored() + caplog.text


def test_a_credential_is_not_sent_to_a_host_it_is_not_for(house, far_side):
    CredentialFactory(
        workspace=house.workspace, name="api", secret=SECRET, hosts=["api.example.com"]
    )
    for values in (
        {"auth": {"bearer": {"$secret": "api"}}},
        {"method": "POST", "json": {"note": {"$secret": "api"}}},
        {"query": {"q": {"$secret": "api"}}},
    ):
        execution = carry_out(house, http(url=far_side.url(), **values))
        assert execution.state == "failed"
        assert "may be sent to api.example.com only" in step_of(execution).error
    assert far_side.seen == []


@pytest.mark.parametrize(
    "secret", ["no url at all", "https://evil.test/x", "http://u:p@evil.test/"]
)
def test_a_url_from_a_credential_is_judged_like_any_other(house, far_side, secret):
    CredentialFactory(workspace=house.workspace, name="hook", kind="url", secret=secret)
    execution = carry_out(house, http(method="POST", url={"$secret": "hook"}))
    assert execution.state == "failed"
    assert secret not in everything_stored()


def test_an_unknown_credential_is_failed_and_nothing_sent(house, far_side):
    execution = carry_out(house, http(url=far_side.url(), auth={"bearer": {"$secret": "nobody"}}))
    assert execution.state == "failed"
    assert "no credential 'nobody'" in step_of(execution).error
    assert far_side.seen == []


def test_an_answer_cannot_choose_a_credential(house, far_side):
    CredentialFactory(workspace=house.workspace, name="api", secret=SECRET)
    far_side.body = b'{"wanted": {"$secret": "api"}}'
    fetch = {
        "id": "fetch",
        "action_type": "integration_connect",
        "params": http(url=far_side.url("/raw")),
    }
    give = http(method="POST", url=far_side.url(), json={"$cel": "steps.fetch.output.json.wanted"})
    plan = [fetch, {"id": "give", "action_type": "integration_connect", "params": give}]
    execution = approved(house.proposal(plan=plan)).execution
    run_worker()
    execution = Execution.objects.get(pk=execution.pk)
    assert execution.state == "failed"
    assert "named in the plan itself" in execution.error
    assert len(far_side.seen) == 1


# --- Params ---------------------------------------------------------------------------------------


BAD_PARAMS = [
    {"connector": "ftp", "http": {"method": "GET", "url": "http://x.test/"}},
    {"connector": "http"},
    {"connector": "email", "http": {"method": "GET", "url": "http://x.test/"}},
    http(),
    http(url="ftp://x.test/"),
    http(url="http://x.test/", method="TRACE"),
    http(url="http://x.test/", unknown=1),
    http(url="http://x.test/", json={}, body=""),
    http(url="http://x.test/", expect=[]),
    http(url={"$secret": "a", "more": 1}),
    http(url={"$secret": "../a"}),
    # literal secrets, which the plan would keep
    http(url="http://x.test/?token=hunter2"),
    http(url="http://x.test/?a=1&API_KEY=hunter2"),
    http(url="http://someone:hunter2@x.test/"),
    http(url="http://x.test/", headers={"Authorization": "Bearer hunter2"}),
    http(url="http://x.test/", headers={"aUTHORIZATION": "hunter2"}),
    http(url="http://x.test/", headers={"x-api-key": "hunter2"}),
    http(url="http://x.test/", query={"access_token": "hunter2"}),
    http(url="http://x.test/", auth={"bearer": "hunter2"}),
    http(url="http://x.test/", auth={"basic": {"username": "a", "password": "hunter2"}}),
    {"connector": "email", "email": {"to": [], "subject": "a", "body": "b"}},
    {"connector": "email", "email": {"to": ["nobody"], "subject": "a", "body": "b"}},
    {"connector": "email", "email": {"to": ["a@example.com"], "subject": "a\nBcc: b", "body": "b"}},
    {"connector": "webhook", "webhook": {"url": "http://x.test/"}},
]


@pytest.mark.parametrize("params", BAD_PARAMS, ids=range(len(BAD_PARAMS)))
def test_params_that_the_schema_refuses_are_denied_and_no_secret_of_them_is_kept(house, params):
    run = house.run()
    answer = actions.request(
        run=run, action_type="integration_connect", params=params, by=run.agent.actor
    )
    assert answer.route == "denied"
    assert "invalid params" in answer.reasons[0]
    assert "hunter2" not in everything_stored()


WRITTEN_OUT = [params for params in BAD_PARAMS if "hunter2" in str(params)]


@pytest.mark.parametrize("params", WRITTEN_OUT, ids=range(len(WRITTEN_OUT)))
def test_whoever_writes_a_secret_out_is_told_how_to_name_it(house, params):
    run = house.run()
    answer = actions.request(
        run=run, action_type="integration_connect", params=params, by=run.agent.actor
    )
    assert len(WRITTEN_OUT) == 9
    assert 'store it as a credential, and name that, as in {"$secret": "name"}' in answer.reasons[0]


def test_other_mistakes_are_not_taken_for_a_secret(house):
    run = house.run()
    params = http(url="http://x.test/", unknown=1)
    answer = actions.request(
        run=run, action_type="integration_connect", params=params, by=run.agent.actor
    )
    assert "$secret" not in answer.reasons[0]


HEADERS = [
    {"Host": "evil.test"},
    {"Idempotency-Key": "mine"},
    {"X-A": "1", "x-a": "2"},
    {"X-Split": "a\r\nb"},
]


@pytest.mark.parametrize("headers", HEADERS, ids=str)
def test_headers_that_are_ours_are_failed_and_nothing_sent(house, far_side, headers):
    execution = carry_out(house, http(url=far_side.url(), headers=headers))
    assert execution.state == "failed"
    assert far_side.seen == []


def test_no_schema_of_ours_spells_letters_out():
    """A governor reads it: `[Tt][Oo][Kk][Ee][Nn]` is no word."""
    for spec in registry.known():
        assert not re.search(r"\[[A-Z][a-z]\]", json.dumps(spec.params_schema)), spec.key
