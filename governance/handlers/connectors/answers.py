"""Answers as step outputs: readable, masked, and small enough to keep."""

from __future__ import annotations

from governance.domain.errors import InvalidInput
from governance.domain.values import Json, parse_json, require_storable
from governance.outbound import Answer
from governance.policy.redaction import clean, clean_headers, redact

MAX_OUTPUT = 200_000
"""Bytes of canonical JSON; below what a step may return, so that a request that worked is kept."""

MAX_HEADERS = 50
LONGEST_ESCAPE = 6  # as in \u0041
TEXTUAL = (
    "text/",
    "application/xml",
    "application/javascript",
    "application/x-www-form-urlencoded",
)


def readable(answer: Answer, *, secrets: list[str]) -> dict[str, Json]:
    """`{url, status, headers, truncated}` with `json`, `text`, or neither for binary bodies.

    Never raises: whatever came back, the request has been made. A body that does not fit, or has
    no exact JSON form, is kept as text, and cut.
    """
    found: dict[str, Json] = {
        "url": answer.url,
        "status": answer.status,
        "headers": clean_headers(answer.headers[:MAX_HEADERS]),
        "bytes": len(answer.body),
        "truncated": answer.truncated,
    }
    masked = clean(redact(found, secrets))
    parsed = _parsed(answer)
    if parsed is not None:
        with_json = {**masked, "json": clean(redact(parsed[0], secrets))}
        if _fits(with_json):
            return with_json
    if not _is_text(answer):
        return masked if _fits(masked) else {"status": answer.status, "truncated": True}
    text = answer.body.decode("utf-8", "replace").replace("\x00", "\ufffd")
    shown = clean(redact(text, secrets))
    if answer.truncated and secrets:
        # Where the body was cut, a secret may have been cut, and is then not recognised.
        shown = shown[: -LONGEST_ESCAPE * max(len(secret) for secret in secrets)]
    return _cut(masked, shown)


def _cut(found: dict[str, Json], text: str) -> dict[str, Json]:
    whole = {**found, "text": text}
    while not _fits(whole) and text:
        text = text[: len(text) // 2]
        whole = {**found, "text": text, "truncated": True}
    return whole if _fits(whole) else {"status": found["status"], "truncated": True}


def _parsed(answer: Answer) -> tuple[Json] | None:
    """The body as JSON, if that is what it is; in a tuple, for null is JSON too."""
    if "json" not in _content_type(answer) or answer.truncated:
        return None
    try:
        return (parse_json(answer.body, what="body", max_bytes=MAX_OUTPUT),)
    except (InvalidInput, UnicodeError):
        return None


def _is_text(answer: Answer) -> bool:
    kind = _content_type(answer)
    return not kind or "json" in kind or kind.startswith(TEXTUAL)


def _content_type(answer: Answer) -> str:
    headers = {name.lower(): value for name, value in answer.headers}
    return headers.get("content-type", "").split(";")[0].strip().lower()


def _fits(found: dict[str, Json]) -> bool:
    try:
        require_storable(found, what="output", max_bytes=MAX_OUTPUT)
    except InvalidInput:
        return False
    return True
