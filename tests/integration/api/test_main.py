"""What holds for the whole API: every error is a problem, whoever makes it."""

from __future__ import annotations

import socket

import pytest
from asgiref.sync import async_to_sync

from governance.services import device_commands
from tests.integration.api.asking import PROBLEM, post, problem


@pytest.mark.parametrize(
    "body",
    [
        "{",
        "nonsense",
        '{"wait": NaN}',
        '{"wait": 1, "wait": 2}',
        b"\xff\xfe{}",
        pytest.param("[" * 100_000, id="deep"),
        '{"wait": 1} trailing',
    ],
)
def test_what_is_not_json(client, phone, body):
    problem(post(client, phone, "commands/claim", body), 400, "malformed", "body is not")


@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/x-www-form-urlencoded", "text/json", ""]
)
def test_another_content_type(http, content_type):
    headers = {"Content-Type": content_type}
    answer = http.post("commands/claim", content=b"{}", headers=headers)
    problem(answer, 415, "unsupported_media_type")


def test_a_charset_may_be_named(http):
    headers = {"Content-Type": "application/json; charset=utf-8"}
    assert http.post("commands/claim", content=b"{}", headers=headers).status_code == 204


@pytest.mark.parametrize(("size", "status"), [(262_144, 400), (262_145, 413)])
def test_a_body_of_the_largest_size_and_one_byte_more(client, phone, size, status):
    answer = post(client, phone, "commands/claim", " " * size)
    problem(answer, status, "malformed" if status == 400 else "too_large")


def test_a_large_body_is_refused_by_its_announcement(live_server, phone):
    """Nothing of it has to be sent first."""
    host, port = live_server.thread.host, live_server.thread.port
    with socket.create_connection((host, port), timeout=10) as raw:
        raw.sendall(
            b"POST /api/v1/device/commands/claim HTTP/1.1\r\nHost: localhost\r\n"
            b"Content-Type: application/json\r\nContent-Length: 9999999999\r\n\r\n"
        )
        answer = b""
        while b"too_large" not in answer and (part := raw.recv(65_536)):
            answer += part
    assert answer.startswith(b"HTTP/1.1 413")
    assert b"application/problem+json" in answer


def test_a_body_in_chunks_is_refused(http):
    answer = http.post(
        "commands/claim",
        content=iter([b"{", b"}"]),
        headers={"Content-Type": "application/json"},
    )
    problem(answer, 411, "length_required")


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("get", "/api/v1/device/nothing", 404, "not_found"),
        ("get", "/api/v1/", 404, "not_found"),
        ("get", "/api/v2/device/me", 404, "not_found"),
        ("get", "/api/", 404, "not_found"),
        ("get", "/api", 404, "not_found"),
        ("get", "/api/v2", 404, "not_found"),
        ("post", "/api/v1/device/commands/42/report", 404, "not_found"),
        ("post", "/api/v1/device/commands/../me", 404, "not_found"),
        ("get", "/api/v1/device/commands/claim", 405, "method_not_allowed"),
        ("put", "/api/v1/device/me", 405, "method_not_allowed"),
        ("options", "/api/v1/device/me", 405, "method_not_allowed"),
    ],
)
def test_what_is_not_there_is_a_problem_too(client, phone, method, path, status, code):
    answer = client.generic(method.upper(), path, headers={"Authorization": f"Bearer {phone.key}"})
    problem(answer, status, code)
    assert ("Allow" in answer.headers) == (status == 405)


def test_an_address_with_a_slash_too_many_is_a_problem_too(client, phone):
    for path in ("//api/v1/device/me", "///api/v1/device/me", "//api"):
        problem(client.get("/", PATH_INFO=path), 404, "not_found")
    assert client.get("/", PATH_INFO="//apiary")["Content-Type"].startswith("text/html")


def test_a_host_that_is_not_ours_is_a_problem(client, db):
    problem(
        client.get("/api/v1/openapi.json", headers={"Host": "evil.example"}), 400, "bad_request"
    )


@pytest.mark.parametrize("debug", [False, True])
def test_an_unforeseen_error_says_nothing_of_itself(client, phone, monkeypatch, settings, debug):
    def fail(**values):
        raise RuntimeError("the password is 1234")

    settings.DEBUG = debug
    monkeypatch.setattr(device_commands, "claim_next", fail)
    client.raise_request_exception = False
    answer = post(client, phone, "commands/claim", "{}")
    problem(answer, 500, "internal_server_error")
    assert b"1234" not in answer.content


def test_pages_keep_their_own_errors(client, db):
    answer = client.get("/nothing")
    assert (answer.status_code, answer.headers["Content-Type"]) == (404, "text/html; charset=utf-8")


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/api/v1/nothing", b"", 404),
        ("POST", "/api/v1/device/commands/claim", b"{", 400),
        pytest.param("POST", "/api/v1/device/commands/claim", b" " * 262_145, 413, id="large"),
        ("POST", "/api/v1/device/commands/claim", b"{}", 204),
    ],
)
def test_an_asgi_server_answers_the_same(async_client, phone, method, path, body, status):
    async def ask():
        return await async_client.generic(
            method,
            path,
            body,
            content_type="application/json",
            headers={"Authorization": f"Bearer {phone.key}"},
        )

    answer = async_to_sync(ask)()
    assert answer.status_code == status
    assert (answer.headers.get("Content-Type") == PROBLEM) == (status >= 400)


def test_its_description_has_every_error_as_a_problem(client, db):
    answer = client.get("/api/v1/openapi.json")
    assert answer.status_code == 200
    document = answer.json()
    operations = [op for path in document["paths"].values() for op in path.values()]
    assert {op["operationId"] for op in operations} >= {
        "claim_device_command",
        "report_device_command",
        "read_device",
    }
    for operation in operations:
        errors = {s: r for s, r in operation["responses"].items() if int(s) >= 400}
        assert {"401", "500"} <= set(errors)
        assert {kind for r in errors.values() for kind in r["content"]} == {PROBLEM}
    assert document["components"]["schemas"]["Problem"]["properties"]["status"]["minimum"] == 400
    assert document["components"]["schemas"]["ClaimIn"]["additionalProperties"] is False
