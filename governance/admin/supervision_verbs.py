"""What whoever watches can do: each verb is an address of its own that takes a POST.

The console sends them without leaving the page, and is answered in JSON; a browser without scripts
sends plain forms, and gets the page again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.views import View

from governance.admin import supervision_console
from governance.admin.base import actor
from governance.admin.facts import page_of
from governance.admin.frame import status_of
from governance.admin.supervision_console import Typed
from governance.domain.actors import Actor
from governance.domain.errors import GovernanceError, InvalidInput
from governance.models import SupervisionSession
from governance.services import supervision

LARGEST_NUMBER = 9
"""Digits of a number that a form sends."""


@dataclass(frozen=True, slots=True)
class Sent:
    """What a form carried. `seen`: the session's version that its sender saw."""

    seen: int
    text: str
    rating: int


Verb = Callable[[SupervisionSession, Sent, Actor], str]
"""Does it, and returns how it is told."""


def _pause(row: SupervisionSession, sent: Sent, by: Actor) -> str:
    supervision.pause(session=row, seen=sent.seen, reason=sent.text, by=by)
    return "Paused: its next action waits."


def _resume(row: SupervisionSession, sent: Sent, by: Actor) -> str:
    supervision.resume(session=row, seen=sent.seen, reason=sent.text, by=by)
    return "It goes on."


def _correct(row: SupervisionSession, sent: Sent, by: Actor) -> str:
    supervision.correct(session=row, seen=sent.seen, guidance=sent.text, by=by)
    return "Kept: the agent is handed it with its next answer."


def _terminate(row: SupervisionSession, sent: Sent, by: Actor) -> str:
    supervision.terminate(session=row, seen=sent.seen, reason=sent.text, by=by)
    return "Terminated: the run is over, and what waited is cancelled."


def _complete(row: SupervisionSession, sent: Sent, by: Actor) -> str:
    done = supervision.complete(
        session=row, seen=sent.seen, rating=sent.rating, feedback=sent.text, by=by
    )
    return f"Rated {done.rating} of 5: the agent’s confidence rose by {done.boost:g}."


VERBS: Mapping[str, Verb] = {
    "pause": _pause,
    "resume": _resume,
    "correct": _correct,
    "terminate": _terminate,
    "complete": _complete,
}
"""By the last part of their address."""


class SteerView(View):
    """POST only: nothing is done by following a link."""

    http_method_names: ClassVar[list[str]] = ["post"]  # type: ignore[misc]  # Django's is no ClassVar
    admin: Any = None
    verb: str = ""

    def post(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Do it, or say why not."""
        row = self.admin.find(request, str(object_id))
        try:
            told = VERBS[self.verb](row, _sent(request), actor(request))
        except GovernanceError as error:
            return self._refused(request, error, object_id=str(object_id))
        if _wants_json(request):
            return JsonResponse({"told": told})
        messages.success(request, told)
        return redirect(page_of(row))

    def _refused(
        self, request: HttpRequest, error: GovernanceError, *, object_id: str
    ) -> HttpResponse:
        """Why not; the page shows how things are now, and what was typed."""
        status = status_of(error)
        if _wants_json(request):
            return JsonResponse({"told": str(error)}, status=status)
        row = self.admin.find(request, object_id)
        typed = Typed(self.verb, request.POST.get("text", ""), request.POST.get("rating", ""))
        return supervision_console.page(
            self.admin, request, row, refused=str(error), typed=typed, status=status
        )


def _wants_json(request: HttpRequest) -> bool:
    return "application/json" in request.headers.get("Accept", "")


def _sent(request: HttpRequest) -> Sent:
    seen = number_in(request.POST.get("seen", ""))
    if seen is None:
        raise InvalidInput("The form did not say what you had seen; open the page again.")
    # A form sends every line break as two characters.
    text = request.POST.get("text", "").replace("\r\n", "\n").strip()
    return Sent(seen, text, number_in(request.POST.get("rating", "")) or 0)


def number_in(said: str) -> int | None:
    """The whole number that a form or an address holds; None where it is something else."""
    plain = said.isascii() and said.isdecimal() and len(said) <= LARGEST_NUMBER
    return int(said) if plain else None
