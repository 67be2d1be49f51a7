"""The browser's proxy against real servers on loopback, with a resolver that lies."""

from __future__ import annotations

import base64
import contextlib
import socket
import time

import pytest

from governance.outbound import HostRule
from governance.outbound.proxy import Proxy, ProxyLimits
from tests.far_side import http_server

LIMITS = ProxyLimits(seconds=20)


@pytest.fixture
def far_side():
    with http_server() as server:
        yield server


@contextlib.contextmanager
def proxy(*rules, limits=LIMITS, resolver=None):
    listener = socket.create_server(("127.0.0.1", 0))
    with Proxy(rules, listener=listener, limits=limits, resolver=resolver) as running:
        running.port = listener.getsockname()[1]
        yield running
    assert not running._thread.is_alive()


def allowed(far_side):
    return HostRule("127.0.0.1", far_side.port, allow_private=True)


def credentials(running):
    pair = base64.b64encode(f"{running.username}:{running.password}".encode()).decode()
    return f"Proxy-Authorization: Basic {pair}\r\n"


def dialled(running, *, seconds=10):
    return socket.create_connection(("127.0.0.1", running.port), timeout=seconds)


def everything(sock):
    parts = []
    with contextlib.suppress(ConnectionResetError):
        while data := sock.recv(65_536):
            parts.append(data)
    return b"".join(parts)


def ask(running, text, *, known=True):
    """Send one request, and read until the proxy hangs up."""
    head, _, body = text.partition("\r\n")
    with dialled(running) as sock:
        sock.sendall(f"{head}\r\n{credentials(running) if known else ''}{body}".encode())
        return everything(sock)


def get(running, url, *more, method="GET", body="", known=True):
    lines = [f"{method} {url} HTTP/1.1", "Host: whatever.test", *more, "", body]
    return ask(running, "\r\n".join(lines), known=known)


def connect(running, where, *, sock, known=True):
    head = f"CONNECT {where} HTTP/1.1\r\nHost: {where}\r\n"
    sock.sendall(f"{head}{credentials(running) if known else ''}\r\n".encode())
    return sock.recv(65_536)


def problems(running):
    return [(one.where, one.refused) for one in running.problems]


# --- What goes through ----------------------------------------------------------------------------


def test_a_request_goes_to_the_host_of_its_url_and_to_no_other(far_side):
    with proxy(allowed(far_side)) as running:
        answer = get(
            running,
            far_side.url("/echo?a=1"),
            "X-Kept: yes",
            "Connection: keep-alive, X-Hop",
            "X-Hop: no",
            "Proxy-Connection: keep-alive",
            "Upgrade: websocket",
        )
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert b"connection: close" in answer.lower()
    (seen,) = far_side.seen
    assert (seen.method, seen.path) == ("GET", "/echo?a=1")
    assert seen.headers == {
        "host": f"127.0.0.1:{far_side.port}",
        "x-kept": "yes",
        "connection": "close",
    }
    assert running.problems == []


def test_bodies_go_both_ways(far_side):
    far_side.body, far_side.content_type = b"x" * 300_000, "text/plain"
    with proxy(allowed(far_side)) as running:
        answer = get(
            running, far_side.url("/raw"), "Content-Length: 5", method="POST", body="hello"
        )
    assert answer.endswith(b"x" * 300_000)
    assert (far_side.seen[0].method, far_side.seen[0].body) == ("POST", b"hello")


def test_a_second_request_on_a_connection_is_never_read(far_side):
    """Or it would go to the host of the first, with what was meant for another."""
    with proxy(allowed(far_side)) as running, http_server() as other:
        first = f"GET {far_side.url()} HTTP/1.1\r\nHost: a\r\n{credentials(running)}\r\n"
        second = f"GET {other.url()} HTTP/1.1\r\nHost: b\r\n{credentials(running)}\r\n"
        with dialled(running) as sock:
            sock.sendall((first + second).encode())
            answer = everything(sock)
    assert answer.count(b"HTTP/1.1 200") == 1
    assert len(far_side.seen) == 1
    assert other.seen == []


def test_a_tunnel_carries_anything_both_ways(far_side):
    with proxy(allowed(far_side)) as running, dialled(running) as sock:
        assert connect(running, f"127.0.0.1:{far_side.port}", sock=sock).startswith(b"HTTP/1.1 200")
        sock.sendall(b"GET /echo HTTP/1.0\r\n\r\n")
        sock.shutdown(socket.SHUT_WR)
        assert b"200 OK" in everything(sock)
    assert far_side.seen[0].path == "/echo"


def test_a_redirect_is_an_answer_and_where_it_leads_another_request(far_side):
    with proxy(allowed(far_side)) as running:
        answer = get(running, far_side.url("/redirect?to=http://169.254.169.254/latest"))
        assert b"302" in answer
        assert get(running, "http://169.254.169.254/latest") == b""
    assert problems(running) == [("169.254.169.254:80", True)]


# --- Who may use it -------------------------------------------------------------------------------


@pytest.mark.parametrize("scheme", ["", "Bearer x", "Basic", "Basic YnJvd3Nlcjp3cm9uZw=="])
def test_only_our_browser_gets_anything_through(far_side, scheme):
    header = [f"Proxy-Authorization: {scheme}"] if scheme else []
    with proxy(allowed(far_side)) as running:
        answer = get(running, far_side.url(), *header, known=False)
        with dialled(running) as sock:
            refused = connect(running, f"127.0.0.1:{far_side.port}", sock=sock, known=False)
    assert answer.startswith(b"HTTP/1.1 407 ")
    assert b'proxy-authenticate: basic realm="browser"' in answer.lower()
    assert refused.startswith(b"HTTP/1.1 407 ")
    assert far_side.seen == []
    assert running.problems == []


def test_every_proxy_has_its_own_password():
    with proxy() as one, proxy() as other:
        assert one.password != other.password
        assert len(one.password) >= 32


# --- What does not --------------------------------------------------------------------------------


def lying(*addresses):
    """A resolver whose every answer is the next of these, and then the last for ever."""
    answers = list(addresses)

    def resolve(host, port):
        return [answers.pop(0) if len(answers) > 1 else answers[0]]

    return resolve


REFUSED = [
    # another host, another port, another way to write it
    ("evil.test", 80, None),
    ("127.0.0.1", 1, None),
    ("127.0.0.1", 22, None),
    ("2130706433", None, None),
    ("0x7f000001", None, None),
    ("127.1", None, None),
    ("[::ffff:127.0.0.1]", None, None),
    ("localhost", None, None),
    # allowed by its name, and leading inside
    ("public.test", 80, ["127.0.0.1"]),
    ("public.test", 80, ["10.0.0.1"]),
    ("public.test", 80, ["169.254.169.254"]),
    ("public.test", 80, ["::1"]),
    ("public.test", 80, ["fd00:ec2::254"]),
]


@pytest.mark.parametrize(("host", "port", "addresses"), REFUSED)
@pytest.mark.parametrize("tunnelled", [False, True])
def test_what_is_not_allowed_is_not_dialled(far_side, host, port, addresses, tunnelled):
    rules = (allowed(far_side), HostRule("public.test"))
    where = f"{host}:{port or far_side.port}"
    with proxy(*rules, resolver=lying(*(addresses or ["127.0.0.1"]))) as running:
        if tunnelled:
            with dialled(running) as sock:
                assert connect(running, where, sock=sock).startswith(b"HTTP/1.1 403 ")
        else:
            assert get(running, f"http://{where}/") == b""
    assert far_side.seen == []
    (problem,) = running.problems
    assert problem.refused
    assert "/" not in problem.where


def test_a_name_that_answers_differently_the_next_moment_gains_nothing(far_side):
    """Rebinding: the address that was checked is the one that is dialled."""
    rule = HostRule("inside.test", far_side.port, allow_private=True)
    public = HostRule("public.test", far_side.port)
    with proxy(rule, public, resolver=lying("127.0.0.1", "127.0.0.1", "169.254.1.1")) as running:
        assert b"200 OK" in get(running, f"http://inside.test:{far_side.port}/echo")
        assert get(running, f"http://public.test:{far_side.port}/echo") == b""
        assert get(running, f"http://inside.test:{far_side.port}/echo") == b""
    assert len(far_side.seen) == 1
    assert far_side.seen[0].headers["host"] == f"inside.test:{far_side.port}"
    assert [one.refused for one in running.problems] == [True, True]


@pytest.mark.parametrize(
    "target",
    [
        "https://127.0.0.1:{port}/",
        "ftp://127.0.0.1:{port}/",
        "ws://127.0.0.1:{port}/",
        "/echo",
        "*",
        "http://user:password@127.0.0.1:{port}/",
        "http:///echo",
    ],
)
def test_what_is_no_url_of_a_page_is_refused(far_side, target):
    with proxy(allowed(far_side)) as running:
        assert get(running, target.format(port=far_side.port)) == b""
    assert far_side.seen == []
    assert "password" not in running.problems[0].where


@pytest.mark.parametrize("where", ["127.0.0.1", "127.0.0.1:", ":80", "127.0.0.1:http", "a:b:80"])
def test_a_tunnel_to_nowhere_is_refused(far_side, where):
    with proxy(allowed(far_side)) as running, dialled(running) as sock:
        assert connect(running, where, sock=sock).startswith(b"HTTP/1.1 403 ")


def test_where_nobody_listens_it_was_not_refused():
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with proxy(HostRule("127.0.0.1", port, allow_private=True)) as running:
        assert get(running, f"http://127.0.0.1:{port}/") == b""
    assert problems(running) == [(f"127.0.0.1:{port}", False)]


@pytest.mark.parametrize("junk", [b"\x16\x03\x01\x02\x00\x01", b"GET\r\n\r\n", b"\0" * 100_000])
def test_what_is_not_http_ends_there(far_side, junk):
    with proxy(allowed(far_side)) as running:
        with dialled(running) as sock, contextlib.suppress(OSError):
            sock.sendall(junk + b"\r\n\r\n")
            assert everything(sock) in {b"", b"HTTP/1.1 400 \r\n\r\n"}
        assert b"200 OK" in get(running, far_side.url())  # and it serves on


# --- Limits ---------------------------------------------------------------------------------------


def test_nothing_goes_through_once_too_much_has(far_side):
    far_side.body = b"x" * 400_000
    limits = ProxyLimits(seconds=20, max_bytes=1_000_000)
    with proxy(allowed(far_side), limits=limits) as running:
        answers = [get(running, far_side.url("/raw")) for _ in range(4)]
    assert [len(answer) > 400_000 for answer in answers] == [True, True, False, False]
    assert {one.why for one in running.problems} == {
        "More than 1,000,000 bytes went through this browser."
    }


def test_too_much_in_a_tunnel_ends_it():
    with socket.create_server(("127.0.0.1", 0)) as server:
        rule = HostRule("127.0.0.1", server.getsockname()[1], allow_private=True)
        limits = ProxyLimits(seconds=20, max_bytes=200_000)
        with proxy(rule, limits=limits) as running, dialled(running) as sock:
            connect(running, f"127.0.0.1:{rule.port}", sock=sock)
            far, _ = server.accept()
            with far, contextlib.suppress(OSError):
                far.settimeout(5)
                for _ in range(100):
                    far.sendall(b"x" * 100_000)
                pytest.fail("everything went through")
    assert "bytes" in running.problems[0].why


def test_a_head_that_drips_is_not_waited_for(far_side):
    limits = ProxyLimits(seconds=20, head_seconds=0.5)
    with proxy(allowed(far_side), limits=limits) as running, dialled(running) as sock:
        began = time.monotonic()
        with contextlib.suppress(OSError):
            sock.sendall(b"GET http://127.0.0.1/ HTTP/1.1\r\n")
            while time.monotonic() - began < 5:
                sock.sendall(b"X-A: b\r\n")
                time.sleep(0.05)
        assert time.monotonic() - began < 3


def test_a_head_without_end_is_not_kept(far_side):
    with proxy(allowed(far_side)) as running, dialled(running) as sock:
        with contextlib.suppress(OSError):
            sock.sendall(b"GET http://127.0.0.1/ HTTP/1.1\r\nX-A: " + b"a" * 1_000_000)
        assert everything(sock) == b""
    assert far_side.seen == []


def test_a_far_side_that_says_nothing_is_given_up():
    with socket.create_server(("127.0.0.1", 0)) as server:
        rule = HostRule("127.0.0.1", server.getsockname()[1], allow_private=True)
        limits = ProxyLimits(seconds=20, silent_seconds=0.5)
        with proxy(rule, limits=limits) as running:
            began = time.monotonic()
            assert get(running, f"http://127.0.0.1:{rule.port}/") == b""
            with dialled(running) as sock:
                connect(running, f"127.0.0.1:{rule.port}", sock=sock)
                assert everything(sock) == b""
            assert time.monotonic() - began < 5


def test_when_its_time_is_up_it_cuts_off_what_drips(far_side):
    with proxy(allowed(far_side), limits=ProxyLimits(seconds=1)) as running:
        began = time.monotonic()
        answer = get(running, far_side.url("/drip"))
        assert time.monotonic() - began < 4
    assert b"200 OK" in answer
    assert running.problems[0].why == "The time for this browser is up."


def test_closing_cuts_off_what_is_under_way(far_side):
    with proxy(allowed(far_side)) as running:
        drip = dialled(running)
        head = f"GET {far_side.url('/drip')} HTTP/1.1\r\nHost: a\r\n{credentials(running)}\r\n"
        drip.sendall(head.encode())
        drip.recv(10)
        silent = dialled(running)
        tunnel = dialled(running)
        connect(running, f"127.0.0.1:{far_side.port}", sock=tunnel)
        began = time.monotonic()
    with drip, silent, tunnel:
        for sock in (drip, silent, tunnel):
            everything(sock)
        assert time.monotonic() - began < 5
    assert running.problems == []


def test_only_so_many_connections_at_a_time(far_side):
    limits = ProxyLimits(seconds=20, max_connections=2)
    with proxy(allowed(far_side), limits=limits) as running, contextlib.ExitStack() as waiting:
        for _ in range(2):
            waiting.enter_context(dialled(running))
        time.sleep(0.5)
        assert get(running, far_side.url()) == b""
        waiting.close()
        time.sleep(0.5)
        assert b"200 OK" in get(running, far_side.url())
