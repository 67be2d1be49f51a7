"""The client against a real server on loopback, with a resolver that lies."""

from __future__ import annotations

import datetime
import socket
import ssl
import threading
import time

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from django.utils import timezone

from governance.outbound import (
    HostRule,
    Limits,
    NotSent,
    OutboundRefused,
    TooManyRedirects,
    client,
    fetch,
)
from tests.far_side import http_server


@pytest.fixture
def far_side():
    with http_server() as server:
        yield server


@pytest.fixture
def rules(far_side):
    return [
        HostRule("127.0.0.1", far_side.port, allow_private=True),
        HostRule("inside.test", far_side.port, allow_private=True),
        HostRule("public.test", far_side.port),
    ]


def to_loopback(host, port):
    return ["127.0.0.1"]


LIMITS = Limits()


def get(url, rules, *, limits=LIMITS, headers=None, resolver=to_loopback, method="GET", **more):
    with client(rules, limits=limits, resolver=resolver, **more) as guarded:
        return fetch(guarded, method, url, headers=headers, limits=limits)


def test_an_answer_from_a_permitted_private_address(far_side, rules):
    answer = get(far_side.url("/echo?a=1"), rules)
    assert (answer.status, answer.truncated) == (200, False)
    assert far_side.seen[0].path == "/echo?a=1"
    assert far_side.seen[0].headers["host"] == f"127.0.0.1:{far_side.port}"


def test_the_address_that_was_checked_is_the_address_that_is_dialled(far_side, rules):
    asked = []

    def rebinding(host, port):
        """Public at first, private ever after."""
        asked.append(host)
        return ["93.184.215.14"] if len(asked) == 1 else ["127.0.0.1"]

    # The check saw the public address, so that is what is dialled, and the tests' network refuses.
    with pytest.raises(RuntimeError, match=r"may not reach \('93\.184\.215\.14'"):
        get(f"http://public.test:{far_side.port}/", rules, resolver=rebinding)
    assert asked == ["public.test"]
    # And one that answers with a private address is refused although it is on the list.
    with pytest.raises(OutboundRefused, match="private or reserved"):
        get(f"http://public.test:{far_side.port}/", rules, resolver=rebinding)
    assert far_side.seen == []


def test_a_name_is_sent_as_the_host_and_its_address_dialled(far_side, rules):
    get(f"http://inside.test:{far_side.port}/", rules)
    assert far_side.seen[0].headers["host"] == f"inside.test:{far_side.port}"


def test_even_a_bare_client_refuses_what_is_not_listed(far_side, rules):
    with client(rules) as guarded:
        for url in ("http://127.0.0.1/", "http://example.com/", "http://user@127.0.0.1/"):
            with pytest.raises(OutboundRefused):
                guarded.get(url)


def test_the_environment_is_not_asked(far_side, rules, monkeypatch, tmp_path):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password netrc-password\n")
    monkeypatch.setenv("NETRC", str(netrc))
    assert get(far_side.url(), rules).status == 200
    assert "authorization" not in far_side.seen[0].headers


# --- Redirects ------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_read_is_redirected_to_a_listed_host(far_side, rules, status):
    answer = get(far_side.url(f"/redirect?status={status}&to=/echo"), rules)
    assert (answer.status, answer.url) == (200, far_side.url("/echo"))


REDIRECTS_INSIDE = [
    "http://127.0.0.1:1/",
    "http://169.254.169.254/latest/meta-data/",
    "http://localhost/",
    "http://0x7f.1/",
    "http://2130706433/",
    "http://[::1]/",
    "//evil.test/",
    "https://evil.test/",
    "file:///etc/passwd",
    "gopher://127.0.0.1/",
    "http://user:password@127.0.0.1/",
]


@pytest.mark.parametrize("to", REDIRECTS_INSIDE)
def test_a_redirect_to_what_is_not_listed_is_refused(far_side, rules, to):
    with pytest.raises(OutboundRefused):
        get(far_side.url(f"/redirect?to={to}"), rules)
    assert len(far_side.seen) == 1


def test_a_redirect_to_a_listed_name_that_leads_inside_is_refused(far_side, rules):
    to = f"http://public.test:{far_side.port}/"
    with pytest.raises(OutboundRefused, match="private or reserved"):
        get(far_side.url(f"/redirect?to={to}"), rules)
    assert len(far_side.seen) == 1


def test_redirects_end(far_side, rules):
    url = far_side.url("/redirect?to=/redirect?to=/echo")
    with pytest.raises(TooManyRedirects):
        get(url, rules, limits=Limits(max_redirects=1))
    assert get(url, rules, limits=Limits(max_redirects=2)).status == 200


def test_what_changes_something_is_not_redirected(far_side, rules):
    answer = get(far_side.url("/redirect?status=307&to=/echo"), rules, method="POST")
    assert answer.status == 307
    assert len(far_side.seen) == 1


def test_headers_stay_with_the_host_they_were_meant_for(far_side, rules):
    headers = {"Authorization": "Bearer x", "X-Anything": "y", "Accept": "text/plain"}
    elsewhere = f"http://inside.test:{far_side.port}/echo"
    get(far_side.url(f"/redirect?to={elsewhere}"), rules, headers=headers)
    get(far_side.url("/redirect?to=/echo"), rules, headers=headers)
    _, other, _, same = [seen.headers for seen in far_side.seen]
    assert "authorization" not in other
    assert "x-anything" not in other
    assert other["accept"] == "text/plain"
    assert same["authorization"] == "Bearer x"


# --- Limits ---------------------------------------------------------------------------------------


def test_a_large_answer_is_cut(far_side, rules):
    far_side.body = b"x" * 5_000
    answer = get(far_side.url("/raw"), rules, limits=Limits(max_bytes=1_000))
    assert (answer.body, answer.truncated) == (b"x" * 1_000, True)
    far_side.body = b"x" * 1_000
    answer = get(far_side.url("/raw"), rules, limits=Limits(max_bytes=1_000))
    assert (answer.body, answer.truncated) == (b"x" * 1_000, False)


def test_a_small_answer_does_not_unpack_into_a_large_one(far_side, rules):
    answer = get(far_side.url("/bomb"), rules, limits=Limits(max_bytes=100_000))
    assert (len(answer.body), answer.truncated) == (100_000, True)


def test_an_answer_that_drips_ends_when_the_time_is_up(far_side, rules):
    began = time.monotonic()
    with pytest.raises(httpx.ReadTimeout):
        get(far_side.url("/drip"), rules, limits=Limits(seconds=0.5))
    assert 0.4 < time.monotonic() - began < 3


def test_what_could_not_be_reached_was_not_sent(rules):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    rules = [HostRule("127.0.0.1", port, allow_private=True)]
    with pytest.raises(NotSent, match="Nothing was sent"):
        get(f"http://127.0.0.1:{port}/", rules)


def test_no_answer_after_sending_is_not_called_unsent(far_side, rules):
    far_side.drops = 1
    with pytest.raises(httpx.RemoteProtocolError):
        get(far_side.url("/post"), rules, method="POST")
    assert far_side.effects["post"] == 1


FORBIDDEN_HEADERS = [
    {"Host": "evil.test"},
    {"hOST": "evil.test"},
    {"Content-Length": "5"},
    {"Transfer-Encoding": "chunked"},
    {"Connection": "keep-alive, X-Api-Key"},
    {"Upgrade": "h2c"},
    {"Expect": "100-continue"},
    {"Proxy-Authorization": "x"},
    {"X-Split": "a\r\nHost: evil.test"},
    {"X-Split": "a\nb"},
    {"X-Nul": "a\x00b"},
    {"X Space": "a"},
    {"X:Colon": "a"},
    {"": "a"},
    {"X-Wide": "\u0434"},
]


@pytest.mark.parametrize("headers", FORBIDDEN_HEADERS)
def test_headers_that_could_reroute_a_message_are_refused(far_side, rules, headers):
    with pytest.raises(OutboundRefused):
        get(far_side.url(), rules, headers=headers)
    assert far_side.seen == []


# --- TLS ------------------------------------------------------------------------------------------


def _certificate(tmp_path, name):
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = timezone.now()
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path / "certificate.pem"
    path.write_bytes(
        certificate.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return path


@pytest.fixture
def tls_server(tmp_path):
    """Serves one connection as `secure.test`; yields the port and the certificate's file."""
    path = _certificate(tmp_path, "secure.test")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve():
            plain, _ = server.accept()
            try:
                with context.wrap_socket(plain, server_side=True) as connection:
                    connection.recv(4_096)
                    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            except OSError:
                plain.close()

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield server.getsockname()[1], path
        thread.join(5)


def test_the_certificate_is_checked_against_the_name_not_the_address(tls_server):
    port, path = tls_server
    rules = [HostRule("secure.test", port, allow_private=True)]
    tls = ssl.create_default_context(cafile=str(path))
    answer = get(f"https://secure.test:{port}/", rules, tls=tls)
    assert answer.body == b"ok"


def test_another_name_than_the_certificates_was_not_sent_to(tls_server):
    port, path = tls_server
    rules = [HostRule("other.test", port, allow_private=True)]
    tls = ssl.create_default_context(cafile=str(path))
    with pytest.raises(NotSent, match="Nothing was sent"):
        get(f"https://other.test:{port}/", rules, tls=tls)


def test_an_unknown_certificate_is_refused(tls_server):
    port, _ = tls_server
    with pytest.raises(NotSent, match="Nothing was sent"):
        get(f"https://secure.test:{port}/", [HostRule("secure.test", port, allow_private=True)])
