"""The inbox: what waits, what was, and nothing of anybody else's."""

from __future__ import annotations

import datetime

import pytest
import time_machine
from django.utils import timezone

from tests.factories import House, rejected
from tests.integration.admin.browsing import INBOX, login, refund, refund_type

pytestmark = pytest.mark.django_db


def text(response):
    return response.content.decode()


def test_the_inbox_shows_what_waits_oldest_first(client, house):
    refund_type(house)
    house.action_type("move_house", title="Move")
    now = timezone.now()
    for hours, title in ((1, "newest"), (30, "oldest"), (5, "middle")):
        with time_machine.travel(now - datetime.timedelta(hours=hours), tick=False):
            refund(house, title=title)
    rejected(house.proposal(title="gone", action_type="move_house"))

    shown = text(login(client, house.reviewer).get(INBOX))

    assert shown.index("oldest”</a>") < shown.index("middle”</a>") < shown.index("newest”</a>")
    assert "gone" not in shown
    assert "<strong>3</strong> waiting for you" in shown
    for said in ("refund</code>", "4 irreversible or costly", "Intern", "0 of 1", "6\xa0days left"):
        assert said in shown, said
    assert "intern agent, complexity 4: proposal" in shown


def test_the_inbox_has_tabs_for_history_and_for_ones_own_reviews(client, house):
    refund_type(house)
    rejected(refund(house, title="by the supervisor"), by=house.by_supervisor)
    rejected(refund(house, title="by the reviewer"), by=house.by_reviewer)
    refund(house, title="still there")
    login(client, house.reviewer)

    history, mine = (
        text(client.get(f"{INBOX}?show=history")),
        text(client.get(f"{INBOX}?show=mine")),
    )

    assert history.index("by the reviewer") < history.index("by the supervisor")
    assert "still there" not in history
    assert "by the reviewer" in mine
    assert "by the supervisor" not in mine
    assert "You rejected" in mine


def test_the_inbox_holds_no_row_of_another_workspace(client, house):
    other = House.build(name="elsewhere")
    refund_type(other)
    refund(other, title="a secret of others")

    login(client, house.governor)

    for address in (INBOX, f"{INBOX}?show=history", f"{INBOX}?q=secret"):
        assert "a secret of others" not in text(client.get(address))


def test_two_of_a_kind_without_a_title_can_be_told_apart_and_nothing_secret_is_told(client, house):
    refund_type(house)
    for payment in ("pay_1", "password=hunter2"):
        refund(house, title="", params={"payment": payment, "amount": 5})

    shown = text(login(client, house.reviewer).get(INBOX))

    assert shown.count(">Refund a payment</a>") == 2  # our words, and in no quotes
    amount, payment = (f'<code class="ag-code">{n}</code>' for n in ("amount", "payment"))
    assert f"Refund a payment: {amount} 5, {payment} “pay_1”." in shown
    assert "“password=[redacted]" in shown
    assert "hunter2" not in shown


def test_the_inbox_can_be_searched_by_what_is_in_a_plan(client, house):
    refund_type(house)
    refund(house, title="one", params={"payment": "pay_777", "amount": 1})
    refund(house, title="two", params={"payment": "pay_888", "amount": 1})

    shown = text(login(client, house.reviewer).get(f"{INBOX}?q=pay_888"))

    assert "two”</a>" in shown
    assert "one”</a>" not in shown


def test_forty_lines_take_no_more_queries_than_two(
    client, house, django_assert_max_num_queries, django_assert_num_queries
):
    refund_type(house)
    run = house.run()
    login(client, house.reviewer)
    for n in range(2):
        refund(house, run=run, title=f"first {n}")
    with django_assert_max_num_queries(60) as few:
        client.get(INBOX)
    for n in range(38):
        refund(house, run=run, title=f"more {n}")

    with django_assert_num_queries(len(few)):
        response = client.get(INBOX)

    assert text(response).count("cell-title") == 40
