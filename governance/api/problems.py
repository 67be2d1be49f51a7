"""Problems: how every error of the API looks (RFC 9457, application/problem+json)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from django.http import JsonResponse
from pydantic import BaseModel, ConfigDict, Field

from governance.domain.errors import GovernanceError
from governance.domain.values import Json

MEDIA_TYPE = "application/problem+json"
TYPE_PREFIX = "urn:problem-type:agent-governance:"

STATUS: Mapping[str, HTTPStatus] = {
    "error": HTTPStatus.BAD_REQUEST,
    "invalid_input": HTTPStatus.UNPROCESSABLE_ENTITY,
    "not_found": HTTPStatus.NOT_FOUND,
    "not_allowed": HTTPStatus.FORBIDDEN,
    "gate_refused": HTTPStatus.FORBIDDEN,
    "idempotency_conflict": HTTPStatus.CONFLICT,
    "execution_disabled": HTTPStatus.SERVICE_UNAVAILABLE,
    "not_ready": HTTPStatus.CONFLICT,
    "stale_state": HTTPStatus.CONFLICT,
    "run_held": HTTPStatus.CONFLICT,
    "already_decided": HTTPStatus.CONFLICT,
    "plan_changed": HTTPStatus.CONFLICT,
    "lease_lost": HTTPStatus.CONFLICT,
}
"""The HTTP status of each refusal, by its code. One that is not listed has its base's."""


RENAMED = {413: "Content Too Large", 422: "Unprocessable Content"}
"""As RFC 9110 has them; what Python calls them depends on its version."""


class Flaw(BaseModel):
    """One thing that is wrong with a request."""

    model_config = ConfigDict(extra="forbid", strict=True)

    pointer: str = Field(description="JSON Pointer (RFC 6901) into the body; empty: all of it.")
    detail: str


class Problem(BaseModel):
    """RFC 9457. `code` is stable; `detail` is a sentence for people."""

    model_config = ConfigDict(extra="forbid", strict=True)

    type: str = Field(description=f"`{TYPE_PREFIX}` and the code.")
    title: str
    status: int = Field(ge=400, le=599)
    code: str
    detail: str
    errors: list[Flaw] = Field(default_factory=list, description="What is wrong, where known.")


def response(
    status: HTTPStatus,
    *,
    code: str,
    detail: str,
    errors: Sequence[Flaw] = (),
    headers: Mapping[str, str] | None = None,
) -> JsonResponse:
    """A problem, ready to send."""
    problem = Problem(
        type=TYPE_PREFIX + code,
        title=title_of(status),
        status=status.value,
        code=code,
        detail=detail,
        errors=list(errors),
    )
    body: dict[str, Json] = problem.model_dump(exclude_defaults=True)
    return JsonResponse(body, status=status.value, content_type=MEDIA_TYPE, headers=headers)


def title_of(status: HTTPStatus) -> str:
    """The name of a status."""
    return RENAMED.get(status.value, status.phrase)


def of_status(status: HTTPStatus, **more: Any) -> JsonResponse:
    """The problem of which nothing is known but its status."""
    title = title_of(status)
    more.setdefault("detail", f"{title}.")
    return response(status, code=title.lower().replace(" ", "_"), **more)


def refusal(error: GovernanceError) -> JsonResponse:
    """The problem that one of our own errors is."""
    return response(status_of(error), code=error.code, detail=str(error))


def status_of(error: GovernanceError) -> HTTPStatus:
    """The status in STATUS of the error's code, or of the nearest base that has one."""
    codes = (getattr(base, "code", "") for base in type(error).__mro__)
    return next(STATUS[code] for code in codes if code in STATUS)
