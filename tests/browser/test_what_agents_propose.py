"""Plans that use a website: filed, approved, carried out in Chromium, and their result shown."""

from __future__ import annotations

import json

import pytest
from django.urls import reverse

from governance.models import ActionType, Execution
from tests.browser.site import serving
from tests.factories import AllowedHostFactory, House, approved, run_worker

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

PRICES = """<title>Prices</title><table id="prices">
<tr><th>fruit</th><th>price</th></tr>
<tr><td>apples</td><td>3</td></tr><tr><td>pears</td><td>5</td></tr></table>"""
ORDER = """<title>Order</title><form method="post" action="/ordered">
<input name="item"><input name="number"><button id="send">Order</button></form>"""


@pytest.fixture
def house(transactional_db, settings):
    settings.GOVERNANCE_BROWSER = ""
    house = House.build()
    ActionType.objects.filter(key="browser_automate").update(enabled=True)
    return house


@pytest.fixture
def shop(house):
    thanks = "<title>Thanks</title><p>{body}</p>"
    with serving(prices=PRICES, order=ORDER, ordered=thanks) as shop:
        AllowedHostFactory(
            workspace=house.workspace, host="127.0.0.1", port=shop.port, allow_private=True
        )
        yield shop


def carry_out(house, *plan):
    execution = approved(house.proposal(plan=list(plan))).execution
    run_worker()
    execution = Execution.objects.get(pk=execution.pk)
    assert (execution.state, execution.proposal.state) == ("done", "executed"), execution.error
    return execution


def use_site(name, start, *actions):
    params = {"start": start, "actions": list(actions)}
    return {"id": name, "action_type": "browser_automate", "params": params}


def output(execution, step):
    return json.loads(execution.steps.get(step=step).output)


def test_navigate_and_take_a_screenshot(house, shop, visit):
    execution = carry_out(
        house,
        use_site(
            "visit", shop.url("/prices"), {"screenshot": {"name": "prices", "full_page": True}}
        ),
    )
    page = visit(house.reviewer)
    page.goto(reverse("admin:governance_execution_change", args=[execution.pk]))
    picture = page.locator("img[alt*=prices]").first
    assert picture.evaluate("image => image.complete && image.naturalWidth > 300")


def test_fill_and_submit_a_web_form(house, shop):
    execution = carry_out(
        house,
        use_site(
            "order",
            shop.url("/order"),
            {"fill": {"selector": "[name=item]", "value": "pears"}},
            {"fill": {"selector": "[name=number]", "value": "2"}},
            {"click": {"selector": "#send"}},
            {"extract": {"selector": "p", "as": "text", "name": "said"}},
        ),
    )
    assert [seen for seen in shop.seen if seen[0] == "POST"] == [
        ("POST", "/ordered", "item=pears&number=2")
    ]
    assert output(execution, "order")["extracted"]["said"] == "item=pears&number=2"


def test_extract_a_table_from_a_page_and_chart_it(house, shop, visit):
    rows = "steps.prices.output.extracted.prices.rows"
    execution = carry_out(
        house,
        use_site(
            "prices",
            shop.url("/prices"),
            {"extract": {"selector": "#prices", "as": "table", "name": "prices"}},
        ),
        {
            "id": "chart",
            "action_type": "canvas_present",
            "when": f"size({rows}) > 0",
            "params": {
                "kind": "chart",
                "title": "Prices",
                "chart": {
                    "type": "bar",
                    "labels": {"$cel": f"{rows}.map(row, row[0])"},
                    "series": [
                        {"name": "price", "values": {"$cel": f"{rows}.map(row, double(row[1]))"}}
                    ],
                },
            },
        },
    )
    page = visit(house.reviewer)
    page.goto(output(execution, "chart")["path"])
    assert page.locator("svg").first.is_visible()
    assert "pears" in page.content()
