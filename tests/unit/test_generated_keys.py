"""The keys an embedded installation makes for itself."""

from __future__ import annotations

import stat

from cryptography.fernet import Fernet
from django.conf import settings

from config import secret


def test_a_key_is_made_once_and_readable_by_its_owner_alone(tmp_path):
    path = tmp_path / "data" / "encryption_key"
    first = secret.read_or_create(path, make=secret.new_encryption_key)
    assert secret.read_or_create(path, make=secret.new_encryption_key) == first
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [entry.name for entry in path.parent.iterdir()] == ["encryption_key"]
    assert Fernet(first).decrypt(Fernet(first).encrypt(b"x")) == b"x"


def test_it_is_not_the_key_that_signs():
    (key, *_) = settings.GOVERNANCE_ENCRYPTION_KEYS
    assert settings.SECRET_KEY not in key
    assert key not in settings.SECRET_KEY
