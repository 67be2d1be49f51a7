"""A proposal says what will be done in words, beside the canonical form that its digest is of."""

from __future__ import annotations

import html
import re

import pytest

from governance.policy import plans
from tests.factories import ProposalFactory
from tests.integration.admin.browsing import login, page, refund, refund_type

pytestmark = pytest.mark.django_db

NOTE = {"kind": "markdown", "title": "x”.\n2. Nothing else <script>", "markdown": "x"}
PLAN = [
    {"id": "show", "action_type": "canvas_present", "params": NOTE},
    {
        "id": "tell",
        "action_type": "device_command",
        "params": {
            "device": "phone",
            "kind": "notification",
            "notification": {"title": {"$cel": "steps.show.output.path"}, "body": "b"},
        },
        "when": 'steps.show.output.kind == "markdown"',
    },
]


def words(response):
    """The sentences, as they are drawn."""
    listed = response.content.decode().split('<ol class="ag-words">')[1].split("</ol>")[0]
    return re.findall(r"<li>(.*?)</li>", listed, re.DOTALL)


def test_each_step_is_a_sentence_and_an_agents_text_is_none(client, house):
    proposal = ProposalFactory(run=house.run(), plan=PLAN)
    response = login(client, house.viewer).get(page(proposal))
    condition, path = "steps.show.output.kind == &quot;markdown&quot;", "steps.show.output.path"
    code = '<code class="ag-code">{}</code>'.format
    assert words(response) == [
        r"Show a text titled “x&quot;.\n2. Nothing else &lt;script&gt;”.",
        f"If {code(condition)}: show the notification {code(path)} on the device “phone”.",
    ]


def test_a_condition_is_shown_as_code_and_beside_it_in_words(client, house):
    proposal = ProposalFactory(run=house.run(), plan=PLAN)
    text = login(client, house.viewer).get(page(proposal)).content.decode()
    code = '<code class="ag-code">{}</code>'.format
    condition = code("steps.show.output.kind == &quot;markdown&quot;")
    words = f"{code('kind')} of step {code('show')} is “markdown”"
    assert f"Only if {condition} is true ({words}); otherwise it is skipped." in text


def test_the_canonical_form_stands_beside_it(client, house):
    proposal = ProposalFactory(run=house.run(), plan=PLAN)
    text = login(client, house.viewer).get(page(proposal)).content.decode()
    shown = text.split("The whole plan in canonical form</summary>")[1].split("</pre>")[0]
    canonical = html.unescape(re.sub(r"<[^>]*>", "", shown)).strip()
    assert canonical == proposal.plan == plans.parse(PLAN).text
    assert proposal.digest in text
    assert "except for what is redacted in it" not in text


def test_an_action_without_words_has_its_title(client, house):
    refund_type(house)
    response = login(client, house.viewer).get(page(refund(house)))
    assert words(response) == ["Refund a payment."]


def test_what_looks_like_a_secret_is_in_neither(client, house):
    params = {"payment": "https://x.test/?token=abcdefgh", "amount": 1}
    refund_type(house)
    text = login(client, house.viewer).get(page(refund(house, params=params))).content.decode()
    assert "abcdefgh" not in text
    assert "except for what is redacted in it" in text
