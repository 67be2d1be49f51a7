"""What people can do on the page of an execution: settle a doubt, cancel what waits.

Each is a POST. A service does the writing; what it refuses is answered with the page as it is now
and all that was typed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views import View

from governance.admin import execution_page, frame
from governance.admin.base import actor
from governance.admin.facts import page_of
from governance.domain.actors import Actor
from governance.domain.errors import GovernanceError, InvalidInput, StaleState
from governance.models import Execution
from governance.services import executions, proposals

Verb = Callable[[HttpRequest, Execution, Actor], str]
"""Does it, and returns how it is told. Raises GovernanceError."""


def _reconcile(request: HttpRequest, row: Execution, by: Actor) -> str:
    outcome = request.POST.get("outcome", "")
    if not outcome:
        raise InvalidInput("Choose what you found: whether it took effect or not.")
    after = executions.reconcile(
        execution=row, outcome=outcome, note=_typed(request, "note"), by=by
    )
    return f"Settled: the execution is {after.get_state_display().lower()}."


def _cancel(request: HttpRequest, row: Execution, by: Actor) -> str:
    if row.proposal is None:
        raise StaleState("Nobody approved this one: the gate cleared it, and it is not cancelled.")
    proposals.cancel(proposal=row.proposal, reason=_typed(request, "reason"), by=by)
    return "Cancelled, and so is its proposal."


VERBS: dict[str, Verb] = {"reconcile": _reconcile, "cancel": _cancel}
"""By the last part of their address."""


class VerdictView(View):
    """POST only: nothing is decided by following a link."""

    http_method_names: ClassVar[list[str]] = ["post"]  # type: ignore[misc]  # Django's is no ClassVar
    admin: Any = None
    verb: str = ""

    def post(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Do it and come back to the page, or say there why not."""
        row = self.admin.find(request, str(object_id))
        try:
            told = VERBS[self.verb](request, row, actor(request))
        except GovernanceError as error:
            return self._refuse(request, row, error)
        messages.success(request, told)
        return redirect(page_of(row))

    def _refuse(self, request: HttpRequest, row: Execution, error: GovernanceError) -> HttpResponse:
        now = self.admin.find(request, str(row.pk))
        refused = execution_page.refusal(request, error)
        return execution_page.page(
            self.admin, request, now, refused=refused, status=frame.status_of(error)
        )


def _typed(request: HttpRequest, name: str) -> str:
    # A form sends every line break as two characters.
    return request.POST.get(name, "").replace("\r\n", "\n")
