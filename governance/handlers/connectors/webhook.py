"""The webhook connector: a message in the form that Slack and those like it take."""

from __future__ import annotations

from governance.domain.values import Json, canonical
from governance.execution import wording
from governance.handlers.connectors import exchange
from governance.handlers.connectors.answers import readable
from governance.handlers.connectors.exchange import Message
from governance.handlers.connectors.http import URL
from governance.handlers.connectors.words import Job, or_secret, strict, text

MAX_TEXT = 40_000
MAX_BLOCKS = 50

SCHEMA: dict[str, Json] = strict(
    {
        "url": or_secret(URL),
        "text": text(MAX_TEXT, description="What is said, and shown where blocks are not."),
        "blocks": {"type": "array", "maxItems": MAX_BLOCKS, "items": {"type": "object"}},
    },
    "url",
    "text",
)


def send(job: Job) -> dict[str, Json]:
    """Post the message; most receivers do not deduplicate, so it is never sent twice."""
    target, params = exchange.address(job, job.params)
    body = {key: params[key] for key in ("text", "blocks") if key in params}
    message = Message(
        method="POST",
        target=target,
        query={},
        headers={"Content-Type": "application/json"},
        content=canonical(body, what="message"),
        expect=frozenset(range(200, 300)),
    )
    return readable(exchange.send(job, message), secrets=job.revealed)


def phrase(params: dict[str, Json]) -> str:
    """What people read."""
    return f"post {wording.value(params['text'])} to a webhook"
