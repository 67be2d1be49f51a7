"""Advice on the pages of proposals and runs: asked for by people, shown as an agent's word."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.safestring import SafeString
from django.views import View

from governance.admin import frame
from governance.admin.base import actor, may
from governance.admin.facts import Facts, Table, badge, draw, fact, link, page_of, when
from governance.admin.forms import select
from governance.admin.pages import RowPage
from governance.admin.proposal_standing import is_waiting
from governance.admin.rendering.visible import revealed, visible
from governance.domain.actors import Actor
from governance.domain.errors import GovernanceError, InvalidInput
from governance.domain.roles import Right
from governance.domain.words import Opinion
from governance.models import Advice, Agent, Proposal
from governance.policy.redaction import clean_text
from governance.services import advice

NOT_A_REVIEW = (
    "What agents say when a person asks them. It is advice: nobody has checked it, and it counts "
    "among no approvals."
)
MAY_APPROVE = (
    "This workspace lets advice for a plan approve it, where every step is reversible, of "
    "complexity 1 or 2, and one approval is enough."
)
_TONES = {Opinion.FOR: "good", Opinion.AGAINST: "bad", Opinion.UNSURE: "plain"}


class AskView(View):
    """POST only: asks the agent that `adviser` names about a proposal."""

    http_method_names: ClassVar[list[str]] = ["post"]  # type: ignore[misc]  # Django's is no ClassVar
    admin: Any = None

    def post(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask, and show the proposal again with the question; or say why not."""
        row = self.admin.find(request, object_id)
        try:
            adviser = _chosen(row, request.POST.get("adviser", ""))
            advice.ask(adviser=adviser, proposal=row, by=actor(request))
        except GovernanceError as error:
            messages.error(request, visible(str(error)))
        else:
            messages.success(request, f"{revealed(adviser.name)} is being asked.")
        return redirect(f"{page_of(row)}#advice")


class AskForm(forms.Form):
    """Whom to ask."""

    adviser = forms.ChoiceField(
        widget=select(),
        help_text="The active autonomous agents of this workspace that can be reached.",
    )

    def __init__(self, *args: Any, advisers: Iterable[Agent], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field: Any = self.fields["adviser"]
        field.choices = _choices(advisers)


class AskAboutRunPage(RowPage):
    """Ask an adviser about a run."""

    slug, label = "ask", "Ask an adviser"
    right = Right.DECIDE
    form_class = AskForm
    title = "Ask an adviser about the"
    explanation = NOT_A_REVIEW
    submit = "Ask"
    done = "The adviser is being asked."

    @classmethod
    def offered(cls, row: Any) -> bool:
        """Where there is anybody to ask."""
        return advice.candidates(row).exists()

    @property
    def standing(self) -> str:
        """What stands in the way."""
        return "one that no reachable autonomous agent can be asked about"

    def form_kwargs(self) -> dict[str, Any]:
        """Who can be asked."""
        return {**super().form_kwargs(), "advisers": advice.candidates(self.row)}

    def token(self, row: Any) -> str:
        """A run that goes on meanwhile is no conflict."""
        return str(row.pk)

    def save(self, data: Any, by: Actor) -> str:
        """Ask."""
        advice.ask(adviser=_chosen(self.row, data["adviser"]), run=self.row, by=by)
        return page_of(self.row)


def of_proposal(request: HttpRequest, row: Proposal) -> dict[str, Any]:
    """What the decision page shows of advice: what was given, and whom to ask."""
    ask = is_waiting(row) and may(request, row, Right.DECIDE)
    return {
        "note": NOT_A_REVIEW,
        "may_approve": MAY_APPROVE if row.workspace.advice_may_approve else "",
        "given": [_shown(row, each) for each in _about(row)],
        "may_ask": ask,
        "choices": _choices(advice.candidates(row)) if ask else [],
    }


def table(rows: Sequence[Advice]) -> Table:
    """Advice about a run."""
    return Table(
        "Advice of agents, asked for by people",
        ("Asked", "Agent", "Opinion", "In its own words"),
        [
            (when(each.created_at), link(each.adviser), opinion(each), draw(said(each)))
            for each in rows
        ],
        empty="No agent was asked about this run.",
    )


def opinion(row: Advice) -> SafeString:
    """The opinion, or that there is none yet, or none at all."""
    if row.opinion:
        found = Opinion(row.opinion)
        return frame.tag(found.label, _TONES[found], "An agent’s opinion")
    return badge("no advice" if row.answered_at else "being asked")


def said(row: Advice) -> str:
    """Its reasons; or why there are none."""
    if row.answered_at is None:
        return "A worker asks it. Load the page again to see what it says."
    return clean_text(row.reasons or row.error) or "It gave no reasons."


def switch_facts(allowed: bool) -> Facts:  # noqa: FBT001  a value, and no choice of what to do
    """What the governor's switch is set to, for the workspace's page."""
    return Facts(
        "Advice",
        [
            fact("May advice approve by itself?", allowed),
            fact("What that means", MAY_APPROVE if allowed else NOT_A_REVIEW),
        ],
    )


def _about(row: Proposal) -> Iterable[Advice]:
    return Advice.objects.about(row.pk).select_related("adviser", "asked_by")


def _shown(proposal: Proposal, row: Advice) -> dict[str, Any]:
    return {
        "adviser": visible(row.adviser.name),
        "url": page_of(row.adviser),
        "opinion": opinion(row),
        "said": visible(said(row)),
        "asked_by": visible(row.asked_by.get_username()),
        "asked_at": row.created_at,
        "answered_at": row.answered_at,
        "stale": bool(row.digest) and row.digest != proposal.digest,
        "decided": proposal.decided_on_advice_id == row.pk,
    }


def _choices(advisers: Iterable[Agent]) -> list[tuple[str, str]]:
    return [(str(agent.pk), revealed(agent.name)) for agent in advisers]


def _chosen(subject: Any, key: str) -> Agent:
    """The agent that was chosen. Raises InvalidInput for one that cannot be asked."""
    found = {str(agent.pk): agent for agent in advice.candidates(subject)}
    if key not in found:
        raise InvalidInput("Choose an agent that can be asked.")
    return found[key]
