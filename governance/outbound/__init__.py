"""The one way out: an allow-list, checked addresses, and limits.

`check_url(url, rules)` judges and resolves; `dial(host, port, rules)` connects; `client(rules)` is
an httpx client that does both at every request; `fetch(client, ...)` sends one request within
limits.
"""

from governance.outbound.addresses import permitted
from governance.outbound.errors import NotSent, OutboundRefused, TooManyRedirects
from governance.outbound.fetch import Answer, check_headers, fetch
from governance.outbound.guard import Resolved, Resolver, Target, check_url, dial, permit
from governance.outbound.hosts import HostRule, Rules, find, normal, pattern
from governance.outbound.transport import Limits, client

__all__ = [
    "Answer",
    "HostRule",
    "Limits",
    "NotSent",
    "OutboundRefused",
    "Resolved",
    "Resolver",
    "Rules",
    "Target",
    "TooManyRedirects",
    "check_headers",
    "check_url",
    "client",
    "dial",
    "fetch",
    "find",
    "normal",
    "pattern",
    "permit",
    "permitted",
]
