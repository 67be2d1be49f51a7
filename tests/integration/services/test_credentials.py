"""Credentials and allowed hosts: who may keep them, and what the ledger learns."""

from __future__ import annotations

import pytest
from django.db import IntegrityError, transaction

from governance.domain.errors import InvalidInput, NotAllowed, NotFound
from governance.models import AllowedHost, Credential, LedgerEntry
from governance.services import allowed_hosts, credentials
from governance.services.secrets import resolve_secrets
from tests.factories import AllowedHostFactory, CredentialFactory, House

SECRET = "correct-horse-battery"
OTHERS = ("by_reviewer", "by_supervisor", "by_viewer", "by_auditor")


def entries(kind):
    return list(LedgerEntry.objects.filter(kind__startswith=kind).order_by("created_at", "id"))


def test_a_credential_is_stored_rotated_and_removed_and_the_ledger_learns_no_secret(house):
    row = credentials.store(
        workspace=house.workspace,
        name="mail",
        kind="password",
        secret=SECRET,
        hosts=["*.Example.com", "example.com"],
        note="for tests",
        by=house.by_governor,
    )
    credentials.rotate(credential=row, secret="another-secret", by=house.by_governor)
    assert credentials.reveal(name="mail", workspace_id=house.workspace.id) == "another-secret"
    credentials.remove(credential=row, by=house.by_governor)
    with pytest.raises(NotFound, match="no credential 'mail'"):
        credentials.reveal(name="mail", workspace_id=house.workspace.id)
    found = entries("credential.")
    assert [entry.kind for entry in found] == [
        "credential.stored",
        "credential.rotated",
        "credential.removed",
    ]
    bodies = b"".join(bytes(entry.body) for entry in found)
    assert b'"hosts":["*.example.com","example.com"]' in bodies
    assert SECRET.encode() not in bodies
    assert b"another-secret" not in bodies
    assert row.secret.token.encode() not in bodies


@pytest.mark.parametrize("who", OTHERS)
def test_only_governors_keep_credentials_and_hosts(house, who):
    by, governor = getattr(house, who), house.by_governor
    credential = CredentialFactory(workspace=house.workspace)
    host = AllowedHostFactory(workspace=house.workspace)
    attempts = [
        lambda: credentials.store(
            workspace=house.workspace, name="a", kind="token", secret=SECRET, by=by
        ),
        lambda: credentials.rotate(credential=credential, secret=SECRET, by=by),
        lambda: credentials.remove(credential=credential, by=by),
        lambda: allowed_hosts.add(workspace=house.workspace, host="a.example", by=by),
        lambda: allowed_hosts.remove(host=host, by=by),
    ]
    for attempt in attempts:
        with pytest.raises(NotAllowed):
            attempt()
    with pytest.raises(NotAllowed):
        credentials.reencrypt(by=governor)
    assert Credential.objects.count() == 1
    assert AllowedHost.objects.count() == 1


BAD = [
    ({"secret": "abc"}, "at least 4"),
    ({"secret": "    "}, "empty"),
    ({"secret": "x" * 8_001}, "at most 8,000"),
    ({"secret": "abc\x00def"}, "cannot be stored"),
    ({"name": "Mail"}, "Use a-z"),
    ({"name": ""}, "blank"),
    ({"name": "a" * 61}, "60"),
    ({"kind": "nonsense"}, "kind"),
    ({"hosts": ["*.com"]}, "too wide"),
    ({"hosts": ["api.example.com:8443"]}, "names a port; write the host alone, without a port"),
    ({"hosts": ["https://api.example.com/x"]}, "is a URL; write its host alone"),
    ({"hosts": [f"h{n}.example" for n in range(51)]}, "At most 50"),
]


@pytest.mark.parametrize(("values", "says"), BAD, ids=[case[1] for case in BAD])
def test_what_cannot_be_a_credential_is_refused(house, values, says):
    with pytest.raises(InvalidInput, match=says) as caught:
        CredentialFactory(workspace=house.workspace, **values)
    assert values.get("secret", "nothing") not in str(caught.value) or values["secret"] == "    "
    assert Credential.objects.count() == 0


def test_a_name_is_taken_once_a_workspace(house):
    CredentialFactory(workspace=house.workspace, name="mail")
    with pytest.raises(InvalidInput, match="already exists"):
        CredentialFactory(workspace=house.workspace, name="mail")
    elsewhere = House.build(name="elsewhere")
    CredentialFactory(workspace=elsewhere.workspace, name="mail", secret="of-elsewhere")
    mine = credentials.reveal(name="mail", workspace_id=house.workspace.id)
    assert mine == "s3cr3t-of-the-tests"


def test_another_workspaces_credential_is_not_there(house):
    elsewhere = House.build(name="elsewhere")
    CredentialFactory(workspace=elsewhere.workspace, name="theirs")
    with pytest.raises(NotFound):
        resolve_secrets({"a": {"$secret": "theirs"}}, house.workspace.id)


def test_references_are_replaced_and_what_was_revealed_is_told(house):
    CredentialFactory(workspace=house.workspace, name="one", secret="first-secret")
    CredentialFactory(workspace=house.workspace, name="two", secret="second-secret")
    params = {"a": [{"$secret": "one"}, {"b": {"$secret": "two"}}], "c": {"$secret": "one"}, "d": 1}
    filled, revealed = resolve_secrets(params, house.workspace.id)
    assert filled == {"a": ["first-secret", {"b": "second-secret"}], "c": "first-secret", "d": 1}
    assert revealed == ("first-secret", "second-secret")
    assert params["c"] == {"$secret": "one"}


@pytest.mark.parametrize("reference", [{"$secret": "a", "b": 1}, {"$secret": 1}, {"$secret": None}])
def test_a_malformed_reference_is_refused(house, reference):
    with pytest.raises(InvalidInput, match="no other member"):
        resolve_secrets({"a": reference}, house.workspace.id)


def test_a_bound_credential_goes_to_its_hosts_only(house):
    CredentialFactory(workspace=house.workspace, name="a", hosts=["*.example.com", "other.test"])
    params, workspace_id = {"x": {"$secret": "a"}}, house.workspace.id
    assert resolve_secrets(params, workspace_id, hosts=["api.example.com"])[1]
    assert resolve_secrets(params, workspace_id, hosts=["OTHER.test", "a.example.com"])[1]
    for hosts in (["example.com"], ["evil.test"], ["other.test", "evil.test"], None):
        with pytest.raises(NotAllowed, match="may be sent to"):
            resolve_secrets(params, workspace_id, hosts=hosts)


def test_a_host_is_allowed_and_removed_and_the_ledger_says_so(house):
    row = allowed_hosts.add(
        workspace=house.workspace,
        host=" Service.Internal ",
        port=8443,
        allow_private=True,
        note="our own",
        by=house.by_governor,
    )
    (rule,) = AllowedHost.objects.rules(house.workspace.id)
    assert (rule.host, rule.port, rule.allow_private) == ("service.internal", 8443, True)
    allowed_hosts.remove(host=row, by=house.by_governor)
    assert AllowedHost.objects.rules(house.workspace.id) == ()
    added, removed = entries("allowed_host.")
    assert (added.kind, removed.kind) == ("allowed_host.added", "allowed_host.removed")
    assert b'"allow_private":true' in bytes(added.body)


BAD_HOSTS = [
    {"host": "*.com"},
    {"host": "*"},
    {"host": "not a host"},
    {"host": ""},
    {"host": "https://example.com"},
    {"host": "0x7f.1"},
    {"host": "example.com", "port": 0},
    {"host": "example.com", "port": 70_000},
    {"host": "example.com", "allow_private": True},
    {"host": "*.example.com", "port": 80, "allow_private": True},
    {"host": "example.com", "use": "nonsense"},
    {"host": "example.com", "use": "mail", "port": 25},
    {"host": "example.com", "use": "mail", "deduplicates": True},
    {"host": "example.com", "note": "x" * 501},
]


@pytest.mark.parametrize("values", BAD_HOSTS, ids=str)
def test_what_cannot_be_allowed_is_refused(house, values):
    with pytest.raises(InvalidInput):
        AllowedHostFactory(workspace=house.workspace, **values)
    assert AllowedHost.objects.count() == 0


def test_the_same_host_is_listed_once(house):
    for port in (None, 8080):
        AllowedHostFactory(workspace=house.workspace, host="a.example", port=port)
        with pytest.raises(InvalidInput, match=r"already exists|violated"):
            AllowedHostFactory(workspace=house.workspace, host="A.example.", port=port)


def test_the_database_itself_refuses_a_wide_leave_for_private_addresses(house):
    row = AllowedHostFactory(workspace=house.workspace)
    for change in ({"allow_private": True}, {"port": 70_000}, {"use": "nonsense"}):
        with pytest.raises(IntegrityError), transaction.atomic():
            AllowedHost.objects.filter(pk=row.pk).update(**change)


def test_one_use_is_not_another(house):
    AllowedHostFactory(workspace=house.workspace, host="a.example", use="mail")
    AllowedHostFactory(workspace=house.workspace, host="b.example", deduplicates=True)
    workspace_id, objects = house.workspace.id, AllowedHost.objects
    assert [rule.host for rule in objects.rules(workspace_id)] == ["b.example"]
    assert [rule.host for rule in objects.deduplicating(workspace_id)] == ["b.example"]
    assert [rule.host for rule in objects.mail_rules(workspace_id)] == ["a.example"]
