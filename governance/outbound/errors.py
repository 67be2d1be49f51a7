"""What can go wrong on the way out, told apart by one question: was anything sent?"""

from __future__ import annotations

from governance.domain.errors import GovernanceError


class NotSent(GovernanceError):
    """No byte of the request left this machine, so nothing can have taken effect."""

    code = "not_sent"


class OutboundRefused(NotSent):
    """The guard refused the target: it is not allowed here, or its address is forbidden."""

    code = "outbound_refused"


class TooManyRedirects(GovernanceError):
    """The far side kept answering with redirects. Only safe requests are redirected at all."""

    code = "too_many_redirects"
