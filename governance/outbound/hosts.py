"""Hosts: one spelling for each, and the allow-list they are looked up in."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass

import idna

from governance.outbound.errors import OutboundRefused

DEFAULT_PORTS = frozenset({80, 443})
MAX_PORT = 65_535
MAX_HOST = 253
WILDCARD = "*."

_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")
_WITH_PORT = re.compile(r"[^:]+:[0-9]+")
_NUMERIC = re.compile(r"[0-9]+|0x[0-9a-f]*")


@dataclass(frozen=True, slots=True)
class HostRule:
    """One entry of an allow-list.

    `host` is as `pattern` returns it: an exact host or `*.example.com`, which covers every name
    below example.com but not example.com itself. `port` None means 80 and 443. `allow_private`
    lets this one host and port resolve to a private or loopback address.

    Raises OutboundRefused when `allow_private` comes without an exact host and a port.
    """

    host: str
    port: int | None = None
    allow_private: bool = False

    def __post_init__(self) -> None:
        """Refuse a rule that says more than anybody may."""
        object.__setattr__(self, "host", pattern(self.host))
        if self.port is not None and not 1 <= self.port <= MAX_PORT:
            raise OutboundRefused(f"The port must be 1 to {MAX_PORT}, not {self.port}.")
        if self.allow_private and (self.port is None or self.host.startswith(WILDCARD)):
            raise OutboundRefused(
                "A private address can be allowed for an exact host and port only."
            )

    def covers(self, host: str, port: int) -> bool:
        """Whether this entry allows a host, as `normal` returns it, on a port."""
        ports = DEFAULT_PORTS if self.port is None else {self.port}
        return port in ports and self.covers_name(host)

    def covers_name(self, host: str) -> bool:
        """Whether this entry allows a host, as `normal` returns it, whatever the port."""
        if self.host.startswith(WILDCARD):
            return host.endswith(self.host.removeprefix("*"))
        return host == self.host


Rules = Iterable[HostRule]


def pattern(text: str) -> str:
    """The one spelling of an allow-list entry. Raises OutboundRefused.

    A wildcard needs at least two labels behind it: `*.com` would allow half the world.
    """
    if not text.strip().startswith(WILDCARD):
        return normal(text.strip())
    below = normal(text.strip().removeprefix(WILDCARD))
    if "." not in below or _is_address(below):
        raise OutboundRefused(f"{text!r} is too wide; write it as in *.example.com.")
    return WILDCARD + below


def normal(host: str) -> str:
    """The one spelling of a host: lower case, IDNA, an address in its usual form.

    Raises OutboundRefused for what is no host name, and for addresses in decimal, hexadecimal,
    octal or shortened form, which different programs read differently.
    """
    bare = host.removeprefix("[").removesuffix("]") if host.startswith("[") else host
    if ":" in bare:
        return _address(bare, host)
    name = _ascii(host).removesuffix(".")
    labels = name.split(".")
    if len(name) > MAX_HOST or not all(_LABEL.fullmatch(label) for label in labels):
        raise OutboundRefused(f"{host!r} is not a host name.")
    if _NUMERIC.fullmatch(labels[-1]):
        return _address(name, host)
    return name


def find(host: str, port: int, rules: Rules) -> HostRule:
    """The entry that allows a normal host on a port; raises OutboundRefused.

    Of several, one that permits a private address is preferred: a governor wrote it for this.
    """
    found = [rule for rule in rules if rule.covers(host, port)]
    if not found:
        raise OutboundRefused(
            f"{host} on port {port} is not on the workspace's list of allowed hosts; a governor "
            "can add it."
        )
    return max(found, key=lambda rule: rule.allow_private)


def _ascii(host: str) -> str:
    try:
        return idna.encode(host, uts46=True, std3_rules=False).decode().lower()
    except (idna.IDNAError, UnicodeError):
        lowered = host.lower()
        # Names with an underscore or a hyphen in odd places are no IDNA, and harmless in ASCII.
        if lowered.isascii():
            return lowered
        raise OutboundRefused(f"{host!r} is not a host name.") from None


def _address(text: str, shown: str) -> str:
    try:
        found = ipaddress.ip_address(text)
    except ValueError:
        found = None
    if "://" in text or "/" in text:
        raise OutboundRefused(f"{shown!r} is a URL; write its host alone, as in api.example.com.")
    if _WITH_PORT.fullmatch(text):
        raise OutboundRefused(f"{shown!r} names a port; write the host alone, without a port.")
    if found is None or "%" in text:
        raise OutboundRefused(
            f"{shown!r} is not an address in its usual form; write it as in 192.0.2.1 or "
            "[2001:db8::1]."
        )
    return found.compressed


def _is_address(host: str) -> bool:
    try:
        return bool(ipaddress.ip_address(host))
    except ValueError:
        return False
