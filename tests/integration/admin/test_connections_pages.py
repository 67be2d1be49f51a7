"""The pages of allowed hosts and credentials: who may do what, and that no page shows a secret."""

from __future__ import annotations

import pytest

from governance.domain.roles import Role
from governance.models import AllowedHost, Credential
from governance.services import credentials
from tests.factories import AllowedHostFactory, CredentialFactory, House
from tests.integration.admin.visits import (
    buttons,
    opened,
    refusals,
    said,
    send,
    signed_in,
    trail,
    url,
)

ALLOW, STORE = "/admin/governance/allowedhost/add/", "/admin/governance/credential/add/"
SECRET = "correct-horse-battery"


@pytest.fixture
def browser(house):
    return signed_in(house.governor)


def test_allow_and_remove_a_host(browser, house):
    answer = send(
        browser,
        ALLOW,
        use="web",
        host="Service.Internal",
        port="8443",
        allow_private="on",
        note="our own",
    )
    row = AllowedHost.objects.get()
    assert answer.url == url("allowedhost", "change", row)
    assert (row.host, row.port, row.allow_private) == ("service.internal", 8443, True)
    page = browser.get(answer.url)
    assert buttons(page) == ["Remove", "Ledger"]
    assert "service.internal" in said(page)
    assert "service.internal:8443" in said(browser.get(url("allowedhost", "changelist")))
    answer = send(browser, url("allowedhost", "remove", row))
    assert answer.url == url("allowedhost", "changelist")
    assert AllowedHost.objects.count() == 0
    assert trail(row) == ["allowed_host.added", "allowed_host.removed"]


def test_what_cannot_be_allowed_is_said_and_kept_as_typed(browser, house):
    answer = send(browser, ALLOW, use="web", host="*.com", note="everything")
    assert "too wide" in refusals(answer)[0]
    assert 'value="everything"' in answer.content.decode()
    assert AllowedHost.objects.count() == 0


def test_store_replace_and_remove_a_credential_that_no_page_shows(browser, house):
    answer = send(
        browser,
        STORE,
        name="billing",
        kind="token",
        secret=SECRET,
        hosts="api.example.com\r\n\r\n*.example.org\r\n",
    )
    row = Credential.objects.get()
    assert answer.url == url("credential", "change", row)
    assert row.hosts == ["*.example.org", "api.example.com"]
    assert row.secret.reveal() == SECRET
    seen = opened(browser, url("credential", "rotate", row))
    assert browser.post(url("credential", "rotate", row), {**seen, "secret": "another-one"})
    assert Credential.objects.get().secret.reveal() == "another-one"
    stale = browser.post(url("credential", "rotate", row), {**seen, "secret": "a-third"})
    assert "was changed after you opened this page" in refusals(stale)[0]
    for address in (
        url("credential", "change", row),
        url("credential", "changelist"),
        url("credential", "rotate", row),
        url("credential", "remove", row),
        "/admin/governance/ledgerentry/",
    ):
        page = browser.get(address).content.decode()
        for secret in (SECRET, "another-one", "a-third", row.secret.token):
            assert secret not in page
    send(browser, url("credential", "remove", row))
    assert Credential.objects.count() == 0
    assert trail(row) == ["credential.stored", "credential.rotated", "credential.removed"]


def test_a_refused_secret_is_not_sent_back(browser, house):
    CredentialFactory(workspace=house.workspace, name="billing")
    answer = send(browser, STORE, name="billing", kind="token", secret=SECRET, hosts="")
    assert "already exists" in refusals(answer)[0]
    assert SECRET not in answer.content.decode()


@pytest.mark.parametrize("role", [role for role in Role if role != Role.GOVERNOR])
def test_others_may_read_the_lists_and_change_nothing(house, role):
    host = AllowedHostFactory(workspace=house.workspace)
    credential = CredentialFactory(workspace=house.workspace)
    browser = signed_in(getattr(house, role))
    for row, name in ((host, "allowedhost"), (credential, "credential")):
        assert browser.get(url(name, "changelist")).status_code == 200
        page = browser.get(url(name, "change", row))
        assert buttons(page) == ["Ledger"]
        assert browser.get(url(name, "add")).status_code == 403
        assert browser.post(url(name, "remove", row), {}).status_code == 403
    assert browser.post(url("credential", "rotate", credential), {}).status_code == 403
    revealed = credentials.reveal(name=credential.name, workspace_id=house.workspace.id)
    assert revealed == "s3cr3t-of-the-tests"


def test_another_workspaces_rows_are_not_there(browser, house):
    elsewhere = House.build(name="elsewhere")
    host = AllowedHostFactory(workspace=elsewhere.workspace)
    credential = CredentialFactory(workspace=elsewhere.workspace)
    for row, name in ((host, "allowedhost"), (credential, "credential")):
        assert str(row) not in said(browser.get(url(name, "changelist")))
        assert browser.get(url(name, "change", row)).status_code == 404
        assert browser.post(url(name, "remove", row), {"seen": str(row.pk)}).status_code == 404
