from __future__ import annotations

import datetime
import json

import pytest
from django.db import transaction
from django.db.transaction import TransactionManagementError

from governance import ledger
from governance.domain.actors import Actor, ActorKind
from governance.domain.errors import InvalidInput
from governance.models import LedgerEntry
from governance.models.base import new_id
from tests.factories import EmptyWorkspaceFactory, LedgerEntryFactory

ADA = Actor(ActorKind.PERSON, "7", "ada")


def append(workspace, **values):
    given = {
        "kind": "test.happened",
        "by": ADA,
        "workspace_id": workspace.id,
        "subject_id": new_id(),
        "data": {},
        **values,
    }
    return ledger.append(**given)


@pytest.mark.django_db
def test_an_entry_is_canonical_bytes_that_say_who_did_what_to_which_row():
    workspace, subject = EmptyWorkspaceFactory(), new_id()
    entry = append(workspace, subject_id=subject, data={"b": 1.0, "a": ["é", None]})
    stored = LedgerEntry.objects.get(pk=entry.pk)
    at = stored.created_at.isoformat()
    assert bytes(stored.body).decode() == (
        f'{{"at":"{at}","by":{{"id":"7","kind":"person","label":"ada"}},'
        f'"data":{{"a":["é",null],"b":1}},"id":"{entry.id}","kind":"test.happened",'
        f'"subject":"{subject}","workspace":"{workspace.id}"}}'
    )
    assert (stored.kind, stored.subject_id) == ("test.happened", subject)
    assert stored.workspace_id == workspace.id
    assert stored.data == json.loads(bytes(stored.body))


@pytest.mark.django_db
def test_the_time_is_aware_and_in_utc():
    entry = LedgerEntryFactory()
    assert entry.created_at.utcoffset() == datetime.timedelta()
    assert entry.data["at"].endswith("+00:00")


@pytest.mark.django_db
def test_keys_sort_in_the_order_of_writing():
    workspace = EmptyWorkspaceFactory()
    written = [append(workspace).id for _ in range(50)]
    assert written == sorted(written)
    assert len(set(written)) == 50


@pytest.mark.django_db
def test_the_trail_of_a_row_is_its_entries_oldest_first():
    workspace, subject = EmptyWorkspaceFactory(), new_id()
    for n in range(3):
        append(workspace, subject_id=subject, data={"n": n})
        append(workspace, data={"n": "of another row"})
    trail = LedgerEntry.objects.about(subject)
    assert [entry.data["data"]["n"] for entry in trail] == [0, 1, 2]


@pytest.mark.django_db
@pytest.mark.parametrize("data", [{"a": float("nan")}, {"a": 2**53}, {"a": "\ud800"}, {1: 2}])
def test_what_has_no_canonical_form_is_refused_and_nothing_is_written(data):
    workspace = EmptyWorkspaceFactory()
    before = LedgerEntry.objects.count()
    with pytest.raises(InvalidInput, match="The ledger entry has no canonical JSON form"):
        append(workspace, data=data)
    assert LedgerEntry.objects.count() == before


@pytest.mark.django_db(transaction=True)
def test_an_entry_outside_a_transaction_is_refused():
    workspace = EmptyWorkspaceFactory()
    before = LedgerEntry.objects.count()
    with pytest.raises(TransactionManagementError, match=r"test\.happened"):
        append(workspace)
    assert LedgerEntry.objects.count() == before


@pytest.mark.django_db(transaction=True)
def test_an_entry_goes_with_its_transaction():
    workspace = EmptyWorkspaceFactory()
    with transaction.atomic():
        entry = append(workspace)
        transaction.set_rollback(True)
    assert not LedgerEntry.objects.filter(pk=entry.pk).exists()
    with transaction.atomic():
        entry = append(workspace)
    assert LedgerEntry.objects.filter(pk=entry.pk).exists()
