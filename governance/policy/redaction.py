"""Redaction: what must not be read in stored inputs, outputs, errors, logs and pages is masked.

Two ways, used together: the secrets that were revealed for a step are masked wherever they turn up,
and what looks like a secret by its name or form is masked although nobody named it.
"""

from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import Iterable, Iterator
from itertools import islice

from governance.domain.values import Json

MASK = "[redacted]"

SHORTEST = 4
"""Secrets shorter than this cannot be masked without masking everything; they are not accepted."""

SHORTEST_NAMED = 6
"""Texts that are secrets only by their name, as `{"token": "next"}` may be, must be longer."""

MAX_NAMED = 500
"""Most secrets that one value names: each costs a search of whatever may hold it.

Of more, the longest count: they are the likeliest to be credentials, and found by accident least.
The others are still masked where their own member stands.
"""

SECRET_HEADERS = frozenset(
    {
        "authorization",
        "cookie",
        "proxy-authenticate",
        "proxy-authorization",
        "set-cookie",
        "x-access-token",
        "x-amz-security-token",
        "x-api-key",
        "x-auth-token",
        "x-csrf-token",
        "x-goog-api-key",
        "x-vault-token",
    }
)

SECRET_NAMES = SECRET_HEADERS | frozenset(
    {
        "access_token",
        "accesstoken",
        "api-key",
        "api_key",
        "apikey",
        "auth_token",
        "bearer",
        "client_secret",
        "clientsecret",
        "id_token",
        "passwd",
        "password",
        "private_key",
        "pwd",
        "refresh_token",
        "refreshtoken",
        "secret",
        "secret_key",
        "session_token",
        "sessionid",
        "sig",
        "signature",
        "token",
    }
)
"""Names, in lower case, whose text is a secret: exact, so that `tokens` or `token_count` is not."""

REFERENCES = frozenset({"$secret", "$cel"})

_NAMES = "|".join(re.escape(name) for name in sorted(SECRET_NAMES, key=len, reverse=True))
# `token=...` in an address or a log line, and `"token": "..."` in quoted data of any depth.
_ASSIGNED = re.compile(
    rf"(?P<name>(?<![\w-])(?:{_NAMES})=)(?!=)[^&;,#\s\"'<>]+"
    rf"|(?P<quoted>(?<![\w-])(?:{_NAMES})\\*[\"']\s*[:=]\s*\\*[\"'])[^\"'\\]+",
    re.IGNORECASE,
)
_USERINFO = re.compile(r"(?P<scheme>\b[a-z][a-z0-9+.-]{1,20}://)[^/?#\s@\"'<>]+@", re.IGNORECASE)
# A plain word is no credential: "basic information" is a text like any other.
_WORD = r"(?-i:[A-Z]?[a-z]+(?:-[a-z]+)*\.*(?![A-Za-z0-9+/=._~-]))"
_SCHEMES = re.compile(
    rf"\b(?P<scheme>bearer|basic)\s+(?!{_WORD})[A-Za-z0-9+/=._~-]{{8,}}", re.IGNORECASE
)
_AUTHORIZATION = re.compile(
    rf"(?P<name>\bauthorization:\s*)(?:(?P<scheme>(?:bearer|basic|digest|token)\s+)|(?!{_WORD}))"
    r"[^\s\"',\[][^\s\"',]*",
    re.IGNORECASE,
)
# The name ends before another `cookie:`, and is not given back: else many make this quadratic.
_COOKIES = re.compile(
    r"(?P<name>\bcookie:\s*)(?=(?:(?!\bcookie:)[^\s\"'=])++=)[^\r\n\"']+", re.IGNORECASE
)
_HEADERS = re.compile(
    r"(?P<name>\b(?:"
    + "|".join(sorted(name for name in SECRET_HEADERS if name.startswith("x-")))
    + r"):\s*)[^\s\"',\[][^\s\"',]*",
    re.IGNORECASE,
)
FORMS = re.compile(
    r"\b(?:sk|pk|rk)[-_](?:live|test|ant|proj)?[-_]?[A-Za-z0-9_-]{16,}"
    r"|\bgh[pousr]_[A-Za-z0-9]{30,}|\bgithub_pat_[A-Za-z0-9_]{30,}"
    r"|\bAKIA[0-9A-Z]{16}\b|\bxox[abprs]-[A-Za-z0-9-]{10,}"
    # Its first part has an end, or many that begin within one another make this quadratic.
    r"|\beyJ[A-Za-z0-9_-]{10,500}+\.eyJ[A-Za-z0-9_-]{10,}+\.[A-Za-z0-9_-]*+"
    # To its last line, or as far as it goes where it was cut off.
    r"|-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----(?:(?!-----)[\s\S])*+"
    r"(?:-----END [A-Z ]{0,40}PRIVATE KEY-----)?"
)
"""Tokens and keys that are known by their form, wherever they stand."""

_UNRESERVED = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~")
_BETWEEN = "\udfff"  # no form holds it, for half a surrogate pair cannot be encoded


def redact(value: Json, secrets: Iterable[str]) -> Json:
    """The JSON value with these secrets masked in every text and key, however they are escaped.

    As they are, percent-encoded, in JSON, in HTML and in base64. What the far side made of a
    secret in other ways is not recognised.
    """
    forms = sorted(
        {form for secret in secrets if secret for form in _forms(secret)}, key=len, reverse=True
    )
    if not forms:
        return value
    texts = list(dict.fromkeys(_texts(value)))
    shown = dict(zip(texts, _without(texts, forms), strict=True))
    return _masked(value, shown, frozenset(forms))


def clean(value: Json) -> Json:
    """The JSON value without what looks like a secret: by the name of a member, or by its form."""
    if isinstance(value, dict):
        return {clean_text(key): _member(key, child) for key, child in value.items()}
    if isinstance(value, list):
        return [clean(child) for child in value]
    return clean_text(value) if isinstance(value, str) else value


def clean_text(text: str) -> str:
    """Text without `?token=...`, `"password": "..."`, secret headers, `user:password@`, and FORMS.

    Only what has such a form is known for a secret: a password in a sentence is not.
    """
    text = _ASSIGNED.sub(lambda found: f"{found['name'] or found['quoted']}{MASK}", text)
    text = _USERINFO.sub(rf"\g<scheme>{MASK}@", text)
    text = _AUTHORIZATION.sub(lambda found: f"{found['name']}{found['scheme'] or ''}{MASK}", text)
    for pattern in (_COOKIES, _HEADERS):
        text = pattern.sub(rf"\g<name>{MASK}", text)
    text = _SCHEMES.sub(rf"\g<scheme> {MASK}", text)
    return FORMS.sub(MASK, text)


def clean_headers(headers: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Headers by their names in lower case, repeated ones joined, secret ones masked."""
    found: dict[str, str] = {}
    for name, value in headers:
        key = name.lower()
        shown = MASK if key in SECRET_HEADERS else clean_text(value)
        found[key] = f"{found[key]}, {shown}" if key in found and shown != MASK else shown
    return found


def named_secrets(value: Json) -> frozenset[str]:
    """The texts that `clean` masks for their member's name, where they are long enough to find.

    Masking these wherever they turn up (`redact`) covers what a far side makes of them. At most
    MAX_NAMED, the longest.
    """
    found: set[str] = set()
    level: list[tuple[str, Json]] = [("", value)]
    while level:
        name, child = level.pop()
        if isinstance(child, dict):
            level += child.items() if not _is_reference(child) else ()
        elif isinstance(child, list):
            level += [(name, each) for each in child]
        elif isinstance(child, str) and is_secret_name(name):
            found.add(child)
    long = (text for text in found if len(text) >= SHORTEST_NAMED)
    return frozenset(sorted(long, key=lambda text: (-len(text), text))[:MAX_NAMED])


def conceal(value: Json, known: Json, name: str = "") -> Json:
    """As `clean`, where `value` is still what `known` is; what differs stays as it is.

    For an edit of something that its editor was shown cleaned. `restore` is the way back.
    """
    if isinstance(value, dict):
        before = known if isinstance(known, dict) else {}
        return {clean_text(k): conceal(v, before.get(k), k) for k, v in value.items()}
    if isinstance(value, list):
        rows = known if isinstance(known, list) else []
        return [conceal(v, rows[i] if i < len(rows) else None, name) for i, v in enumerate(value)]
    return _member(name, value) if value == known else value


def restore(value: Json, known: Json, name: str = "") -> Json:
    """The value with every mask that `clean` put into `known` replaced by what it stands for."""
    if isinstance(value, dict):
        before: dict[str, Json] = known if isinstance(known, dict) else {}
        keys = {clean_text(key): key for key in before}
        named: dict[str, Json] = {keys.get(key) or key: child for key, child in value.items()}
        return {key: restore(child, before.get(key), key) for key, child in named.items()}
    if isinstance(value, list):
        rows = known if isinstance(known, list) else []
        return [restore(v, rows[i] if i < len(rows) else None, name) for i, v in enumerate(value)]
    masked = isinstance(known, str) and isinstance(value, str) and value == _member(name, known)
    return known if masked else value


def is_secret_name(name: str) -> bool:
    """Whether a member of this name holds a secret."""
    return name.lower() in SECRET_NAMES


def _member(name: str, value: Json) -> Json:
    """A member that names a secret keeps its place and loses its text; a reference is no secret."""
    if not is_secret_name(name):
        return clean(value)
    if _is_reference(value):
        return value
    if isinstance(value, str):
        return MASK if value else value
    if isinstance(value, list):
        return [_member(name, child) for child in value]
    return clean(value)


def _is_reference(value: Json) -> bool:
    return isinstance(value, dict) and len(value) == 1 and bool(REFERENCES & value.keys())


def _texts(value: Json) -> Iterator[str]:
    """Every text and key in a JSON value."""
    level: list[Json] = [value]
    while level:
        child = level.pop()
        if isinstance(child, str):
            yield child
        elif isinstance(child, dict):
            yield from child
            level += child.values()
        elif isinstance(child, list):
            level += child


def _without(texts: list[str], forms: list[str]) -> list[str]:
    """The texts with every form masked, the first ones first.

    One search per form through all texts at once: an alternation of thousands of forms tries each
    at every place, and lets no other thread run meanwhile; a search of each text costs most when
    there are many short ones.
    """
    joined = _BETWEEN.join(texts)
    for form in forms:
        joined = joined.replace(form, MASK)
    pieces = iter(joined.split(_BETWEEN))
    return [_BETWEEN.join(islice(pieces, text.count(_BETWEEN) + 1)) for text in texts]


def _masked(value: Json, shown: dict[str, str], forms: frozenset[str]) -> Json:
    """The value with its texts as they are `shown`, and without the numbers that are a form."""
    if isinstance(value, str):
        return shown[value]
    if isinstance(value, dict):
        return {shown[key]: _masked(child, shown, forms) for key, child in value.items()}
    if isinstance(value, list):
        return [_masked(child, shown, forms) for child in value]
    if isinstance(value, int | float) and not isinstance(value, bool):
        return MASK if str(value) in forms else value
    return value


def _forms(secret: str) -> set[str]:
    """How a secret can stand in a text."""
    data = secret.encode()
    percent = "".join(chr(byte) if byte in _UNRESERVED else f"%{byte:02X}" for byte in data)
    found = {
        secret,
        percent,
        percent.lower(),
        percent.replace("%20", "+"),
        html.escape(secret),
        json.dumps(secret)[1:-1],
        json.dumps(secret, ensure_ascii=False)[1:-1],
    }
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        # Whatever stands before it in the same base64 shifts it: the middle shows in three ways.
        for shift in range(3):
            found.add(_inside(encode(b"\0" * shift + data).decode(), shift))
    return {form for form in found if len(form) >= SHORTEST}


def _inside(encoded: str, shift: int) -> str:
    """The part of a base64 text that does not depend on what stands around it."""
    bare = encoded.rstrip("=")
    end = len(bare) - 1 if len(bare) % 4 else len(bare)
    return bare[(0, 2, 3)[shift] : end]
