"""What holds for every request under /api/, whatever answers it, or whether anything does.

The outermost middleware, so that also an unknown path, a wrong method, a host that is not ours and
an unforeseen exception are problems, and never a page.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from http import HTTPStatus
from inspect import iscoroutinefunction
from typing import Any, cast

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.decorators import sync_and_async_middleware

from governance.api import problems

PATH = "/api/"
MAX_BODY_BYTES = 262_144
"""Room for the largest photo, in base64, and what goes with it."""

KEPT_HEADERS = ("Allow", "WWW-Authenticate", "Retry-After")

DETAILS = {
    HTTPStatus.BAD_REQUEST: "The request cannot be understood.",
    HTTPStatus.FORBIDDEN: "The request was refused.",
    HTTPStatus.NOT_FOUND: "There is nothing here; /api/v1/openapi.json lists what there is.",
    HTTPStatus.METHOD_NOT_ALLOWED: "This method is not used here; the Allow header lists those.",
    HTTPStatus.INTERNAL_SERVER_ERROR: "Something went wrong here; the server's log says what.",
}


@sync_and_async_middleware
def api_middleware(get_response: Callable[[HttpRequest], Any]) -> Callable[[HttpRequest], Any]:
    """Refuse bodies nobody should read; turn what is not a problem yet into one."""
    if iscoroutinefunction(get_response):
        get_later = cast(Callable[[HttpRequest], Awaitable[HttpResponseBase]], get_response)

        async def answer_later(request: HttpRequest) -> HttpResponseBase:
            return _finished(request, _refused(request) or await get_later(request))

        return answer_later

    def answer(request: HttpRequest) -> HttpResponseBase:
        return _finished(request, _refused(request) or get_response(request))

    return answer


def _is_ours(request: HttpRequest) -> bool:
    """Whether the path is under /api/, or was meant to be."""
    path = f"/{request.path_info.lstrip('/')}"
    return path.startswith(PATH) or path == PATH.rstrip("/")


def _refused(request: HttpRequest) -> HttpResponseBase | None:
    """A problem for a body that is too large, of unknown size, or not JSON; else None."""
    if not _is_ours(request):
        return None
    if "chunked" in request.headers.get("Transfer-Encoding", "").lower():
        return problems.response(
            HTTPStatus.LENGTH_REQUIRED,
            code="length_required",
            detail="Send the body with a Content-Length, not chunked.",
        )
    length = request.headers.get("Content-Length", "")
    size = int(length) if length.isdecimal() else 0
    if size > MAX_BODY_BYTES:
        return problems.response(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            code="too_large",
            detail=f"The body is {size:,} bytes; at most {MAX_BODY_BYTES:,} are accepted.",
        )
    if size and request.content_type != "application/json":
        return problems.response(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            code="unsupported_media_type",
            detail="The body must be JSON, sent with Content-Type: application/json.",
        )
    return None


def _finished(request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
    if not _is_ours(request):
        return response
    if response.status_code >= HTTPStatus.BAD_REQUEST and not _is_problem(response):
        response = _as_problem(response)
    # What was refused out here has not been through the middleware that sets these.
    response.headers.setdefault("Cache-Control", "no-store")
    response.headers.setdefault("X-Content-Type-Options", "nosniff")
    if isinstance(response, HttpResponse):
        response.headers.setdefault("Content-Length", str(len(response.content)))
    return response


def _is_problem(response: HttpResponseBase) -> bool:
    return response.headers.get("Content-Type", "").startswith(problems.MEDIA_TYPE)


def _as_problem(response: HttpResponseBase) -> HttpResponseBase:
    """What Django or ninja says of an error may hold anything: only the status is kept."""
    status = HTTPStatus(response.status_code)
    response.close()
    return problems.of_status(
        status,
        **({"detail": DETAILS[status]} if status in DETAILS else {}),
        headers={name: response[name] for name in KEPT_HEADERS if response.has_header(name)},
    )
