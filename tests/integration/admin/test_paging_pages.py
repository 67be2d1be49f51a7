"""Lists page by key: every row once, whatever is written in between, and nothing is counted."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from governance.admin.decisions import DecisionAdmin
from governance.models import Agent, Decision
from tests.factories import AgentFactory, DecisionFactory, House
from tests.integration.admin.visits import said, signed_in, url


@pytest.fixture
def browser(house: House, monkeypatch: pytest.MonkeyPatch) -> Client:
    monkeypatch.setattr(DecisionAdmin, "list_per_page", 4)
    return signed_in(house.viewer)


@pytest.fixture
def decisions(house: House) -> list[Any]:
    """Eleven, the newest first; several written at the same instant."""
    run = house.run()
    start = timezone.now().replace(microsecond=0) - timedelta(hours=1)
    for second in (0, 0, 0, 0, 0, 1, 1, 2, 3, 4):
        with time_machine.travel(start + timedelta(seconds=second), tick=False):
            DecisionFactory(run=run)
    return list(Decision.objects.of(house.workspace.pk).order_by("-created_at", "-id"))


def page(browser: Client, address: str) -> Any:
    answer = browser.get(address)
    assert answer.status_code == 200
    return answer.context["cl"]


LIST = "/admin/governance/decision/"


def test_forwards_every_row_comes_once_in_order(browser, decisions):
    found, cl = [], page(browser, LIST)
    while True:
        found.append(list(cl.result_list))
        if not cl.next_url:
            break
        cl = page(browser, LIST + cl.next_url)
    assert [len(rows) for rows in found] == [4, 4, 3]
    assert [row for rows in found for row in rows] == decisions


def test_backwards_as_well(browser, decisions):
    first = page(browser, LIST)
    second = page(browser, LIST + first.next_url)
    third = page(browser, LIST + second.next_url)
    again = page(browser, LIST + third.previous_url)
    assert list(again.result_list) == decisions[4:8]
    assert list(page(browser, LIST + again.next_url).result_list) == decisions[8:]
    top = page(browser, LIST + again.previous_url)
    assert list(top.result_list) == decisions[:4]
    assert top.previous_url == ""


def test_the_first_page_has_nothing_newer_and_the_last_nothing_older(browser, decisions):
    first = page(browser, LIST)
    assert (first.previous_url, first.next_url) == ("", f"?after={decisions[3].pk}")
    last = page(browser, f"{LIST}?after={decisions[7].pk}")
    assert (last.previous_url, last.next_url) == (f"?before={decisions[8].pk}", "")


def test_rows_written_in_between_shift_nothing(browser, decisions, house):
    first = page(browser, LIST)
    DecisionFactory(run=house.run())
    assert list(page(browser, LIST + first.next_url).result_list) == decisions[4:8]


def test_back_to_a_page_that_grew_shows_the_newest(browser, decisions, house):
    second = page(browser, LIST + page(browser, LIST).next_url)
    DecisionFactory(run=house.run())
    before = page(browser, LIST + second.previous_url)
    # The new ones do not fit beside the four that were there, so they are a page further on.
    assert list(before.result_list) == decisions[:4]
    newest = page(browser, LIST + before.previous_url)
    assert newest.result_list[0].created_at > decisions[0].created_at
    assert newest.previous_url == ""


def test_an_empty_page_leads_back_to_the_start(browser, decisions):
    empty = page(browser, f"{LIST}?after={decisions[-1].pk}")
    assert list(empty.result_list) == []
    assert (empty.previous_url, empty.next_url) == ("?", "")


def test_filters_hold_from_page_to_page(browser, decisions, house):
    denied = [row for row in decisions if row.route == "denied"]
    cl = page(browser, f"{LIST}?route__exact=denied")
    assert cl.next_url == f"?after={denied[3].pk}&route__exact=denied"
    assert list(page(browser, LIST + cl.next_url).result_list) == denied[4:8]
    filters = page(browser, LIST + cl.next_url).filter_specs
    links = [choice["query_string"] for spec in filters for choice in spec.choices(cl)]
    assert links
    assert not any("after=" in link for link in links)


@pytest.mark.parametrize(
    "cursor",
    ["nonsense", "00000000-0000-7000-8000-000000000000", "%00", "1' OR '1'='1"],
)
@pytest.mark.parametrize("name", ["after", "before"])
def test_a_bad_place_leads_to_the_first_page(browser, decisions, name, cursor):
    answer = browser.get(LIST, {name: cursor}, follow=True)
    assert answer.redirect_chain == [(f"{LIST}?e=1", 302)]
    assert list(answer.context["cl"].result_list) == decisions[:4]


def test_a_row_of_another_workspace_is_no_place(browser, decisions):
    elsewhere = DecisionFactory()
    answer = browser.get(LIST, {"after": str(elsewhere.pk)})
    assert (answer.status_code, answer.url) == (302, f"{LIST}?e=1")


def test_no_other_order_can_be_asked_for(browser, decisions):
    assert list(page(browser, f"{LIST}?o=-2.1").result_list) == decisions[:4]
    assert list(page(browser, f"{LIST}?p=2&all=").result_list) == decisions[:4]


def test_a_list_by_name_pages_too(house, monkeypatch):
    monkeypatch.setattr("governance.admin.agents.AgentAdmin.list_per_page", 2)
    for name in ("cora", "ada", "bob", "Ada", "dora"):
        AgentFactory(workspace=house.workspace, name=name)
    address, browser = url("agent", "changelist"), signed_in(house.viewer)
    first = page(browser, address)
    second = page(browser, address + first.next_url)
    third = page(browser, address + second.next_url)
    shown = [row.name for cl in (first, second, third) for row in cl.result_list]
    assert shown == list(Agent.objects.order_by("name").values_list("name", flat=True))
    assert len(shown) == 5
    text = said(browser.get(address + first.next_url))
    assert "Previous Next 2 agents on this page" in text


def test_words_of_a_list_by_time(browser, decisions):
    text = said(browser.get(f"{LIST}?after={decisions[3].pk}"))
    assert "Newer Older 4 decisions on this page" in text


@pytest.mark.parametrize("model", ["decision", "ledgerentry", "trigger", "run", "grant", "ceiling"])
def test_nothing_is_counted_and_nothing_is_skipped(house, decisions, model):
    browser = signed_in(house.viewer)
    with CaptureQueriesContext(connection) as queries:
        browser.get(url(model, "changelist"))
    own = [q["sql"] for q in queries if f'FROM "governance_{model}"' in q["sql"]]
    # But for the numbers in the sidebar, which count to 100 at most.
    own = [sql for sql in own if not ("COUNT(" in sql and "LIMIT 100) " in sql)]
    assert own
    assert not [sql for sql in own if "COUNT(" in sql or "OFFSET" in sql]
    assert [sql for sql in own if "LIMIT 51" in sql]


def test_a_list_costs_the_same_however_long_it_is(browser, decisions, house):
    def cost(address: str) -> int:
        with CaptureQueriesContext(connection) as queries:
            browser.get(address)
        return len(queries)

    page(browser, LIST)
    one = cost(f"{LIST}?after={decisions[9].pk}")
    four = cost(f"{LIST}?after={decisions[3].pk}")
    assert one == four
