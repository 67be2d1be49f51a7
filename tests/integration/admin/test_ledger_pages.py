"""The ledger: entries as they were written, and the trail of one row."""

from __future__ import annotations

import pytest
from django.db import connection

from governance.ledger import guards
from governance.models import LedgerEntry
from tests.factories import LedgerEntryFactory, paused
from tests.integration.admin.visits import buttons, said, signed_in, url

LIST = "/admin/governance/ledgerentry/"


@pytest.fixture
def browser(house):
    return signed_in(house.auditor)


def test_an_entry(browser, house):
    agent = paused(house.agent(name="clerk"), by=house.by_governor)
    entry = LedgerEntry.objects.about(agent.pk).last()
    answer = browser.get(url("ledgerentry", "change", entry))
    text = said(answer)
    assert f"Kind agent.paused By person {house.governor.username} Subject {agent.pk}" in text
    assert '"reason": "for a test"' in text
    assert '"from": "active"' in text
    assert url("agent", "change", agent) in answer.content.decode()
    assert buttons(answer) == ["Trail of its subject"]


def test_the_trail_of_a_row(browser, house):
    agent = paused(house.agent())
    house.agent()
    entry = LedgerEntry.objects.about(agent.pk).last()
    markup = browser.get(url("ledgerentry", "change", entry)).content.decode()
    assert f'href="{LIST}?subject_id={agent.pk}"' in markup
    rows = browser.get(f"{LIST}?subject_id={agent.pk}").context["cl"].result_list
    assert [row.kind for row in rows] == ["agent.paused", "agent.active"]


def test_the_list(browser, house):
    agent = house.agent()
    assert f"UTC agent.active system tests {agent.pk}" in said(browser.get(LIST))


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("subject_id=nonsense", 302),
        ("subject_id=", 302),
        ("subject_id=%00", 400),
        ("body__contains=x", 400),
        ("kind__regex=(a|a)*z", 400),
        ("created_at__year=99999999999", 400),
    ],
)
def test_an_address_that_makes_no_sense(browser, house, query, status):
    assert browser.get(f"{LIST}?{query}").status_code == status


def test_hostile_words_are_shown_and_never_obeyed(browser, house):
    entry = LedgerEntryFactory(
        workspace=house.workspace, data={"say": "</pre><script>alert(1)</script>\u202e"}
    )
    markup = browser.get(url("ledgerentry", "change", entry)).content.decode()
    assert "<script>alert(1)" not in markup
    assert "\u202e" not in markup
    assert "U+202E" in markup


@pytest.mark.parametrize("body", [b"no json", b"\xff\xfe", b"[]", b'"x"', b"", b'{"by": 1}'])
def test_a_damaged_entry_is_shown_as_damaged(browser, house, body):
    entry = LedgerEntryFactory(workspace=house.workspace)
    guards.remove(connection)
    LedgerEntry.objects.filter(pk=entry.pk).update(body=body)
    guards.install(connection)
    assert browser.get(LIST).status_code == 200
    text = said(browser.get(url("ledgerentry", "change", entry)))
    assert "By – Subject" in text
    assert ("It cannot be read: the entry was damaged." in text) is (body != b'{"by": 1}')


def test_subjects_without_a_page_are_named(browser, house):
    entry = LedgerEntryFactory(workspace=house.workspace, kind="execution_step.done")
    text = said(browser.get(url("ledgerentry", "change", entry)))
    assert f"Subject {house.workspace.pk}" in text
