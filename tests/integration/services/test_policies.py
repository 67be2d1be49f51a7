"""Policies: drafts change, published versions never do, and nobody publishes over what is new."""

from __future__ import annotations

import pytest
from django.db import DatabaseError, transaction

from governance.domain.errors import InvalidInput, StaleState
from governance.models import PolicyRule, PolicyVersion
from governance.policy.rules import RuleSource
from governance.services import policies
from tests.factories import (
    EmptyWorkspaceFactory,
    House,
    PolicyVersionFactory,
    discarded,
    published,
    rule,
)
from tests.integration.services.checks import kinds, recorded, refused

pytestmark = pytest.mark.django_db

BIG = RuleSource("big", "pay_*", "params.amount > 100", "proposal", "big amounts")


def draft(house, *rules) -> PolicyVersion:
    version = policies.draft(workspace=house.workspace, by=house.by_governor)
    policies.set_rules(version=version, rules=rules, by=house.by_governor)
    return PolicyVersion.objects.get(pk=version.pk)


def test_a_draft_begins_with_the_rules_in_force(house):
    house.publish(BIG, rule("never"))
    with recorded() as entries:
        version = policies.draft(workspace=house.workspace, note="tighter", by=house.by_governor)
    assert (version.state, version.number, version.note) == ("draft", None, "tighter")
    assert version.sources() == [BIG, rule("never")]
    assert kinds(entries) == ["policy_version.draft"]
    assert policies.changes_if_published(version) == []


def test_the_first_draft_of_a_workspace_is_empty():
    version = PolicyVersionFactory(workspace=EmptyWorkspaceFactory())
    assert version.sources() == []


def test_a_long_note_is_refused(house):
    with refused(InvalidInput, "The note is 2,001 characters long"):
        policies.draft(workspace=house.workspace, note="n" * 2_001, by=house.by_governor)


def test_set_rules_replaces_them_in_order_and_records_them_all(house):
    version = draft(house, rule("old"))
    with recorded() as entries:
        policies.set_rules(version=version, rules=[rule("b"), BIG], by=house.by_governor)
    assert [r.source for r in version.rules.order_by("position")] == [rule("b"), BIG]
    [entry] = entries
    assert (entry.kind, entry.subject_id) == ("policy_version.rules_set", version.id)
    assert entry.data["data"]["rules"] == [
        {
            "key": "b",
            "scope": "*",
            "condition": "true",
            "route": "denied",
            "reason": "for a test",
        },
        {
            "key": "big",
            "scope": "pay_*",
            "condition": "params.amount > 100",
            "route": "proposal",
            "reason": "big amounts",
        },
    ]


BAD = [
    ([rule(route="execution")], "Rule rule: the route must be one of supervision, proposal"),
    ([rule(route="maybe")], "Rule rule: the route must be one of"),
    ([rule(condition="params.amount >")], "Rule rule: The condition does not compile"),
    ([rule(condition="secrets.key == 1")], "Rule rule: The condition does not compile"),
    ([rule(condition="params.amount")], "Rule rule: The condition must be true or false"),
    ([rule(condition="")], "Rule rule: The condition does not compile"),
    ([rule(condition="true || " * 300 + "true")], "at most 2,000 are accepted"),
    ([rule("a"), rule("a")], "Two rules have the key 'a'"),
    ([rule(reason="")], "reason: .*cannot be blank"),
    ([rule(reason="r" * 501)], "reason: .*at most 500 characters"),
    ([rule(scope="")], "scope can match no action type"),
    ([rule(scope="s" * 101)], "scope: .*at most 100 characters"),
    ([rule("Bad Key")], "key: .*Use a-z"),
    ([rule(reason="a\x00b")], "cannot be stored"),
    ([rule(scope="\ud800")], "scope can match no action type"),
    ([rule(f"r{n}") for n in range(501)], "at most 500 rules, and this has 501"),
]


@pytest.mark.parametrize(("rules", "says"), BAD)
def test_a_bad_rule_and_the_draft_keeps_what_it_had(house, rules, says):
    version = draft(house, BIG)
    with refused(InvalidInput, says):
        policies.set_rules(version=version, rules=rules, by=house.by_governor)


def test_publish_gives_the_next_number_and_seals_the_rules(house):
    version = draft(house, BIG)
    with recorded() as entries:
        row = policies.publish(version=version, replaces=1, by=house.by_governor)
    row = PolicyVersion.objects.get(pk=row.pk)
    assert (row.state, row.number, row.published_by) == ("published", 2, house.governor)
    assert row.published_at is not None
    [entry] = entries
    assert entry.kind == "policy_version.published"
    assert entry.data["data"] == {
        "from": "draft",
        "to": "published",
        "version": 2,
        "number": 2,
        "digest": row.digest,
        "changes": [{"rule": "big", "change": "added", "before": None, "after": BIG.as_json()}],
    }


def test_the_first_version_replaces_none():
    workspace = EmptyWorkspaceFactory()
    row = published(PolicyVersionFactory(workspace=workspace))
    assert (row.number, row.published_by) == (1, None)  # by the system


def test_numbers_count_in_each_workspace_by_itself(house):
    assert [House.build().publish().number, house.publish().number] == [2, 2]


@pytest.mark.parametrize("replaces", [None, 0, 1, 3])
def test_who_has_not_seen_what_is_in_force_cannot_publish(house, replaces):
    house.publish(BIG)
    version = draft(house)
    with refused(StaleState, "Policy version 2 is in force now"):
        policies.publish(version=version, replaces=replaces, by=house.by_governor)


def test_changes_if_published_are_those_from_what_is_in_force_now(house):
    version = draft(house, rule("kept"), rule("new"), rule("changed", route="training"))
    house.publish(rule("kept"), rule("changed"), rule("gone"))
    found = {c["rule"]: c["change"] for c in policies.changes_if_published(version)}
    assert found == {"changed": "changed", "gone": "removed", "new": "added"}


@pytest.mark.parametrize("end", [published, discarded])
def test_only_a_draft_can_change(house, end):
    version = end(draft(house, BIG))
    with refused(StaleState, f"This policy version is {version.state}"):
        policies.set_rules(version=version, rules=[], by=house.by_governor)
    with refused(StaleState, f"This policy version is {version.state}"):
        policies.publish(version=version, replaces=2, by=house.by_governor)
    with refused(StaleState, "cannot become discarded"):
        policies.discard(version=version, by=house.by_governor)


def test_discard(house):
    version = draft(house, BIG)
    with recorded() as entries:
        policies.discard(version=version, by=house.by_governor)
    assert PolicyVersion.objects.get(pk=version.pk).state == "discarded"
    assert kinds(entries) == ["policy_version.discarded"]


def test_the_database_itself_refuses_to_change_what_is_published(house):
    version = house.publish(BIG)
    row = version.rules.get()
    copy = {"workspace_id": row.workspace_id, "policy": version, "reason": "x", "condition": "true"}
    attempts = [
        lambda: PolicyVersion.objects.filter(pk=version.pk).update(note="other"),
        lambda: PolicyRule.objects.filter(pk=row.pk).update(condition="false"),
        lambda: PolicyRule.objects.filter(pk=row.pk).delete(),
        lambda: PolicyRule.objects.create(key="late", route="denied", **copy),
    ]
    for attempt in attempts:
        with (
            pytest.raises(DatabaseError, match="a published policy version does not change"),
            transaction.atomic(),
        ):
            attempt()
    assert PolicyVersion.objects.get(pk=version.pk).sources() == [BIG]
