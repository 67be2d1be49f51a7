"""The http connector: one request to an allowed host, with our Idempotency-Key."""

from __future__ import annotations

from governance.domain.values import Json, canonical
from governance.execution import wording
from governance.execution.registry import ActionFailed
from governance.handlers.connectors import exchange
from governance.handlers.connectors.answers import readable
from governance.handlers.connectors.exchange import SAFE, Message
from governance.handlers.connectors.words import Job, or_secret, strict, text
from governance.outbound import OutboundRefused, check_headers
from governance.policy.redaction import SECRET_NAMES
from governance.services.secrets import SECRET_SCHEMA

MAX_URL = 8_000
MAX_BODY = 200_000
MAX_FIELDS = 50
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")


# However they are capitalised. Governors read these patterns on the page of the action type.
_ANY_SECRET_NAME = f"(?i:{'|'.join(sorted(SECRET_NAMES))})"
NAMES_A_SECRET = f"^{_ANY_SECRET_NAME}$"
QUERY_HOLDS_SECRET = f"[?&;#]{_ANY_SECRET_NAME}="
HOLDS_USER = "^[a-zA-Z]+://[^/?#]*@"

URL: dict[str, Json] = text(
    MAX_URL,
    pattern="^(?i:https?)://",
    description="https://host/path. A token in its query belongs into `query`, by reference.",
    **{"not": {"anyOf": [{"pattern": QUERY_HOLDS_SECRET}, {"pattern": HOLDS_USER}]}},
)
SCHEMA: dict[str, Json] = strict(
    {
        "method": {"enum": list(METHODS)},
        "url": or_secret(URL),
        "query": {
            "type": "object",
            "maxProperties": MAX_FIELDS,
            "patternProperties": {NAMES_A_SECRET: SECRET_SCHEMA},
            "additionalProperties": or_secret(
                {"type": ["string", "number", "boolean"], "maxLength": MAX_URL}
            ),
        },
        "headers": {
            "type": "object",
            "maxProperties": MAX_FIELDS,
            "patternProperties": {NAMES_A_SECRET: SECRET_SCHEMA},
            "additionalProperties": or_secret({"type": "string", "maxLength": MAX_URL}),
        },
        "auth": {
            "description": "The Authorization header, from a credential.",
            "oneOf": [
                strict({"bearer": SECRET_SCHEMA}, "bearer"),
                strict(
                    {
                        "basic": strict(
                            {"username": or_secret(text(200)), "password": SECRET_SCHEMA},
                            "username",
                            "password",
                        )
                    },
                    "basic",
                ),
            ],
        },
        "json": {"description": "Sent as JSON."},
        "body": {"type": "string", "maxLength": MAX_BODY, "description": "Sent as it is."},
        "expect": {
            "type": "array",
            "description": "The status codes that mean success; by default 200 to 299.",
            "items": {"type": "integer", "minimum": 200, "maximum": 599},
            "minItems": 1,
            "maxItems": 20,
        },
    },
    "method",
    "url",
    **{"not": {"required": ["json", "body"]}},
)


def send(job: Job) -> dict[str, Json]:
    """Send the request; returns `{status, headers, json or text, ...}`, bounded in size."""
    target, params = exchange.address(job, job.params)
    message = Message(
        method=params["method"],
        target=target,
        query=_query(params),
        headers=_headers(job, params),
        content=_content(params),
        expect=frozenset(params.get("expect", range(200, 300))),
    )
    return readable(exchange.send(job, message), secrets=job.revealed)


def phrase(params: dict[str, Json]) -> str:
    """What people read."""
    where = params["url"]
    if isinstance(where, dict):
        where = "the address in " + " ".join(wording.code(str(name)) for name in where.values())
    else:
        where = wording.address(where)
    verb = "read" if params["method"] in SAFE else f"send a {params['method']} request to"
    return f"{verb} {where}"


def _query(params: dict[str, Json]) -> dict[str, str]:
    return {
        name: value if isinstance(value, str) else canonical(value).decode()
        for name, value in params.get("query", {}).items()
    }


def _headers(job: Job, params: dict[str, Json]) -> dict[str, str]:
    headers: dict[str, str] = dict(params.get("headers", {}))
    lowered = {name.lower() for name in headers}
    if len(lowered) != len(headers) or "idempotency-key" in lowered:
        raise ActionFailed("A header is given once, and Idempotency-Key is ours. Nothing was sent.")
    if "auth" in params:
        if "authorization" in lowered:
            raise ActionFailed("Give either auth or an Authorization header. Nothing was sent.")
        headers["Authorization"] = exchange.authorization(job, params["auth"])
    if "json" in params and "content-type" not in lowered:
        headers["Content-Type"] = "application/json"
    try:
        check_headers(headers)
    except OutboundRefused as error:
        raise ActionFailed(f"{error} Nothing was sent.") from None
    return headers


def _content(params: dict[str, Json]) -> bytes | None:
    if "json" in params:
        return canonical(params["json"], what="json")
    return params["body"].encode() if "body" in params else None
