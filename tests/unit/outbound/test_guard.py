"""URLs against an allow-list, names against a resolver that lies: tables written by hand."""

from __future__ import annotations

import socket

import pytest

from governance.outbound import HostRule, NotSent, OutboundRefused, check_url, dial, pattern

PUBLIC = "93.184.215.14"
RULES = (
    HostRule("example.com"),
    HostRule("*.example.org"),
    HostRule("bücher.example"),
    HostRule("service.internal", 8443, allow_private=True),
    HostRule("127.0.0.1", 8000, allow_private=True),
    HostRule("::1", 8000, allow_private=True),
    HostRule("10.0.0.7"),
    HostRule("169.254.169.254", 80, allow_private=True),
    HostRule("1.1.1.1"),
)


def resolver(*addresses):
    return lambda host, port: list(addresses)


def check(url, *addresses, **more):
    return check_url(url, RULES, resolver=resolver(*(addresses or (PUBLIC,))), **more)


ALLOWED = [
    ("http://example.com", "example.com", 80),
    ("https://example.com/a?b=c#d", "example.com", 443),
    ("https://EXAMPLE.com./", "example.com", 443),
    ("https://example.com:443/", "example.com", 443),
    ("https://example.com:80/", "example.com", 80),
    ("https://a.example.org/", "a.example.org", 443),
    ("https://a.b.example.org/", "a.b.example.org", 443),
    ("https://bücher.example/", "xn--bcher-kva.example", 443),
    ("https://BÜCHER.example/", "xn--bcher-kva.example", 443),
    ("https://xn--bcher-kva.example/", "xn--bcher-kva.example", 443),
    ("https://1.1.1.1/", "1.1.1.1", 443),
    ("https://example.com/@evil.test", "example.com", 443),
    ("https://example.com/?u=https://evil.test@x", "example.com", 443),
]


@pytest.mark.parametrize(("url", "host", "port"), ALLOWED)
def test_what_is_on_the_list_is_resolved_once_and_named_one_way(url, host, port):
    found = check(url)
    assert (found.target.host, found.target.port) == (host, port)
    assert found.target.url.raw_host.decode() == host
    assert found.addresses == ((host,) if host[0].isdigit() else (PUBLIC,))


REFUSED = [
    # not on the list
    "https://evil.test/",
    "https://example.org/",  # the wildcard is for names below it
    "https://notexample.org/",
    "https://example.org.evil.test/",
    "https://example.com.evil.test/",
    "https://evil-example.com/",
    "https://example.com:8443/",
    "https://example.com:22/",
    "http://service.internal/",
    # look-alikes
    "https://ex\u0430mple.com/",  # Cyrillic
    "https://\u0435xample.com/",
    "https://example\u2024com/",  # one dot leader
    # addresses in forms that programs read differently
    "http://2130706433:8000/",
    "http://0x7f000001:8000/",
    "http://0x7f.0.0.1:8000/",
    "http://0177.0.0.1:8000/",
    "http://127.1:8000/",
    "http://127.0.1:8000/",
    "http://127.0.0.01:8000/",
    "http://127.0.0.1.:80/",
    "http://\uff11\uff12\uff17.0.0.1:8000/",
    "http://\u2460\u2461\u2466.0.0.1:8000/",
    "http://[::ffff:127.0.0.1]:8000/",
    "http://[::ffff:7f00:1]:8000/",
    "http://[0:0:0:0:0:ffff:127.0.0.1]:8000/",
    "http://[::127.0.0.1]:8000/",
    "http://[fe80::1%25eth0]:8000/",
    "http://[::1/",
    "http://::1:8000/",
    # on the list, but private without leave, or never to be reached
    "http://10.0.0.7/",
    "http://169.254.169.254/latest/meta-data/",
    # user names
    "https://user@example.com/",
    "https://user:password@example.com/",
    "https://example.com@evil.test/",
    "https://evil.test@example.com/",
    "https://@example.com/",
    "https://example.com%40evil.test/",
    # what parsers repair, each in its own way
    "https://example.com\\@evil.test/",
    "https:\\\\example.com/",
    "https:///example.com/",
    "https:example.com",
    "https:/example.com",
    "//example.com/",
    "example.com",
    "",
    " https://example.com/",
    "https://exam\tple.com/",
    "https://example.com/\r\nHost: evil.test",
    "https://example.com/\x00",
    "https://%65xample.com/",
    "https://example.com:0x50/",
    "https://example.com:80:80/",
    "https://example.com:-1/",
    "https://example.com:99999/",
    "https://example..com/",
    "https://.example.com/",
    "https://exa mple.com/",
    "https://example.com/" + "a" * 8_000,
    # other schemes
    "ftp://example.com/",
    "file:///etc/passwd",
    "gopher://example.com/",
    "javascript:alert(1)",
    "data:text/plain,x",
    "unix:///run/docker.sock",
    "ws://example.com/",
]


@pytest.mark.parametrize("url", REFUSED)
def test_everything_else_is_refused_before_anything_is_looked_up(url):
    def never(host, port):
        raise AssertionError(f"{host} was looked up")

    with pytest.raises(OutboundRefused):
        check_url(url, RULES, resolver=never)


@pytest.mark.parametrize("address", ["127.0.0.1", "10.0.0.1", "::1", "64:ff9b::7f00:1"])
def test_a_listed_name_that_leads_inside_is_refused(address):
    with pytest.raises(OutboundRefused, match="private or reserved"):
        check("https://example.com/", address)


def test_one_bad_address_among_good_ones_refuses_them_all():
    with pytest.raises(OutboundRefused, match=r"127\.0\.0\.1"):
        check("https://example.com/", PUBLIC, "127.0.0.1")


def test_leave_for_a_private_address_is_for_one_host_and_port():
    assert check("https://service.internal:8443/", "10.1.2.3").addresses == ("10.1.2.3",)
    assert check("http://127.0.0.1:8000/").addresses == ("127.0.0.1",)
    assert check("http://[::1]:8000/").addresses == ("::1",)
    for url in ("http://127.0.0.1/", "http://127.0.0.2:8000/", "http://localhost:8000/"):
        with pytest.raises(OutboundRefused):
            check(url)
    with pytest.raises(OutboundRefused, match="private or reserved"):
        check("https://service.internal:8443/", "169.254.169.254")


@pytest.mark.parametrize("addresses", [[], None])
def test_a_name_without_an_address_was_not_sent_to(addresses):
    def look_up(host, port):
        if addresses is None:
            raise socket.gaierror("no such name")
        return addresses

    with pytest.raises(NotSent, match="has no address"):
        check_url("https://example.com/", RULES, resolver=look_up)


def test_schemes_can_be_widened_by_who_speaks_them():
    found = check("wss://example.com/", schemes=frozenset({"https", "wss"}))
    assert found.target.port == 443


TOO_WIDE = ["*", "*.", "*.com", "*.*.com", "a.*.com", "*example.com", "*.127.0.0.1", "", "a b", "%"]


@pytest.mark.parametrize("text", TOO_WIDE)
def test_a_pattern_that_is_none_or_too_wide_is_refused(text):
    with pytest.raises(OutboundRefused):
        pattern(text)


PATTERNS = [
    ("Example.COM", "example.com"),
    (" *.Example.com ", "*.example.com"),
    ("*.bücher.example", "*.xn--bcher-kva.example"),
    ("192.0.2.1", "192.0.2.1"),
    ("[2001:DB8:0::1]", "2001:db8::1"),
    ("localhost", "localhost"),
    ("under_score.example.com", "under_score.example.com"),
]


@pytest.mark.parametrize(("text", "kept"), PATTERNS)
def test_a_pattern_has_one_spelling(text, kept):
    assert pattern(text) == kept


@pytest.mark.parametrize(
    ("host", "port"), [("*.example.com", 80), ("example.com", None), ("example.com", 0)]
)
def test_leave_for_private_addresses_needs_an_exact_host_and_port(host, port):
    with pytest.raises(OutboundRefused):
        HostRule(host, port, allow_private=True)


def test_dial_connects_to_the_address_that_was_checked():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        rules = [HostRule("service.internal", port, allow_private=True)]
        with dial("Service.INTERNAL", port, rules, resolver=resolver("127.0.0.1")) as found:
            assert found.getpeername() == ("127.0.0.1", port)
        with pytest.raises(OutboundRefused):
            dial("other.internal", port, rules, resolver=resolver("127.0.0.1"))
    with pytest.raises(NotSent, match="could not be reached"):
        dial("service.internal", port, rules, resolver=resolver("127.0.0.1"))
