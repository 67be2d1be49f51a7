"""Secrets in params: `{"$secret": "name"}` stands for a credential, until a handler needs it."""

from __future__ import annotations

import uuid
from collections.abc import Iterable

from governance.domain.errors import InvalidInput, NotAllowed
from governance.domain.values import Json
from governance.models import Credential
from governance.outbound import HostRule, normal
from governance.policy.redaction import clean, redact
from governance.policy.references import CREDENTIAL

__all__ = ["CREDENTIAL", "SECRET_SCHEMA", "clean", "names", "redact", "resolve_secrets"]

SECRET_SCHEMA: dict[str, Json] = {
    "type": "object",
    "description": "The name of a stored credential.",
    "properties": {CREDENTIAL: {"type": "string", "pattern": "^[a-z][a-z0-9_-]{0,59}$"}},
    "required": [CREDENTIAL],
    "additionalProperties": False,
}
"""For params_schema: where a reference to a credential may stand."""


def resolve_secrets(
    params: Json, workspace_id: uuid.UUID, *, hosts: Iterable[str] | None = None
) -> tuple[Json, tuple[str, ...]]:
    """The params with every reference replaced by its secret, and the secrets that were revealed.

    Pass the second to `redact` with everything that leaves the handler. `hosts`: where the
    secrets are about to be sent; a credential bound to other hosts raises NotAllowed, and so
    does a bound one when `hosts` is None. Raises NotFound, InvalidInput, CannotDecrypt.
    """
    going_to = None if hosts is None else [normal(host) for host in hosts]
    revealed: dict[str, str] = {}
    for name in names(params):
        credential = Credential.objects.named(name, workspace_id=workspace_id)
        _require_bound_for(credential, going_to)
        revealed[name] = credential.secret.reveal()
    return _filled(params, revealed), tuple(dict.fromkeys(revealed.values()))


def names(value: Json) -> list[str]:
    """The credentials a value refers to, each once. Raises InvalidInput for a malformed one."""
    if isinstance(value, dict) and CREDENTIAL in value:
        if len(value) != 1 or not isinstance(value[CREDENTIAL], str):
            raise InvalidInput(f'A reference is {{"{CREDENTIAL}": "name"}}, with no other member.')
        return [value[CREDENTIAL]]
    children = value.values() if isinstance(value, dict) else value
    if not isinstance(value, dict | list):
        return []
    return list(dict.fromkeys(name for child in children for name in names(child)))


def _require_bound_for(credential: Credential, hosts: list[str] | None) -> None:
    if not credential.hosts:
        return
    if hosts is None or not all(_covered(host, credential.hosts) for host in hosts):
        raise NotAllowed(
            f"The credential {credential.name!r} may be sent to {', '.join(credential.hosts)} "
            "only; a governor can change that."
        )


def _covered(host: str, patterns: list[str]) -> bool:
    return any(HostRule(found).covers_name(host) for found in patterns)


def _filled(value: Json, revealed: dict[str, str]) -> Json:
    if isinstance(value, dict):
        if CREDENTIAL in value:
            return revealed[value[CREDENTIAL]]
        return {key: _filled(child, revealed) for key, child in value.items()}
    if isinstance(value, list):
        return [_filled(child, revealed) for child in value]
    return value
