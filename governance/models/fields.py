"""Encrypted text: what the database keeps cannot be read without the key, nor by accident."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.db import models

from governance.domain.errors import GovernanceError

if TYPE_CHECKING:
    from django.db.backends.base.base import BaseDatabaseWrapper


class CannotDecrypt(GovernanceError):
    """None of the keys at hand is the one a secret was stored with."""

    code = "cannot_decrypt"


@dataclass(frozen=True, slots=True)
class Concealed:
    """A secret as it is stored. It shows itself nowhere; only `reveal` decrypts it."""

    token: str = field(repr=False)

    @classmethod
    def of(cls, text: str) -> Concealed:
        """Encrypt, with the first key."""
        return cls(_cipher().encrypt(text.encode()).decode())

    def reveal(self) -> str:
        """The secret itself. Raises CannotDecrypt."""
        try:
            return _cipher().decrypt(self.token.encode()).decode()
        except InvalidToken:
            raise CannotDecrypt(
                "The secret cannot be decrypted: GOVERNANCE_ENCRYPTION_KEYS lacks the key it was "
                "stored with."
            ) from None

    def renewed(self) -> Concealed:
        """The same secret under the first key. Raises CannotDecrypt."""
        try:
            return Concealed(_cipher().rotate(self.token.encode()).decode())
        except InvalidToken:
            return Concealed.of(self.reveal())  # which says what is wrong

    def __str__(self) -> str:
        return "••••••••"


class EncryptedTextField(models.TextField[Concealed, Concealed]):
    """A text kept encrypted (Fernet, AES-128-CBC with HMAC-SHA-256). Its value is Concealed.

    It cannot be searched: equal texts have different ciphertexts.
    """

    def from_db_value(
        self, value: str | None, expression: object, connection: BaseDatabaseWrapper
    ) -> Concealed | None:
        """Still encrypted."""
        del expression, connection
        return None if value is None else Concealed(value)

    def to_python(self, value: Any) -> Any:
        """What is concealed stays so; nothing else is accepted by `get_prep_value`."""
        return value

    def get_prep_value(self, value: Any) -> str | None:
        """The ciphertext. Raises TypeError for plain text: it would be stored as it is."""
        if value is None or isinstance(value, Concealed):
            return None if value is None else value.token
        raise TypeError("An encrypted field takes Concealed.of(text), never the text itself.")

    def get_lookup(self, lookup_name: str) -> Any:
        """Only whether it is null can be asked."""
        return super().get_lookup(lookup_name) if lookup_name == "isnull" else None


def _cipher() -> MultiFernet:
    return _cipher_of(tuple(settings.GOVERNANCE_ENCRYPTION_KEYS))


@lru_cache(maxsize=4)
def _cipher_of(keys: tuple[str, ...]) -> MultiFernet:
    return MultiFernet([Fernet(key) for key in keys])
