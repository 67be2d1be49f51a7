"""What a reviewer can do on the decision page: approve, reject, abstain, cancel.

Each is a POST that names what its reader had seen. A service does the writing; what it refuses is
answered with the page as it is now.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.views import View

from governance.admin import frame, proposal_page, proposal_queue
from governance.admin.base import actor
from governance.admin.proposal_page import Sent
from governance.admin.rendering.visible import visible
from governance.domain.actors import Actor
from governance.domain.errors import AlreadyDecided, GovernanceError, InvalidInput, PlanChanged
from governance.domain.roles import Right
from governance.domain.states import ProposalState
from governance.domain.words import ReviewVerdict
from governance.models import Proposal
from governance.services import memberships, proposals, reviews


def _approve(row: Proposal, sent: Sent, by: Actor) -> Proposal:
    return reviews.approve(proposal=row, digest=sent.digest, comment=sent.comment, by=by)


def _reject(row: Proposal, sent: Sent, by: Actor) -> Proposal:
    return reviews.reject(proposal=row, digest=sent.digest, reason=sent.comment, by=by)


def _abstain(row: Proposal, sent: Sent, by: Actor) -> Proposal:
    return reviews.abstain(proposal=row, digest=sent.digest, comment=sent.comment, by=by)


def _cancel(row: Proposal, sent: Sent, by: Actor) -> Proposal:
    return proposals.cancel(proposal=row, reason=sent.comment, by=by)


APPROVED, APPROVED_EDITED = "Approved", "Approved with your edit"


@dataclass(frozen=True, slots=True)
class Verb:
    """One thing that can be done, and how it is told once it is done."""

    call: Callable[[Proposal, Sent, Actor], Proposal]
    told: str


VERBS: Mapping[str, Verb] = {
    "approve": Verb(_approve, APPROVED),
    "reject": Verb(_reject, "Rejected"),
    "abstain": Verb(_abstain, "You abstained from"),
    "cancel": Verb(_cancel, "Cancelled"),
}
"""By the last part of their address."""


class VerdictView(View):
    """POST only: nothing is decided by following a link."""

    http_method_names: ClassVar[list[str]] = ["post"]  # type: ignore[misc]  # Django's is no ClassVar
    admin: Any = None
    verb: str = ""

    def post(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Do it and go on to the next proposal, or say why not."""
        row, sent, by = self.admin.find(request, object_id), Sent.by(request), actor(request)
        verb = VERBS[self.verb]
        try:
            require_current(row, sent, by=by)
            after = verb.call(row, sent, by)
        except GovernanceError as error:
            return refuse(self.admin, request, row, sent, error)
        return go_on(request, after, verb.told)


def require_current(row: Proposal, sent: Sent, *, by: Actor) -> None:
    """Raise NotAllowed, or say what is not as the reader saw it. The services check again."""
    memberships.require(by=by, workspace_id=row.workspace_id, right=Right.DECIDE)
    if not (sent.digest and sent.version):
        raise InvalidInput("The form did not say what you had read; read it again, then decide.")
    if sent.is_current(row):
        return
    if row.state != ProposalState.PROPOSED:
        decided = f"{row.get_state_display().lower()} {row.decider}".strip()
        raise AlreadyDecided(f"This proposal is already {decided}; nothing was changed.")
    raise PlanChanged("The plan changed after you read it; read it again, then decide.")


def refuse(
    admin: Any,
    request: HttpRequest,
    row: Proposal,
    sent: Sent,
    error: GovernanceError,
    **theirs: Any,
) -> HttpResponse:
    """The page as the proposal is now, with what is wrong and all that was typed."""
    now = admin.find(request, str(row.pk))
    return proposal_page.page(
        admin,
        request,
        now,
        sent=sent,
        refused=proposal_page.refusal(now, sent, error, **theirs),
        status=frame.status_of(error),
    )


def go_on(request: HttpRequest, row: Proposal, told: str) -> HttpResponse:
    """Say what was done, with the way back to it, and show what waits next."""
    url = reverse("admin:governance_proposal_change", args=[row.pk])
    link = format_html('<a class="ag-link" href="{}">{}</a>', url, visible(row.title))
    messages.success(request, _told(row, told, link))
    following = proposal_queue.following(request, row)
    if following is None:
        messages.info(request, "Nothing else waits for you.")
        return redirect("admin:governance_proposal_changelist")
    return redirect("admin:governance_proposal_change", following.pk)


def _told(row: Proposal, told: str, link: SafeString) -> SafeString:
    if told in {APPROVED, APPROVED_EDITED} and row.state == ProposalState.PROPOSED:
        given = row.reviews.filter(verdict=ReviewVerdict.APPROVE, digest=row.digest).count()
        return format_html(
            "Your approval of {} is recorded: {} of the {} it needs.",
            link,
            given,
            row.required_approvals,
        )
    return format_html("{}: {}", told, link)
