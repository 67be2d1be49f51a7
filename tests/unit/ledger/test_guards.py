"""The database itself refuses to change what was recorded or published."""

from __future__ import annotations

import pytest
from django.db import DatabaseError, connection, transaction

from governance.ledger import guards
from governance.models import LedgerEntry, PolicyRule, PolicyVersion
from tests.factories import LedgerEntryFactory, PolicyVersionFactory, publish_rules, rule
from tests.unit.sql import execute, settle

pytestmark = pytest.mark.django_db

APPEND_ONLY = "the ledger is append-only"
IMMUTABLE = "a published policy version does not change"


LEDGER_CHANGES = [
    "UPDATE governance_ledgerentry SET kind = 'nothing.happened'",
    "UPDATE governance_ledgerentry SET body = body",
    "DELETE FROM governance_ledgerentry",
    "DELETE FROM governance_ledgerentry WHERE kind = 'test.happened'",
]


@pytest.mark.parametrize("statement", LEDGER_CHANGES)
def test_the_ledger_refuses(statement):
    LedgerEntryFactory()
    before = list(LedgerEntry.objects.values_list("id", "kind", "body"))
    with pytest.raises(DatabaseError, match=APPEND_ONLY):
        execute(statement)
    assert list(LedgerEntry.objects.values_list("id", "kind", "body")) == before


def test_the_ledger_refuses_the_orm_as_well():
    entry = LedgerEntryFactory()
    entry.kind = "nothing.happened"
    for change in (
        entry.save,
        entry.delete,
        LedgerEntry.objects.all().delete,
        lambda: LedgerEntry.objects.update(kind="nothing.happened"),
        lambda: LedgerEntry.objects.bulk_update([entry], ["kind"]),
        lambda: LedgerEntry.objects.bulk_create(
            [entry], update_conflicts=True, unique_fields=["id"], update_fields=["kind"]
        ),
    ):
        with pytest.raises(DatabaseError, match=APPEND_ONLY), transaction.atomic():
            change()
    assert LedgerEntry.objects.get(pk=entry.pk).kind == "test.happened"


def test_the_ledger_refuses_truncate_where_there_is_one():
    LedgerEntryFactory()
    settle()
    if connection.vendor == "postgresql":
        for cascade in ("", " CASCADE"):
            with pytest.raises(DatabaseError, match=APPEND_ONLY):
                execute(f"TRUNCATE governance_ledgerentry{cascade}")
    assert LedgerEntry.objects.exists()


def test_the_ledger_refuses_to_be_written_over():
    entry = LedgerEntryFactory()
    overwrite = {
        "sqlite": "INSERT OR REPLACE INTO governance_ledgerentry (id, created_at, kind,"
        " subject_id, body, workspace_id) SELECT id, created_at, 'nothing.happened', subject_id,"
        " body, workspace_id FROM governance_ledgerentry",
        "postgresql": "INSERT INTO governance_ledgerentry SELECT * FROM governance_ledgerentry"
        " ON CONFLICT (id) DO UPDATE SET kind = 'nothing.happened'",
    }[connection.vendor]
    with pytest.raises(DatabaseError):
        execute(overwrite)
    assert LedgerEntry.objects.get(pk=entry.pk).kind == "test.happened"


@pytest.fixture
def published():
    version = PolicyVersionFactory(rules=[rule("a"), rule("b")])
    return publish_rules(version.workspace, rule("a"), rule("b"))


POLICY_CHANGES = [
    "UPDATE governance_policyversion SET number = 9 WHERE state = 'published'",
    "UPDATE governance_policyversion SET digest = 'x' WHERE state = 'published'",
    "UPDATE governance_policyversion SET state = 'discarded' WHERE state = 'published'",
    "UPDATE governance_policyversion SET published_at = NULL WHERE state = 'published'",
    "UPDATE governance_policyversion SET note = 'x' WHERE state = 'published'",
]
RULE_CHANGES = [
    "UPDATE governance_policyrule SET route = 'supervision' WHERE policy_id = {policy}",
    "UPDATE governance_policyrule SET condition = 'false' WHERE policy_id = {policy}",
    "UPDATE governance_policyrule SET policy_id = {draft} WHERE policy_id = {policy}",
    "DELETE FROM governance_policyrule WHERE policy_id = {policy}",
    "DELETE FROM governance_policyrule",
]
INTO = "UPDATE governance_policyrule SET policy_id = {policy}, key = 'c' WHERE key = 'spare'"


def state_of(policy):
    return (
        list(PolicyVersion.objects.filter(pk=policy.pk).values()),
        list(PolicyRule.objects.filter(policy=policy).order_by("id").values()),
    )


def change_published(statement, policy):
    draft = PolicyVersionFactory(workspace=policy.workspace, rules=[rule("spare")])
    keys = {
        name: f"'{row.pk.hex if connection.vendor == 'sqlite' else row.pk}'"
        for name, row in (("policy", policy), ("draft", draft))
    }
    before = state_of(policy)
    with pytest.raises(DatabaseError, match=IMMUTABLE):
        execute(statement.format(**keys))
    assert state_of(policy) == before


@pytest.mark.parametrize("statement", [*POLICY_CHANGES, *RULE_CHANGES])
def test_a_published_policy_version_refuses(statement, published):
    change_published(statement, published)


def test_a_published_policy_version_takes_in_no_rule_of_a_draft(published):
    change_published(INTO, published)


def test_published_policy_refuses_truncate_where_there_is_one(published):
    settle()
    if connection.vendor == "postgresql":
        with pytest.raises(DatabaseError, match=IMMUTABLE):
            execute("TRUNCATE governance_policyrule")
    assert published.rules.count() == 2


def test_a_published_policy_version_refuses_the_orm_as_well(published):
    row = published.rules.first()
    stranger = PolicyRule(
        workspace_id=published.workspace_id, policy=published, key="c", condition="true"
    )
    stranger.route, stranger.reason = "denied", "added later"
    row.condition = "false"
    before = state_of(published)
    for change in (stranger.save, row.save, row.delete, published.rules.all().delete):
        with pytest.raises(DatabaseError, match=IMMUTABLE), transaction.atomic():
            change()
    assert state_of(published) == before


def test_a_published_policy_version_cannot_be_deleted(published):
    # Its rules go first, and refuse; without rules it refuses itself.
    bare = publish_rules(published.workspace)
    for version in (published, bare):
        with pytest.raises(DatabaseError, match=IMMUTABLE), transaction.atomic():
            version.delete()


def test_a_draft_changes_freely():
    draft = PolicyVersionFactory(rules=[rule("a")])
    draft.rules.update(condition="false")
    draft.note = "changed"
    draft.save()
    draft.rules.all().delete()
    draft.delete()
    assert not PolicyVersion.objects.filter(pk=draft.pk).exists()


def names() -> set[str]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT name FROM sqlite_master WHERE type = 'trigger'"
            if connection.vendor == "sqlite"
            else "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal"
        )
        return {name for (name,) in cursor.fetchall()}


ALL = {
    "ledger_no_update",
    "ledger_no_delete",
    "policy_no_update",
    "policy_no_delete",
    "rule_no_insert",
    "rule_no_update",
    "rule_no_delete",
}


def test_guards_can_be_removed_and_installed_again():
    everything = ALL | ({"ledger_no_truncate"} if connection.vendor == "postgresql" else set())
    LedgerEntryFactory()
    settle()
    assert names() >= everything
    guards.remove(connection)
    assert not names() & everything
    guards.remove(connection)  # removing twice is no error
    assert execute("UPDATE governance_ledgerentry SET kind = 'x'") > 0
    settle()
    guards.install(connection)
    assert names() >= everything
    with pytest.raises(DatabaseError, match=APPEND_ONLY):
        execute("DELETE FROM governance_ledgerentry")
