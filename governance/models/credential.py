"""Credential: a secret that plans refer to by its name, encrypted in the database."""

from __future__ import annotations

import uuid

from django.core.validators import RegexValidator
from django.db import models

from governance.domain.errors import NotFound
from governance.domain.words import CredentialKind
from governance.models.base import Record, RecordQuerySet, one_of
from governance.models.fields import EncryptedTextField


class CredentialQuerySet(RecordQuerySet["Credential"]):
    """Reads. None of them decrypts."""

    def named(self, name: str, *, workspace_id: uuid.UUID) -> Credential:
        """The credential of this name; raises NotFound."""
        found = self.of(workspace_id).filter(name=name).first()
        if found is None:
            raise NotFound(f"There is no credential {name!r} here; a governor can store one.")
        return found


class Credential(Record):
    """`hosts`: where the secret may be sent, as an allow-list; empty: to any allowed host."""

    name = models.CharField(
        max_length=60,
        validators=[
            RegexValidator(r"^[a-z][a-z0-9_-]*\Z", "Use a-z, 0-9, _ and -, from a letter.")
        ],
    )
    kind = models.CharField(max_length=20, choices=CredentialKind.choices)
    secret = EncryptedTextField(editable=False)
    hosts = models.JSONField(default=list, blank=True)
    note = models.CharField(max_length=500, blank=True)
    rotated_at = models.DateTimeField(null=True, blank=True, editable=False)

    objects = CredentialQuerySet.as_manager()

    class Meta:
        ordering = ("name", "id")
        constraints = (
            models.UniqueConstraint(fields=("workspace", "name"), name="credential_name_once"),
            one_of("kind", CredentialKind.values, name="credential_kind_known"),
        )

    def __str__(self) -> str:
        return self.name
