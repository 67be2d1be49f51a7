"""Sessions with drivers that misbehave; with a real one they are in tests/browser."""

from __future__ import annotations

import sys
import tempfile
import time

import pytest

from governance.browser import session
from governance.browser.session import BrowserFailed, Session

GREETS = """
import json, os, socket, sys, time
channel = socket.socket(fileno=int(sys.argv[1]))
listener = socket.create_server(("127.0.0.1", 0))
socket.send_fds(channel, [b'{"network": false, "sandbox": true}\\n'], [listener.fileno()])
lines = channel.makefile("rb")
told = json.loads(lines.readline())
def say(text):
    channel.sendall(text.encode() + b"\\n")
"""
READY = GREETS + 'say(json.dumps({"ready": True}))\nasked = json.loads(lines.readline())\n'

AT_THE_START = [
    ("raise SystemExit(1)", "silent"),
    ("import playwright_that_is_not_there", "silent"),
    (GREETS, "silent"),
    (GREETS + 'say(json.dumps({"error": "launch", "why": "no libraries"}))', "launch"),
]
LATER = [
    (READY, "silent"),
    (READY + "time.sleep(60)", "silent"),
    (READY + 'say("no JSON")', "silent"),
    (READY + 'channel.sendall(b"x" * 10_000_000)', "silent"),
    (READY + 'say(json.dumps({"error": "timeout", "sent": 3}))', "timeout"),
]


@pytest.fixture
def drive(monkeypatch, settings, tmp_path):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    settings.GOVERNANCE_BROWSER = sys.executable
    monkeypatch.setattr(session, "GRACE_SECONDS", 1.0)
    monkeypatch.setattr(session, "END_SECONDS", 0.2)

    def with_driver(code):
        monkeypatch.setattr(session, "DRIVER", ("-c", code))
        return Session((), seconds=20)

    yield with_driver
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("code", "kind"), AT_THE_START)
def test_a_driver_that_does_not_start(drive, code, kind):
    with pytest.raises(BrowserFailed) as failed, drive(code):
        pytest.fail("it started")
    assert failed.value.kind == kind


@pytest.mark.parametrize(("code", "kind"), LATER)
def test_a_driver_that_does_not_answer(drive, code, kind):
    began = time.monotonic()
    with drive(code) as browser, pytest.raises(BrowserFailed) as failed:
        browser.ask("where", seconds=0.5)
    assert failed.value.kind == kind
    assert browser.sent == (3 if kind == "timeout" else 0)
    assert time.monotonic() - began < 15


def test_a_driver_is_told_what_it_needs_and_nothing_of_our_environment(drive, monkeypatch):
    monkeypatch.setenv("SECRET_KEY", "very-secret")
    code = (
        READY + "say(json.dumps({'environment': dict(os.environ), 'told': told, 'asked': asked}))"
    )
    with drive(code) as browser:
        found = browser.ask("goto", seconds=2, url="http://a.test/")
    assert set(found["environment"]) <= {"HOME", "TMPDIR", "PATH", "LANG", "PYTHONPATH", "LC_CTYPE"}
    assert found["told"] == {
        "executable": sys.executable,
        "username": browser.proxy.username,
        "password": browser.proxy.password,
        "ms": pytest.approx(20_000, abs=10_000),
    }
    assert found["asked"] == {"do": "goto", "ms": 2_000, "url": "http://a.test/"}
    assert (browser.own_network, browser.sandboxed) == (False, True)


def test_no_answer_is_waited_for_longer_than_the_session_lasts(drive):
    began = time.monotonic()
    with drive(READY + "time.sleep(60)") as browser:
        browser._ends_at = time.monotonic() + 0.5
        with pytest.raises(BrowserFailed):
            browser.ask("where", seconds=30)
    assert time.monotonic() - began < 10
