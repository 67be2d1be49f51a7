"""The API itself: its routers, its errors, its description."""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

from django.http import HttpRequest, HttpResponse
from ninja import NinjaAPI
from ninja.errors import AuthenticationError, HttpError, ValidationError
from ninja.openapi.schema import OpenAPISchema
from ninja.parser import Parser

from governance.api import device, problems
from governance.api.middleware import MAX_BODY_BYTES
from governance.api.problems import Flaw, Problem
from governance.domain.errors import GovernanceError, InvalidInput
from governance.domain.values import parse_json

PREFIX = "api/v1/"
MAX_FLAWS = 20


class StrictParser(Parser):
    """JSON without duplicate keys, NaN or too much of anything."""

    def parse_body(self, request: HttpRequest) -> dict[str, Any]:
        """The parsed body. Raises InvalidInput."""
        parsed: dict[str, Any] = parse_json(request.body, what="body", max_bytes=MAX_BODY_BYTES)
        return parsed


class GovernanceAPI(NinjaAPI):
    """Documents every error as the problem that it is."""

    def get_openapi_schema(
        self, *, path_prefix: str | None = None, path_params: dict[str, Any] | None = None
    ) -> OpenAPISchema:
        """The document that ninja makes, and the problems of each operation."""
        found = super().get_openapi_schema(path_prefix=path_prefix, path_params=path_params)
        schemas = found["components"]["schemas"]
        problem = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
        schemas.update(problem.pop("$defs"))
        schemas["Problem"] = problem
        for path, operations in found["paths"].items():
            for operation in operations.values():
                operation["responses"].update(_problem_responses(path, operation))
        return found


api = GovernanceAPI(
    title="Agent Governance",
    version="1",
    description=(
        "Every error is a problem (RFC 9457, application/problem+json), whatever its status. "
        f"Bodies are JSON of at most {MAX_BODY_BYTES:,} bytes, sent with their Content-Length."
    ),
    docs_url=None,
    urls_namespace="api",
    parser=StrictParser(),
)
api.add_router("/device/", device.router)


def document() -> dict[str, Any]:
    """The OpenAPI document, as it is served at /api/v1/openapi.json."""
    return api.get_openapi_schema(path_prefix=PREFIX)


@api.exception_handler(GovernanceError)
def refused(request: HttpRequest, error: GovernanceError) -> HttpResponse:  # noqa: ARG001  ninja calls it so
    """One of ours."""
    return problems.refusal(error)


@api.exception_handler(AuthenticationError)
def unauthorized(request: HttpRequest, error: AuthenticationError) -> HttpResponse:  # noqa: ARG001  ninja calls it so
    """Deliberately the same for every reason."""
    return problems.response(
        HTTPStatus.UNAUTHORIZED,
        code="unauthorized",
        detail=(
            "Send the device's key as Authorization: Bearer agd_...; it is missing or not valid. "
            "It is shown once, when the device is registered or given a new key on its page."
        ),
        headers={"WWW-Authenticate": 'Bearer realm="agent-governance"'},
    )


@api.exception_handler(ValidationError)
def invalid(request: HttpRequest, error: ValidationError) -> HttpResponse:  # noqa: ARG001  ninja calls it so
    """A body of the wrong form: what is wrong, and where."""
    flaws = [
        Flaw(pointer=_pointer(found["loc"]), detail=str(found["msg"])[:500])
        for found in error.errors[:MAX_FLAWS]
    ]
    return problems.response(
        HTTPStatus.UNPROCESSABLE_ENTITY,
        code="invalid_input",
        detail=f"The request is not valid: {flaws[0].pointer or 'the body'}: {flaws[0].detail}.",
        errors=flaws,
    )


@api.exception_handler(HttpError)
def http_error(request: HttpRequest, error: HttpError) -> HttpResponse:  # noqa: ARG001  ninja calls it so
    """One of ninja's; of a body that could not be parsed, our parser knows more."""
    status, cause = HTTPStatus(error.status_code), error.__cause__
    if isinstance(cause, InvalidInput):
        return problems.response(status, code="malformed", detail=str(cause))
    return problems.of_status(status)


def _pointer(location: Sequence[str | int]) -> str:
    """A location as ninja gives it, without the name of the view's argument, as a JSON Pointer."""
    parts = location[2:] if location[:1] == ("body",) else location
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in parts)


def _problem_responses(path: str, operation: dict[str, Any]) -> dict[int, dict[str, Any]]:
    statuses = {500}
    if "security" in operation:
        statuses |= {401}
    if "requestBody" in operation:
        statuses |= {400, 411, 413, 415, 422}
    if "{" in path:
        statuses |= {404, 409}
    content = {problems.MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {
        status: {"description": problems.title_of(HTTPStatus(status)), "content": content}
        for status in sorted(statuses)
    }
