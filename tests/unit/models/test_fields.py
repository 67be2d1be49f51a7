"""The encrypted field: what the database keeps, and what shows itself."""

from __future__ import annotations

import pickle

import pytest
from cryptography.fernet import Fernet
from django.core.exceptions import FieldError
from django.db import connection

from governance.models import Credential
from governance.models.fields import CannotDecrypt, Concealed
from governance.services import credentials
from tests.factories import BY_SYSTEM, CredentialFactory

SECRET = "correct horse battery staple"


def test_a_secret_shows_itself_nowhere_but_when_revealed():
    concealed = Concealed.of(SECRET)
    for shown in (str(concealed), repr(concealed), f"{concealed}", f"{concealed!r}"):
        assert SECRET not in shown
        assert concealed.token not in shown
    assert concealed.reveal() == SECRET
    assert pickle.loads(pickle.dumps(concealed)).reveal() == SECRET


def test_equal_secrets_have_different_ciphertexts():
    assert Concealed.of(SECRET).token != Concealed.of(SECRET).token


def test_the_row_holds_no_secret(db):
    row = CredentialFactory(secret=SECRET)
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM governance_credential")
        stored = repr(cursor.fetchall())
    assert SECRET not in stored
    assert Credential.objects.get(pk=row.pk).secret.reveal() == SECRET
    assert SECRET not in repr(vars(Credential.objects.get(pk=row.pk)))


def test_a_row_is_worth_nothing_without_its_key(db, settings):
    row = CredentialFactory(secret=SECRET)
    settings.GOVERNANCE_ENCRYPTION_KEYS = [Fernet.generate_key().decode()]
    again = Credential.objects.get(pk=row.pk)
    with pytest.raises(CannotDecrypt, match="GOVERNANCE_ENCRYPTION_KEYS") as caught:
        again.secret.reveal()
    assert again.secret.token not in str(caught.value)
    assert str(again.secret) == "••••••••"  # its page still opens


def test_the_secret_key_has_nothing_to_do_with_it(db, settings):
    row = CredentialFactory(secret=SECRET)
    settings.SECRET_KEY = "another"
    assert Credential.objects.get(pk=row.pk).secret.reveal() == SECRET


def test_keys_are_replaced_in_three_steps(db, settings):
    old, new = settings.GOVERNANCE_ENCRYPTION_KEYS[0], Fernet.generate_key().decode()
    row = CredentialFactory(secret=SECRET)
    settings.GOVERNANCE_ENCRYPTION_KEYS = [new, old]
    assert Credential.objects.get(pk=row.pk).secret.reveal() == SECRET
    assert credentials.reencrypt(by=BY_SYSTEM) == 1
    settings.GOVERNANCE_ENCRYPTION_KEYS = [new]
    assert Credential.objects.get(pk=row.pk).secret.reveal() == SECRET
    settings.GOVERNANCE_ENCRYPTION_KEYS = [old]
    with pytest.raises(CannotDecrypt):
        Credential.objects.get(pk=row.pk).secret.reveal()
    with pytest.raises(CannotDecrypt):
        credentials.reencrypt(by=BY_SYSTEM)


def test_plain_text_is_never_stored_by_mistake(db):
    row = CredentialFactory()
    row.secret = SECRET
    with pytest.raises(TypeError, match="never the text itself"):
        row.save()


def test_it_cannot_be_searched(db):
    with pytest.raises(FieldError):
        Credential.objects.filter(secret__startswith="g").exists()
    with pytest.raises(FieldError):
        Credential.objects.filter(secret="x").exists()
