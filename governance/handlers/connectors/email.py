"""The email connector: a plain-text message through Django's mail backend."""

from __future__ import annotations

import re
import smtplib

from django.conf import settings
from django.core.mail import EmailMessage, get_connection
from django.core.mail.backends.base import BaseEmailBackend

from governance.domain.errors import GovernanceError
from governance.domain.values import Json
from governance.execution import wording
from governance.execution.deadline import DeadlineExceeded
from governance.execution.registry import ActionFailed
from governance.handlers.connectors.words import Job, Unknown, strict, text
from governance.models import AllowedHost
from governance.outbound import normal

MAX_RECIPIENTS = 20
MAX_SUBJECT = 200
MAX_BODY = 100_000
DUMMY = "django.core.mail.backends.dummy.EmailBackend"

_PEOPLE: dict[str, Json] = {
    "type": "array",
    "items": {"type": "string", "format": "email", "maxLength": 254},
    "maxItems": MAX_RECIPIENTS,
    "uniqueItems": True,
}
SCHEMA: dict[str, Json] = strict(
    {
        "to": {**_PEOPLE, "minItems": 1, "description": "Addresses of allowed domains."},
        "cc": _PEOPLE,
        "subject": text(MAX_SUBJECT, pattern=r"^[^\r\n]+$"),
        "body": text(MAX_BODY, description="Plain text."),
    },
    "to",
    "subject",
    "body",
)

_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[^@\s<>,;:\"()\[\]\\]+")

REFUSED = (
    smtplib.SMTPSenderRefused,
    smtplib.SMTPRecipientsRefused,
    smtplib.SMTPDataError,
    smtplib.SMTPHeloError,
    smtplib.SMTPNotSupportedError,
)
"""The server said no before it took the message over."""


def send(job: Job) -> dict[str, Json]:
    """Hand the message to the mail server. Its acceptance is all we learn: see `accepted`."""
    params = job.params
    recipients = [*params["to"], *params.get("cc", [])]
    _require_allowed(job, recipients)
    message = EmailMessage(
        subject=params["subject"],
        body=params["body"],
        from_email=settings.DEFAULT_FROM_EMAIL,
        to=params["to"],
        cc=params.get("cc", []),
        headers={
            "Message-ID": f"<{job.context.idempotency_key.replace(':', '.')}@agent-governance>"
        },
    )
    connection = _connected()
    try:
        _hand_over(connection, message)
    finally:
        connection.close()
    return {"accepted": len(recipients), "message_id": message.extra_headers["Message-ID"]}


def phrase(params: dict[str, Json]) -> str:
    """What people read."""
    to = params["to"]
    people = ", ".join(map(wording.address, to)) if isinstance(to, list) else wording.address(to)
    return f"send the e-mail {wording.value(params['subject'])} to {people}"


def _require_allowed(job: Job, recipients: list[str]) -> None:
    rules = AllowedHost.objects.mail_rules(job.context.workspace_id)
    for address in recipients:
        if not _ADDRESS.fullmatch(address):
            raise ActionFailed(f"{address!r} is not an address. Nothing was sent.")
        try:
            domain = normal(address.rpartition("@")[2])
        except GovernanceError as error:
            raise ActionFailed(f"{error} Nothing was sent.") from None
        if not any(rule.covers_name(domain) for rule in rules):
            raise ActionFailed(
                f"Mail to {domain} is not allowed in this workspace; a governor can allow the "
                "domain. Nothing was sent."
            )


def _connected() -> BaseEmailBackend:
    if settings.EMAIL_BACKEND == DUMMY:
        raise ActionFailed("No mail server is configured (EMAIL_URL). Nothing was sent.")
    connection = get_connection(fail_silently=False)
    try:
        connection.open()
    except (OSError, smtplib.SMTPException, DeadlineExceeded) as error:
        # The server's own words may quote what it was given to sign in with.
        kind = type(error).__name__
        raise ActionFailed(
            f"The mail server could not be reached or did not let us in ({kind}). Nothing was sent."
        ) from None
    return connection


def _hand_over(connection: BaseEmailBackend, message: EmailMessage) -> None:
    try:
        sent = connection.send_messages([message])
    except REFUSED as error:
        raise ActionFailed(f"The mail server refused it ({type(error).__name__}).") from None
    except ValueError as error:  # a header that cannot be sent
        raise ActionFailed(f"The message cannot be sent: {error}. Nothing was sent.") from None
    except (OSError, smtplib.SMTPException, DeadlineExceeded) as error:
        raise Unknown(
            f"The mail server did not say whether it took the message ({type(error).__name__})."
        ) from None
    if sent != 1:
        raise ActionFailed("The mail server took no message.")
