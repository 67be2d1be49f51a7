"""Exchanges over HTTP: what may be sent where, what may be sent again, and what an answer means."""

from __future__ import annotations

import base64
from dataclasses import dataclass

import httpx
import stamina

from governance.domain.errors import GovernanceError
from governance.domain.values import Json
from governance.execution.deadline import DeadlineExceeded
from governance.execution.registry import ActionFailed
from governance.handlers.connectors.words import Job, Unknown
from governance.models import AllowedHost
from governance.outbound import (
    Answer,
    Limits,
    NotSent,
    OutboundRefused,
    Target,
    TooManyRedirects,
    client,
    fetch,
    permit,
)
from governance.services.credentials import reveal
from governance.services.secrets import names, resolve_secrets

LIMITS = Limits(seconds=20.0, connect_seconds=5.0, max_bytes=150_000, max_redirects=5)
ATTEMPTS = 3
ALL_ATTEMPTS_SECONDS = 40.0

SAFE = frozenset({"GET", "HEAD"})
"""Methods that change nothing on the far side (RFC 9110, 9.2.1), whatever became of the request."""

BUSY = frozenset({429, 502, 503, 504})
"""Answers after which a request that may be repeated is worth repeating."""

UNDECIDED = frozenset({408, 409, 425})
"""Refusals that do not say whether an earlier sending of the same request is being worked on."""


@dataclass(frozen=True, slots=True)
class Message:
    """One request, complete. `expect`: the status codes that mean success."""

    method: str
    target: Target
    query: dict[str, str]
    headers: dict[str, str]
    content: bytes | None
    expect: frozenset[int]

    @property
    def url(self) -> str:
        """The URL with its query."""
        url = self.target.url
        return str(url.copy_merge_params(self.query) if self.query else url)


class _Busy(Exception):
    """The far side cannot answer now."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(f"answered {answer.status}")
        self.answer = answer


def address(job: Job, params: dict[str, Json]) -> tuple[Target, dict[str, Json]]:
    """Where a request goes, and its params with the secrets that may go there.

    Raises ActionFailed when the host is not allowed, or a credential is missing or not for it.
    """
    workspace_id = job.context.workspace_id
    try:
        url = _revealed_url(job, params["url"])
        target = _permitted(job, url)
        if url is not params["url"]:
            # The host of a secret URL is no secret: it is on the allow-list. The rest is masked.
            job.revealed.extend((url, str(target.url), target.url.raw_path.decode()))
        filled, secrets = resolve_secrets(params, workspace_id, hosts=[target.host])
        job.revealed.extend(secrets)
    except GovernanceError as error:
        raise ActionFailed(f"{error} Nothing was sent.") from None
    return target, filled


def authorization(job: Job, auth: dict[str, Json]) -> str:
    """The value of the Authorization header, from secrets already resolved; a secret itself."""
    if "bearer" in auth:
        return f"Bearer {auth['bearer']}"
    basic = auth["basic"]
    pair = base64.b64encode(f"{basic['username']}:{basic['password']}".encode()).decode()
    job.revealed.append(pair)
    return f"Basic {pair}"


def send(job: Job, message: Message) -> Answer:
    """Send, again where that cannot do harm, and judge the answer.

    What was not sent at all may be sent again whatever it is; what was sent only if it is safe,
    or if the far side acts once on our key. Raises ActionFailed, Unknown.
    """
    safe = message.method in SAFE
    try:
        return _judged(_attempts(job, message, again=safe or job.keyed), message, job)
    except NotSent as error:
        raise ActionFailed(str(error)) from None
    except (httpx.HTTPError, TooManyRedirects, DeadlineExceeded) as error:
        what = f"{message.target.host} gave no answer that could be read ({type(error).__name__})"
        if safe:
            raise ActionFailed(f"{what}. A {message.method} request changes nothing.") from None
        raise Unknown(f"{what}; it may have acted on the request.") from None


def _revealed_url(job: Job, url: Json) -> str:
    """The URL, from a credential if it is a reference; what may be done with it is not said yet."""
    if not isinstance(url, dict):
        return str(url)
    (name,) = names(url) or [""]
    return reveal(name=name, workspace_id=job.context.workspace_id)


def _permitted(job: Job, url: str) -> Target:
    workspace_id = job.context.workspace_id
    target = permit(url, AllowedHost.objects.rules(workspace_id))
    if job.keyed:
        try:
            permit(url, AllowedHost.objects.deduplicating(workspace_id))
        except OutboundRefused:
            raise OutboundRefused(
                f"{target.host} is not marked as honouring the Idempotency-Key; a governor can "
                "mark it, or the plan can use integration_connect."
            ) from None
    return target


def _attempts(job: Job, message: Message, *, again: bool) -> Answer:
    def repeatable(error: Exception) -> bool:
        if isinstance(error, NotSent):
            return not isinstance(error, OutboundRefused)
        return again and isinstance(error, httpx.TransportError | _Busy)

    rules = AllowedHost.objects.rules(job.context.workspace_id)
    headers = {**message.headers, "Idempotency-Key": job.context.idempotency_key}
    try:
        for attempt in stamina.retry_context(
            on=repeatable, attempts=ATTEMPTS, timeout=ALL_ATTEMPTS_SECONDS, wait_initial=0.2
        ):
            with attempt, client(rules, limits=LIMITS) as guarded:
                answer = fetch(
                    guarded,
                    message.method,
                    message.url,
                    headers=headers,
                    content=message.content,
                    limits=LIMITS,
                )
                if again and answer.status in BUSY and answer.status not in message.expect:
                    raise _Busy(answer)
                return answer
    except _Busy as busy:
        return busy.answer
    raise AssertionError("stamina returns or raises")


def _judged(answer: Answer, message: Message, job: Job) -> Answer:
    """The answer, if it means success. A refusal (4xx) means that nothing took effect."""
    if answer.status in message.expect:
        return answer
    said = f"{message.target.host} answered {answer.status}"
    undecided = answer.status in UNDECIDED and job.keyed
    refused = 400 <= answer.status < 500 and answer.status != 408 and not undecided  # noqa: PLR2004  HTTP's own ranges
    if message.method in SAFE or refused:
        raise ActionFailed(f"{said}, which is not among the expected status codes.")
    raise Unknown(f"{said}, which does not say whether it acted on the request.")
