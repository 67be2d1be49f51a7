"""The guard: from a URL and an allow-list to the addresses that may be dialled, or a refusal."""

from __future__ import annotations

import re
import socket
from collections.abc import Callable
from dataclasses import dataclass

import httpx

from governance.outbound import addresses, hosts
from governance.outbound.errors import NotSent, OutboundRefused
from governance.outbound.hosts import HostRule, Rules

HTTP = frozenset({"http", "https"})
PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}
MAX_URL = 8_000
"""Longest URL accepted, in characters."""

_AUTHORITY = re.compile(r"[A-Za-z]+://([^/?#]+)")

Resolver = Callable[[str, int], list[str]]
"""The addresses of a host; raises OSError. Tests bring their own."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where a URL leads, allowed by `rule`. `url` is spelled the one way: send to that."""

    url: httpx.URL
    scheme: str
    host: str
    port: int
    rule: HostRule


@dataclass(frozen=True, slots=True)
class Resolved:
    """A target and its addresses, every one of them checked. Dial these, and do not resolve again:
    the next answer may be another.
    """

    target: Target
    addresses: tuple[str, ...]


def permit(url: str, rules: Rules, *, schemes: frozenset[str] = HTTP) -> Target:
    """Where `url` leads, if the allow-list has it. Looks nothing up. Raises OutboundRefused."""
    parsed = _parse(url)
    if parsed.scheme not in schemes:
        raise OutboundRefused(
            f"The URL must begin with {' or '.join(sorted(schemes))}, not {parsed.scheme!r}."
        )
    host = hosts.normal(parsed.raw_host.decode("ascii"))
    port = PORTS[parsed.scheme] if parsed.port is None else parsed.port
    rule = hosts.find(host, port, rules)
    return Target(parsed.copy_with(host=host), parsed.scheme, host, port, rule)


def resolve(host: str, port: int, rule: HostRule, *, resolver: Resolver | None = None) -> list[str]:
    """The addresses of a normal host, in the resolver's order. One bad address refuses them all.

    Raises OutboundRefused, NotSent (the name has no address).
    """
    found = _look_up(host, port, resolver or system_resolver)
    for address in found:
        if not addresses.permitted(address, private=rule.allow_private):
            raise OutboundRefused(
                f"{host} leads to {address}, an address inside a private or reserved network; "
                "a governor can allow a private one for an exact host and port."
            )
    return found


def check_url(
    url: str,
    rules: Rules,
    *,
    schemes: frozenset[str] = HTTP,
    resolver: Resolver | None = None,
) -> Resolved:
    """`permit`, then `resolve`, once. Raises OutboundRefused, NotSent."""
    target = permit(url, rules, schemes=schemes)
    found = resolve(target.host, target.port, target.rule, resolver=resolver)
    return Resolved(target, tuple(found))


def dial(
    host: str,
    port: int,
    rules: Rules,
    *,
    seconds: float = 10.0,
    resolver: Resolver | None = None,
) -> socket.socket:
    """A TCP connection to an allowed host: resolved once, checked, and that address dialled.

    For what speaks for itself, such as a proxy between a browser and the network. `seconds` to
    connect to each address. Raises OutboundRefused, NotSent.
    """
    name = hosts.normal(host)
    found = resolve(name, port, hosts.find(name, port, rules), resolver=resolver)
    why: OSError | None = None
    for address in found:
        try:
            return socket.create_connection((address, port), timeout=seconds)
        except OSError as error:
            why = error
    raise NotSent(f"{name} on port {port} could not be reached ({why}). Nothing was sent.")


def system_resolver(host: str, port: int) -> list[str]:
    """What the operating system says; each address once."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def _look_up(host: str, port: int, resolver: Resolver) -> list[str]:
    if ":" in host or host.replace(".", "").isdigit():
        return [host]
    try:
        found = resolver(host, port)
    except (OSError, UnicodeError) as error:
        raise NotSent(f"{host} has no address ({error}). Nothing was sent.") from error
    if not found:
        raise NotSent(f"{host} has no address. Nothing was sent.")
    return found


def _parse(url: str) -> httpx.URL:
    # What a parser would quietly repair is refused, because another parser repairs it otherwise.
    odd = any(char.isspace() or not char.isprintable() or char == "\\" for char in url)
    authority = _AUTHORITY.match(url)
    if len(url) > MAX_URL or odd or authority is None:
        raise OutboundRefused("The URL is malformed: write it as in https://example.com/path.")
    if "@" in authority[1]:
        raise OutboundRefused(
            "A URL with a user name or password in it is not accepted; store what is secret in it "
            'as a credential, and name that: {"$secret": "name"}.'
        )
    try:
        parsed = httpx.URL(url)
        host = parsed.raw_host
    except (httpx.InvalidURL, ValueError) as error:
        # The parser's own words may quote the URL, and a URL can be a secret.
        raise OutboundRefused("The URL is malformed: its host or port is not one.") from error
    if not host or b"%" in host:
        raise OutboundRefused("The URL names no host: write it as in https://example.com/path.")
    return parsed
