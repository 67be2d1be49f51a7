"""Asking the API, and reading its problems."""

from __future__ import annotations

import json

import httpx

PROBLEM = "application/problem+json"


def connected(live_server, key: str) -> httpx.Client:
    return httpx.Client(
        base_url=f"{live_server.url}/api/v1/device/",
        headers={"Authorization": f"Bearer {key}"},
        timeout=30,
        trust_env=False,
    )


def problem(answer, status: int, code: str, says: str = "") -> dict:
    """The answer is a whole problem, of this status and code."""
    assert (answer.status_code, answer.headers["Content-Type"]) == (status, PROBLEM), answer.content
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Content-Length"] == str(len(answer.content))
    body = json.loads(answer.content)
    assert (
        {"type", "title", "status", "code", "detail"}
        <= set(body)
        <= {*("type", "title", "status", "code", "detail", "errors")}
    )
    assert (body["status"], body["code"]) == (status, code), body
    assert body["type"] == f"urn:problem-type:agent-governance:{code}"
    assert says in json.dumps(body)
    return body


def post(client, phone, path: str, body: str | bytes):
    return client.generic(
        "POST",
        f"/api/v1/device/{path}",
        body,
        content_type="application/json",
        headers={"Authorization": f"Bearer {phone.key}"},
    )
