"""reencrypt_credentials, as an operator runs it."""

from __future__ import annotations

import json

import pytest
from cryptography.fernet import Fernet
from django.core import checks
from django.core.management import CommandError, call_command

from governance.models import Credential
from tests.factories import CredentialFactory

SECRET = "correct-horse-battery"


def test_after_it_the_old_key_can_be_dropped(db, settings, capsys):
    row = CredentialFactory(secret=SECRET)
    new = Fernet.generate_key().decode()
    settings.GOVERNANCE_ENCRYPTION_KEYS = [new, *settings.GOVERNANCE_ENCRYPTION_KEYS]
    call_command("reencrypt_credentials", "--json")
    said = capsys.readouterr().out
    assert json.loads(said) == {"reencrypted": 1}
    assert SECRET not in said
    settings.GOVERNANCE_ENCRYPTION_KEYS = [new]
    assert Credential.objects.get(pk=row.pk).secret.reveal() == SECRET


def test_without_the_old_key_it_is_refused(db, settings):
    CredentialFactory()
    settings.GOVERNANCE_ENCRYPTION_KEYS = [Fernet.generate_key().decode()]
    with pytest.raises(CommandError, match="lacks the key") as caught:
        call_command("reencrypt_credentials")
    assert caught.value.returncode == 1


def test_a_key_that_is_none_stops_the_start(db, settings):
    settings.GOVERNANCE_ENCRYPTION_KEYS = [Fernet.generate_key().decode(), "short"]
    found = [message for message in checks.run_checks() if message.id == "governance.E004"]
    assert [message.msg for message in found] == [
        "Key 2 of GOVERNANCE_ENCRYPTION_KEYS is not 32 bytes in URL-safe base64."
    ]
    assert "short" not in str(found[0].hint)
