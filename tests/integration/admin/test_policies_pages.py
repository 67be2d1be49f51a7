"""Policy: draft, change the rules, see what publishing changes, publish, discard."""

from __future__ import annotations

import re

import pytest

from governance.admin.policy_forms import PREFIX, Rules
from governance.models import PolicyVersion
from governance.policy.rules import RuleSource
from governance.services import policies
from tests.factories import (
    MembershipFactory,
    PolicyVersionFactory,
    WorkspaceFactory,
    discarded,
    published,
    rule,
)
from tests.integration.admin.visits import (
    buttons,
    newest_entry,
    opened,
    refusals,
    said,
    send,
    signed_in,
    trail,
    url,
)

ADD = "/admin/governance/policyversion/add/"
NIGHT = RuleSource(
    "night", "refund_*", "params.amount > 100", "proposal", "Big ones are for people."
)
WEEKEND = RuleSource("weekend", "*", "now.getDayOfWeek() == 0", "supervision", "Somebody looks.")


@pytest.fixture
def browser(house):
    return signed_in(house.governor)


@pytest.fixture
def draft(house):
    return PolicyVersionFactory(workspace=house.workspace, rules=[NIGHT, WEEKEND])


def sent(*rows, initial=2, **extra):
    """The formset as a browser sends it."""
    data = {f"{PREFIX}-TOTAL_FORMS": str(len(rows)), f"{PREFIX}-INITIAL_FORMS": str(initial)}
    for index, row in enumerate(rows):
        data |= {f"{PREFIX}-{index}-{name}": value for name, value in row.items()}
    return data | extra


def row(source=None, *, position="", **values):
    """A rule's row, filled from a rule or empty."""
    empty = {"key": "", "scope": "*", "condition": "", "route": "", "reason": ""}
    return (source.as_json() if source else empty) | {"ORDER": position} | values


def save(browser, draft, *rows, initial=2, **extra):
    address = url("policyversion", "edit", draft)
    hidden = {"seen": opened(browser, address)["seen"]}
    return browser.post(address, hidden | sent(*rows, initial=initial, **extra))


def keys(version):
    return [source.key for source in version.sources()]


# --- Drafting


def test_a_draft_begins_with_the_rules_in_force(browser, house):
    house.publish(NIGHT)
    answer = send(browser, ADD, note="For\r\nspring.")
    draft = PolicyVersion.objects.get(state="draft")
    assert answer.url == url("policyversion", "change", draft)
    assert (draft.workspace, draft.note) == (house.workspace, "For\nspring.")
    assert draft.sources() == [NIGHT]
    assert newest_entry(draft)["by"]["label"] == house.governor.username


def test_with_several_workspaces_one_is_chosen(browser, house):
    other = WorkspaceFactory(name="other")
    MembershipFactory(workspace=other, user=house.governor, role="governor")
    answer = browser.get(ADD)
    choices = [label for _, label in answer.context["form"].fields["workspace"].choices]
    assert choices == sorted([house.workspace.name, "other"])
    assert '<select name="workspace"' in answer.content.decode()
    browser.post(ADD, {"workspace": str(other.pk), "note": ""})
    assert PolicyVersion.objects.get(state="draft").workspace == other


# --- Changing the rules


def test_the_form_shows_the_rules_and_a_row_for_another(browser, draft):
    formset = browser.get(url("policyversion", "edit", draft)).context["form"]
    assert [form["key"].value() for form in formset] == ["night", "weekend", None]
    assert [form["ORDER"].value() for form in formset] == [1, 2, None]
    assert formset[0]["condition"].value() == "params.amount > 100"


def test_change_add_and_reorder(browser, draft):
    answer = save(
        browser,
        draft,
        row(NIGHT, position="2", condition="params.amount > 50"),
        row(WEEKEND, position="1"),
        row(key="never", condition="true", route="denied", reason="No.", position=""),
    )
    assert answer.url == url("policyversion", "change", draft)
    assert draft.sources() == [
        WEEKEND,
        RuleSource(
            "night", "refund_*", "params.amount > 50", "proposal", "Big ones are for people."
        ),
        RuleSource("never", "*", "true", "denied", "No."),
    ]
    assert newest_entry(draft)["kind"] == "policy_version.rules_set"


def test_remove(browser, draft):
    save(browser, draft, row(NIGHT, position="1", DELETE="on"), row(WEEKEND, position="2"), row())
    assert keys(draft) == ["weekend"]


def test_remove_one_that_is_wrong_besides(browser, draft):
    broken = row(NIGHT, position="1", condition="params.", DELETE="on")
    answer = save(browser, draft, broken, row(WEEKEND, position="2"), row())
    assert answer.status_code == 302
    assert keys(draft) == ["weekend"]


def test_a_condition_over_several_lines_is_kept(browser, draft):
    typed = "params.amount > 100\r\n  && agent.name == 'clerk'"
    save(browser, draft, row(NIGHT, position="1", condition=typed), row(WEEKEND, position="2"))
    assert draft.sources()[0].condition == "params.amount > 100\n  && agent.name == 'clerk'"


@pytest.mark.parametrize(
    ("values", "field", "complaint"),
    [
        ({"condition": "params.amount >"}, "condition", "Rule new: The condition does not compile"),
        ({"condition": "1 + 1"}, "condition", "Rule new: The condition must be true or false"),
        ({"condition": "who.knows"}, "condition", "Rule new: The condition does not compile"),
        ({"condition": ""}, "condition", "This field is required."),
        ({"condition": "x" * 2001}, "condition", "Ensure this value has at most 2000"),
        ({"route": "execution"}, "route", "Select a valid choice"),
        ({"route": ""}, "route", "This field is required."),
        ({"key": "New Rule"}, "key", "Use a-z, 0-9, _ and -, from a letter."),
        ({"key": "night"}, "key", "Another rule has the key 'night'; make keys unique."),
        ({"scope": ""}, "scope", "This field is required."),
        ({"reason": ""}, "reason", "This field is required."),
    ],
)
def test_what_is_wrong_is_said_at_its_rule_and_nothing_is_lost(
    browser, draft, values, field, complaint
):
    new = {"key": "new", "condition": "true", "route": "denied", "reason": "No."} | values
    changed = row(NIGHT, position="1", reason="Typed, not yet saved.")
    answer = save(browser, draft, changed, row(WEEKEND, position="2"), row(**new))
    assert answer.status_code == 400
    formset = answer.context["form"]
    assert [list(form.errors) for form in formset] == [[], [], [field]]
    assert formset[2].errors[field][0].startswith(complaint)
    assert formset[0]["reason"].value() == "Typed, not yet saved."
    assert formset[2]["condition"].value() == new["condition"]
    assert draft.sources() == [NIGHT, WEEKEND]
    assert trail(draft) == ["policy_version.draft", "policy_version.rules_set"]


def test_a_bad_condition_is_said_even_where_more_is_wrong(browser, draft):
    answer = save(browser, draft, row(NIGHT), row(WEEKEND), row(key="new", condition="params."))
    assert sorted(answer.context["form"][2].errors) == ["condition", "reason", "route"]


def test_more_rows_keeps_what_was_typed_and_saves_nothing(browser, draft):
    typed = row(key="new", condition="params.", reason="Half done")
    answer = save(browser, draft, row(NIGHT, reason="Changed"), row(WEEKEND), typed, more="1")
    assert answer.status_code == 200
    formset = answer.context["form"]
    assert len(formset.forms) == 6
    assert formset[0]["reason"].value() == "Changed"
    assert formset[2]["reason"].value() == "Half done"
    assert formset[5]["key"].value() is None
    assert draft.sources() == [NIGHT, WEEKEND]


@pytest.mark.parametrize("total", ["x", "-1", "0", "1", ""])
def test_a_tampered_form_saves_nothing(browser, draft, total):
    extra = {f"{PREFIX}-TOTAL_FORMS": total}
    answer = save(browser, draft, row(NIGHT), row(WEEKEND), **extra)
    assert answer.status_code == 400
    more = save(browser, draft, row(NIGHT), row(WEEKEND), more="1", **extra)
    assert more.status_code == 200
    assert draft.sources() == [NIGHT, WEEKEND]


@pytest.mark.parametrize(("count", "valid"), [(500, True), (501, False), (10**11, False)])
def test_too_many_rules(count, valid):
    rows = [row(rule(f"rule{n}")) for n in range(min(count, 501))]
    formset = Rules(sent(*rows, **{f"{PREFIX}-TOTAL_FORMS": str(count)}), prefix=PREFIX)
    assert formset.is_valid() is valid
    assert len(formset.forms) <= 510


def test_as_many_rules_as_there_may_be(browser, draft):
    rows = [row(rule(f"rule{n}"), position=str(n + 1)) for n in range(500)]
    assert save(browser, draft, *rows).status_code == 302
    assert keys(draft)[::499] == ["rule0", "rule499"]


def test_of_two_who_change_the_rules_the_second_is_told(browser, house, draft):
    address = url("policyversion", "edit", draft)
    hidden = opened(browser, address)
    policies.set_rules(version=draft, rules=[NIGHT], by=house.by_governor)
    data = {"seen": hidden["seen"]} | sent(row(NIGHT, reason="Mine"), row(WEEKEND))
    answer = browser.post(address, data)
    assert answer.status_code == 409
    assert "was changed after you opened this page" in refusals(answer)[0]
    assert answer.context["form"][0]["reason"].value() == "Mine"
    assert draft.sources() == [NIGHT]


@pytest.mark.parametrize("ended", [published, discarded])
@pytest.mark.parametrize("page", ["edit", "publish", "discard"])
def test_only_drafts_change(browser, draft, ended, page):
    ended(draft)
    address = url("policyversion", page, draft)
    answer = browser.get(address)
    assert answer.status_code == 409
    draft.refresh_from_db()
    assert refusals(answer)[0].endswith(f"this policy version is {draft.state}.")
    before = trail(draft)
    data = {"seen": answer.context["seen"], "replaces": "2"} | sent(row(NIGHT), row(WEEKEND))
    assert browser.post(address, data).status_code == 409
    assert trail(draft) == before
    assert keys(draft) == ["night", "weekend"]


# --- Publishing


def test_the_page_shows_what_changes_and_against_what(browser, house, draft):
    house.publish(
        RuleSource("night", "refund_*", "params.amount > 500", "proposal", NIGHT.reason),
        rule("gone", reason="An old rule."),
    )
    answer = browser.get(url("policyversion", "publish", draft))
    text = said(answer)
    assert "The changes are shown against policy version 2, which is in force now." in text
    assert (
        "gone removed scope: * condition: true route: denied reason: An old rule. – "
        "night changed condition: params.amount > 500 condition: params.amount > 100 "
        "weekend added – scope: * condition: now.getDayOfWeek() == 0 route: supervision "
        "reason: Somebody looks."
    ) in text
    assert 'name="replaces" value="2"' in answer.content.decode()
    draft.refresh_from_db()
    assert draft.state == "draft"


def test_publish(browser, house, draft):
    answer = send(browser, url("policyversion", "publish", draft))
    assert answer.url == url("policyversion", "change", draft)
    draft.refresh_from_db()
    assert (draft.state, draft.number) == ("published", 2)
    assert draft.published_by == house.governor
    assert PolicyVersion.objects.newest(house.workspace.pk) == draft
    assert "State in force" in said(browser.get(url("policyversion", "change", draft)))


def test_the_first_version_of_all(house):
    workspace = PolicyVersionFactory(rules=[NIGHT]).workspace
    MembershipFactory(workspace=workspace, user=house.governor, role="governor")
    browser, draft = signed_in(house.governor), PolicyVersion.objects.get(workspace=workspace)
    address = url("policyversion", "publish", draft)
    assert "No policy version is in force yet." in said(browser.get(address))
    assert send(browser, address).status_code == 302
    draft.refresh_from_db()
    assert draft.number == 1


def test_another_version_came_into_force_meanwhile(browser, house, draft):
    address = url("policyversion", "publish", draft)
    hidden = opened(browser, address)
    house.publish(rule("theirs"))
    answer = browser.post(address, hidden)
    assert answer.status_code == 409
    message = "Policy version 2 is in force now, and the changes were shown against 1; look at them"
    assert refusals(answer) == [f"{message} again."]
    draft.refresh_from_db()
    assert draft.state == "draft"


def test_the_draft_itself_changed_meanwhile(browser, house, draft):
    address = url("policyversion", "publish", draft)
    hidden = opened(browser, address)
    policies.set_rules(version=draft, rules=[rule("sneaked-in")], by=house.by_governor)
    answer = browser.post(address, hidden)
    assert answer.status_code == 409
    assert "was changed after you opened this page" in refusals(answer)[0]
    draft.refresh_from_db()
    assert draft.state == "draft"


@pytest.mark.parametrize("replaces", ["", "0", "2", "x", "-1", "9" * 30])
def test_a_number_that_is_not_in_force(browser, draft, replaces):
    answer = send(browser, url("policyversion", "publish", draft), replaces=replaces)
    assert answer.status_code == 409
    draft.refresh_from_db()
    assert draft.state == "draft"


def test_discard(browser, draft):
    answer = send(browser, url("policyversion", "discard", draft))
    assert answer.status_code == 302
    draft.refresh_from_db()
    assert draft.state == "discarded"
    assert trail(draft)[-1] == "policy_version.discarded"


# --- The page and the list


@pytest.mark.parametrize(
    ("into", "offered"),
    [
        (lambda draft: draft, ["Change the rules", "Publish", "Discard", "Ledger"]),
        (published, ["Ledger"]),
        (discarded, ["Ledger"]),
    ],
)
def test_what_is_offered(browser, draft, into, offered):
    assert buttons(browser.get(url("policyversion", "change", into(draft)))) == offered


def test_the_page_says_the_rules(browser, draft):
    text = said(browser.get(url("policyversion", "change", draft)))
    assert (
        "night refund_* params.amount > 100 proposal Big ones are for people. "
        "weekend * now.getDayOfWeek() == 0 supervision Somebody looks."
    ) in text
    assert "What publishing changes" in text
    after = said(browser.get(url("policyversion", "change", published(draft))))
    assert "What publishing changes" not in after


def test_the_list_says_which_is_in_force(browser, house, draft):
    house.publish(NIGHT)
    other = WorkspaceFactory()
    MembershipFactory(workspace=other, user=house.governor, role="viewer")
    text = said(browser.get(url("policyversion", "changelist")))
    assert text.count("in force") == 2  # one a workspace
    assert re.search(r"Policy version 2 in force 1 – \d{4}-", text)
    assert "Policy draft draft 2 – – –" in text
    assert re.search(r"Policy version 1 published 0 – \d{4}-", text)


def test_a_note_is_shown_and_never_obeyed(browser, house):
    PolicyVersionFactory(workspace=house.workspace, note="<script>alert(1)</script>")
    markup = browser.get(url("policyversion", "changelist")).content.decode()
    assert "&lt;script&gt;alert(1)" in markup
    assert "<script>alert(1)" not in markup
