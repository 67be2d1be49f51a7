"""The email and webhook connectors against real counterparts, and plans in words."""

from __future__ import annotations

import logging
import socket

import pytest

from governance.execution.wording import sentences
from governance.models import LedgerEntry
from governance.policy import plans
from tests.factories import CredentialFactory
from tests.integration.handlers.connecting import (
    carry_out,
    email,
    everything_stored,
    http,
    output_of,
    step_of,
    webhook,
)

pytestmark = pytest.mark.usefixtures("_no_waiting")


# --- E-mail ---------------------------------------------------------------------------------------


@pytest.mark.usefixtures("_through")
def test_a_message_is_handed_to_the_mail_server(house, mail):
    execution = carry_out(house, email(cc=["bob@example.com"]))
    output = output_of(execution)
    ((recipients, text),) = mail.messages
    assert recipients == ["ann@example.com", "bob@example.com"]
    assert "Subject: Hello" in text
    assert f"Message-ID: {output['message_id']}" in text
    assert output["message_id"] == f"<{execution.id}.step1@agent-governance>"
    assert output["accepted"] == 2


NOT_ALLOWED = [
    "ann@evil.test",
    "ann@sub.example.com",
    "ann@example.com.evil.test",
    "ann@127.0.0.1",
]


@pytest.mark.parametrize("address", NOT_ALLOWED)
@pytest.mark.usefixtures("_through")
def test_mail_goes_to_allowed_domains_only(house, mail, address):
    for values in ({"to": ["ann@example.com", address]}, {"cc": [address]}):
        execution = carry_out(house, email(**values))
        assert execution.state == "failed"
        assert "Nothing was sent" in step_of(execution).error
    assert mail.messages == []


@pytest.mark.parametrize("verb", ["MAIL", "RCPT", "DATA"])
@pytest.mark.usefixtures("_through")
def test_what_the_mail_server_refuses_is_failed(house, mail, verb):
    mail.refuse = verb
    assert carry_out(house, email()).state == "failed"
    assert mail.messages == []


@pytest.mark.usefixtures("_through")
def test_a_mail_server_that_vanishes_after_the_message_leaves_it_in_doubt(house, mail):
    mail.hang_up = "DATA"
    execution = carry_out(house, email())
    assert execution.state == "in_doubt"
    assert len(mail.messages) == 1


@pytest.mark.usefixtures("_through")
def test_a_mail_server_that_is_not_there_is_failed(house, settings):
    with socket.create_server(("127.0.0.1", 0)) as server:
        settings.EMAIL_PORT = server.getsockname()[1]
    execution = carry_out(house, email())
    assert execution.state == "failed"
    assert "could not be reached" in step_of(execution).error


def test_without_a_mail_server_it_says_so(house, mail, settings):
    settings.EMAIL_BACKEND = "django.core.mail.backends.dummy.EmailBackend"
    execution = carry_out(house, email())
    assert execution.state == "failed"
    assert "EMAIL_URL" in step_of(execution).error


# --- Webhooks -------------------------------------------------------------------------------------


def test_a_webhook_is_posted_once_to_a_url_nobody_sees(house, far_side, caplog):
    caplog.set_level(logging.DEBUG)
    url = far_side.url("/post/T000/B000/very-secret-path")
    CredentialFactory(workspace=house.workspace, name="slack", kind="url", secret=url)
    blocks = [{"type": "section", "text": {"type": "mrkdwn", "text": "hi"}}]
    execution = carry_out(house, webhook({"$secret": "slack"}, blocks=blocks))
    assert far_side.seen[0].path == "/post/T000/B000/very-secret-path"
    assert far_side.seen[0].json == {"text": "done *now*", "blocks": blocks}
    assert far_side.effects["post"] == 1
    assert output_of(execution)["text"] == "ok"
    assert "very-secret-path" not in everything_stored() + caplog.text


def test_a_webhook_whose_answer_is_lost_is_in_doubt(house, far_side):
    far_side.drops = 1
    assert carry_out(house, webhook(far_side.url("/post"))).state == "in_doubt"
    assert far_side.effects["post"] == 1


# --- Words ----------------------------------------------------------------------------------------


WORDS = [
    (http(url="https://x.test/a"), "Read https://x.test/a."),
    (
        http(url="https://x.test/a", method="DELETE"),
        "Send a DELETE request to https://x.test/a.",
    ),
    (http(url={"$secret": "hook"}), "Read the address in `hook`."),
    (email(), "Send the e-mail “Hello” to ann@example.com."),
    (webhook("https://x.test/"), "Post “done *now*” to a webhook."),
]


@pytest.mark.parametrize(("params", "says"), WORDS)
def test_a_plan_says_in_words_what_will_be_sent(params, says):
    plan = plans.parse(plans.single("integration_connect", params))
    assert sentences(plan, {}) == [says]


def test_the_ledger_names_the_step_and_no_body(house, far_side):
    far_side.body = b'{"private": "of the far side"}'
    carry_out(house, http(url=far_side.url("/raw")))
    bodies = b"".join(bytes(entry.body) for entry in LedgerEntry.objects.all())
    assert b"of the far side" not in bodies
