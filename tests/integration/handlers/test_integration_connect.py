"""integration_connect against a real server: proposed, approved, carried out by a worker."""

from __future__ import annotations

import datetime
import socket

import pytest
import time_machine
from django.conf import settings
from django.utils import timezone

from governance.execution import failpoints
from governance.models import AllowedHost, Execution
from governance.services import executions
from tests.factories import AllowedHostFactory, approved, run_worker
from tests.factories.moves import WORKER
from tests.integration.handlers.connecting import (
    KEYED,
    carry_out,
    http,
    keyed,
    output_of,
    step_of,
)

pytestmark = pytest.mark.usefixtures("_no_waiting")


# --- HTTP -----------------------------------------------------------------------------------------


def test_a_read_returns_what_the_far_side_said(house, far_side):
    far_side.body = b'{"rows": [[1, 2.5, null]]}'
    execution = carry_out(house, http(url=far_side.url("/raw"), query={"page": 2, "q": "a b&c"}))
    output = output_of(execution)
    assert (execution.state, execution.proposal.state) == ("done", "executed")
    assert output["status"] == 200
    assert output["json"] == {"rows": [[1, 2.5, None]]}
    assert output["headers"]["content-type"] == "application/json"
    assert far_side.seen[0].path == "/raw?page=2&q=a+b%26c"
    assert far_side.seen[0].headers["idempotency-key"] == step_of(execution).idempotency_key


def test_json_and_text_are_sent_as_they_are(house, far_side):
    carry_out(house, http(method="POST", url=far_side.url("/post"), json={"b": [1], "a": "ü"}))
    carry_out(
        house,
        http(
            method="PUT",
            url=far_side.url("/post"),
            body="plain\ntext",
            headers={"Content-Type": "text/plain", "X-Thing": "one"},
        ),
    )
    first, second = far_side.seen
    assert (first.json, first.headers["content-type"]) == ({"a": "ü", "b": [1]}, "application/json")
    assert (second.method, second.body) == ("PUT", b"plain\ntext")
    assert (second.headers["content-type"], second.headers["x-thing"]) == ("text/plain", "one")
    assert first.headers["idempotency-key"] != second.headers["idempotency-key"]


BODIES = [
    (b"plain", "text/plain", {"text": "plain", "truncated": False}),
    (b'{"a": 1, "a": 2}', "application/json", {"text": '{"a": 1, "a": 2}'}),
    (b'{"a": 9007199254740993}', "application/json", {"text": '{"a": 9007199254740993}'}),
    (b"a\x00b\xff", "text/plain", {"text": "a\ufffdb\ufffd"}),
    (b"null", "application/json", {"json": None}),
    (b"\x89PNG\x00\x00", "image/png", {"bytes": 6}),
    (b"x" * 300_000, "text/plain", {"truncated": True, "bytes": 150_000}),
    (b"\x01" * 140_000, "text/plain", {"truncated": True}),
    (b'"' + b"\x01" * 10 + b'"', "application/json", {"text": '"' + "\x01" * 10 + '"'}),
]


@pytest.mark.parametrize(("body", "kind", "expected"), BODIES, ids=range(len(BODIES)))
def test_whatever_comes_back_is_kept_as_far_as_it_can_be(house, far_side, body, kind, expected):
    far_side.body, far_side.content_type = body, kind
    output = output_of(carry_out(house, http(url=far_side.url("/raw"))))
    assert {name: output[name] for name in expected} == expected
    assert ("text" in output) != ("json" in output) or kind == "image/png"


REFUSED = [
    ("https://evil.test/", "not on the workspace's list"),
    ("http://127.0.0.1/", "not on the workspace's list"),
    ("http://169.254.169.254/latest/meta-data/", "not on the workspace's list"),
    ("http://2130706433/", "not an address in its usual form"),
]


@pytest.mark.parametrize(("url", "says"), REFUSED)
def test_what_is_not_allowed_is_failed_and_nothing_sent(house, far_side, url, says):
    execution = carry_out(house, http(method="POST", url=url))
    assert (execution.state, execution.proposal.state) == ("failed", "failed")
    assert says in step_of(execution).error
    assert "Nothing was sent" in step_of(execution).error
    assert far_side.seen == []


def test_a_host_taken_off_the_list_after_approval_is_not_reached(house, far_side):
    proposal = approved(
        house.proposal(action_type="integration_connect", params=http(url=far_side.url()))
    )
    AllowedHost.objects.all().delete()
    run_worker()
    assert Execution.objects.get(pk=proposal.execution.pk).state == "failed"
    assert far_side.seen == []


def test_another_workspaces_list_does_not_count(house, far_side):
    AllowedHost.objects.all().delete()
    AllowedHostFactory(host="127.0.0.1", port=far_side.port, allow_private=True)
    assert carry_out(house, http(url=far_side.url())).state == "failed"
    assert far_side.seen == []


def test_a_redirect_inside_is_refused(house, far_side):
    url = far_side.url("/redirect?to=http://169.254.169.254/")
    execution = carry_out(house, http(url=url))
    assert execution.state == "failed"
    assert len(far_side.seen) == 1


# What an answer means. Of an unkeyed change: 2xx done, refusals failed, everything else in doubt.
STATUSES = [
    ("GET", 404, "failed", 1),
    ("GET", 500, "failed", 1),
    ("GET", 503, "failed", 3),
    ("POST", 201, "done", 1),
    ("POST", 400, "failed", 1),
    ("POST", 409, "failed", 1),
    ("POST", 429, "failed", 1),
    ("POST", 408, "in_doubt", 1),
    ("POST", 302, "in_doubt", 1),
    ("POST", 500, "in_doubt", 1),
    ("POST", 503, "in_doubt", 1),
]


@pytest.mark.parametrize(("method", "status", "state", "sent"), STATUSES)
def test_what_an_answer_means(house, far_side, method, status, state, sent):
    far_side.statuses = [status]
    execution = carry_out(house, http(method=method, url=far_side.url("/status")))
    assert (execution.state, len(far_side.seen)) == (state, sent)
    if state != "done":
        assert f"answered {status}" in step_of(execution).error


def test_other_codes_can_be_expected(house, far_side):
    far_side.statuses = [404]
    execution = carry_out(house, http(url=far_side.url("/status"), expect=[200, 404]))
    assert output_of(execution)["status"] == 404
    far_side.statuses = [200]
    execution = carry_out(
        house, http(method="POST", url=far_side.url("/status"), expect=[201], json={})
    )
    assert execution.state == "in_doubt"


def test_a_read_is_repeated_while_the_far_side_is_busy(house, far_side):
    far_side.statuses = [503, 429, 200]
    execution = carry_out(house, http(url=far_side.url("/status")))
    assert execution.state == "done"
    assert len({seen.headers["idempotency-key"] for seen in far_side.seen}) == 1
    assert len(far_side.seen) == 3


def test_an_unkeyed_change_whose_answer_is_lost_is_in_doubt_and_not_repeated(house, far_side):
    far_side.drops = 1
    execution = carry_out(house, http(method="POST", url=far_side.url("/post"), json={}))
    assert (execution.state, execution.proposal.state) == ("in_doubt", "in_doubt")
    assert far_side.effects["post"] == 1
    assert "may have acted" in step_of(execution).error


def test_what_cannot_be_reached_is_failed(house):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    AllowedHostFactory(workspace=house.workspace, host="127.0.0.1", port=port, allow_private=True)
    execution = carry_out(house, http(method="POST", url=f"http://127.0.0.1:{port}/", json={}))
    assert execution.state == "failed"
    assert "could not be reached" in step_of(execution).error


# --- Keyed ----------------------------------------------------------------------------------------


def test_a_keyed_change_whose_answers_are_lost_acts_once(house, far_side):
    far_side.drops = 2
    execution = carry_out(house, keyed(url=far_side.url("/charge"), json={}), action_type=KEYED)
    assert output_of(execution)["json"] == {"charge": 1}
    assert list(far_side.effects.values()) == [1]
    assert len(far_side.seen) == 3


def test_a_keyed_change_is_tried_again_later_under_the_same_key(house, far_side):
    far_side.drops = 3  # every attempt of the first time
    execution = carry_out(house, keyed(url=far_side.url("/charge"), json={}), action_type=KEYED)
    assert execution.state == "ready"
    Execution.objects.update(not_before=None)
    run_worker()
    assert Execution.objects.get().state == "done"
    assert list(far_side.effects.values()) == [1]


class Killed(BaseException):
    """The worker dies here."""


def _die_once_handled(monkeypatch):
    dead = []

    def reach(name):
        if name == "handled" and not dead:
            dead.append(name)
            raise Killed

    monkeypatch.setattr(failpoints, "reach", reach)


def _worker_dies_and_another_comes(execution):
    with pytest.raises(Killed):
        run_worker()
    later = timezone.now() + datetime.timedelta(seconds=settings.GOVERNANCE_LEASE_SECONDS + 1)
    with time_machine.travel(later, tick=True):
        executions.sweep(by=WORKER)
        run_worker()
    return Execution.objects.get(pk=execution.pk)


DEATHS = [(KEYED, keyed, "done", 1), ("integration_connect", http, "in_doubt", 1)]


@pytest.mark.parametrize(("key", "params", "state", "effects"), DEATHS, ids=["keyed", "unkeyed"])
def test_a_worker_that_dies_after_sending(
    house, far_side, monkeypatch, key, params, state, effects
):
    _die_once_handled(monkeypatch)
    values = params(method="POST", url=far_side.url("/charge"), json={})
    execution = approved(house.proposal(action_type=key, params=values)).execution
    execution = _worker_dies_and_another_comes(execution)
    assert execution.state == state
    assert sum(far_side.effects.values()) == effects


def test_keyed_is_for_hosts_that_are_marked(house, far_side):
    AllowedHost.objects.update(deduplicates=False)
    execution = carry_out(house, keyed(url=far_side.url("/charge")), action_type=KEYED)
    assert execution.state == "failed"
    assert "not marked as honouring the Idempotency-Key" in step_of(execution).error
    assert far_side.seen == []


def test_a_conflict_over_the_key_is_tried_again(house, far_side):
    far_side.statuses = [409, 200]
    execution = carry_out(house, keyed(url=far_side.url("/status")), action_type=KEYED)
    assert execution.state == "ready"
