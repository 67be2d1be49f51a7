"""Attendance: that a person is there, written down as they use the site, or by their own word."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.utils import timezone
from django.views import View

from governance.admin.base import actor
from governance.admin.frame import status_of
from governance.domain.errors import GovernanceError
from governance.domain.words import Availability
from governance.models import Presence
from governance.services import presence

CHOICES = (("", "By what I do here"), *Availability.choices)

BY_ITSELF = frozenset(
    {
        "supervision_events",
        "governance_supervisionsession_live",
        "governance_supervisionsession_watched",
    }
)
"""What an open page asks for by itself: a forgotten tab is no activity."""


@dataclass(frozen=True, slots=True)
class Attending:
    """Whether this person can be given runs. `by_hand`: their own word; empty: by activity."""

    now: Availability
    by_hand: str
    choices: tuple[tuple[str, str], ...] = CHOICES


class AttendanceMiddleware:
    """Writes down that whoever is signed in is there. Behind AuthenticationMiddleware."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """After the answer: nobody waits for it."""
        response = self._get_response(request)
        if settings.SESSION_COOKIE_NAME in request.COOKIES and not _by_itself(request):
            user = request.user
            if user.is_authenticated:
                presence.touch(user)
        return response


class AvailabilityView(View):
    """A person says whether they can be given runs. POST only."""

    http_method_names: ClassVar[list[str]] = ["post"]  # type: ignore[misc]  # Django's is no ClassVar

    def post(self, request: HttpRequest) -> HttpResponse:
        """Their own, and nobody else's."""
        user: Any = request.user
        try:
            presence.set_by_hand(user=user, to=request.POST.get("to", ""), by=actor(request))
        except GovernanceError as error:
            return HttpResponse(str(error), "text/plain", status=status_of(error))
        messages.success(request, f"Kept: you are {standing_of(request).now.label.lower()}.")
        return redirect("admin:governance_supervisionsession_changelist")


def standing_of(request: HttpRequest) -> Attending:
    """How it stands with whoever asks; they are here, since they ask."""
    row = Presence.objects.filter(user_id=request.user.pk or 0).first()
    if row is None or not row.set_by_hand:
        return Attending(Availability.ONLINE, "")
    return Attending(row.availability(now=timezone.now()), row.set_by_hand)


def _by_itself(request: HttpRequest) -> bool:
    return request.resolver_match is not None and request.resolver_match.url_name in BY_ITSELF
