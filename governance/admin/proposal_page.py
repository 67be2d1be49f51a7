"""The decision page: what will be done, why the gate sent it here, what the agent claims."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Self

from django.contrib.admin import ModelAdmin
from django.http import HttpRequest, HttpResponse
from django.utils.safestring import SafeString

from governance.admin import (
    filings,
    frame,
    proposal_advice,
    proposal_queue,
    steps,
    training_facts,
)
from governance.admin.base import ledger_url
from governance.admin.facts import badge
from governance.admin.proposal_standing import changes_in, is_overdue, is_waiting, standing
from governance.admin.rendering.visible import json_escaped, visible, visible_json
from governance.domain.errors import GovernanceError, InvalidInput
from governance.domain.states import ProposalState
from governance.domain.values import parse_json
from governance.domain.words import ReviewVerdict
from governance.models import Decision, Execution, LedgerEntry, Proposal, Review
from governance.policy import plans
from governance.policy.plans import Plan
from governance.policy.redaction import clean, clean_text

RELATED = (
    "workspace",
    "agent__owner",
    "agent__workspace",
    "run__trigger",
    "policy",
    "decided_by",
    "decided_on_advice__adviser",
)
"""What the page reads of a proposal, in one query."""

MAX_CARRIED = 3 * plans.MAX_BYTES
"""Longest plan in a form, in bytes: hidden characters stand there as their escapes."""

MAX_TRAIL, MAX_LATER = 200, 50
"""How much of the trail, and of the gate's later answers, the page itself shows."""

_APPROVED = frozenset(
    {
        ProposalState.APPROVED,
        ProposalState.EXECUTED,
        ProposalState.FAILED,
        ProposalState.IN_DOUBT,
    }
)

_VERDICT_TONES = {
    ReviewVerdict.APPROVE: "good",
    ReviewVerdict.REJECT: "bad",
    ReviewVerdict.ABSTAIN: "plain",
}
_HAPPENED = {
    "proposal.proposed": "filed the proposal",
    "proposal.edited": "edited the plan",
    "proposal.approved": "made the last approval it needed",
    "proposal.rejected": "closed it as rejected",
    "proposal.cancelled": "cancelled it",
    "proposal.expired": "closed it as expired",
    "proposal.executed": "carried it out",
    "proposal.failed": "tried to carry it out, and it failed",
    "proposal.in_doubt": "could not tell whether it took effect",
    "review.approve": "approved",
    "review.reject": "rejected",
    "review.abstain": "abstained",
}


@dataclass(frozen=True, slots=True)
class Sent:
    """What a form carried: what its reader had seen, and what they wrote."""

    digest: str = ""
    version: str = ""
    seen_plan: str = ""
    comment: str = ""

    @classmethod
    def by(cls, request: HttpRequest) -> Self:
        """As it was posted. What is missing is empty, and matches nothing."""
        names = ("digest", "version", "seen_plan", "comment")
        # A form sends every line break as two characters.
        said = {name: request.POST.get(name, "").replace("\r\n", "\n") for name in names}
        return cls(**said)

    def is_current(self, row: Proposal) -> bool:
        """Whether the reader saw the proposal as it is now."""
        return self.digest == row.digest and self.version == str(row.version)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why nothing was done, and what the reader would otherwise lose.

    `changed`: what they saw against what is there now. `theirs`: the edit they were making.
    """

    message: str
    changed: list[dict[str, Any]]
    theirs: list[dict[str, Any]]
    comment: SafeString
    typed: list[tuple[SafeString, SafeString]]


def refusal(
    row: Proposal,
    sent: Sent,
    error: GovernanceError,
    *,
    edited: Plan | None = None,
    typed: Iterable[tuple[str, str]] = (),
) -> Refusal:
    """What to show of an error; `row` is the proposal as it is now."""
    seen = parsed(sent.seen_plan)
    moved = sent.digest != row.digest and seen is not None
    return Refusal(
        message=str(error),
        changed=_between(seen, parsed(_carried(row))) if moved else [],
        theirs=_between(seen, edited),
        comment=visible(sent.comment),
        typed=[(visible(name), visible(text)) for name, text in typed],
    )


def page(
    admin: ModelAdmin[Any],
    request: HttpRequest,
    row: Proposal,
    *,
    sent: Sent | None = None,
    refused: Refusal | None = None,
    status: int = 200,
) -> HttpResponse:
    """The whole page. Reads only."""
    plan = plans.parse_text(row.plan_in_force)
    types = steps.catalogue_of(plan, row.workspace_id)
    reviews = list(row.reviews.select_related("reviewer"))
    changes = list(changes_in(row, plan, types))
    heading = steps.heading(plan, types)
    how = filings.filed([row.pk]).get(row.pk, filings.Filed())
    context = {
        "row": row,
        "heading": heading,
        "agent_name": visible(row.agent.name),
        "agent_url": frame.link_to(admin, row.agent),
        "waiting": is_waiting(row),
        "state": state_of(row),
        "asked": _asked(row),
        "words": steps.words(plan, types),
        "steps": steps.shown(plan, types),
        "canonical": visible(_carried(row)),
        "masked": _carried(row) != plan.text,
        "changes": changes,
        "edit": frame.shown_difference(row.edit),
        "workflows": filings.origins(admin, row, how),
        "seen_plan": json_escaped(_carried(row)),
        "decider": visible(row.decider),
        "advice": proposal_advice.of_proposal(request, row),
        "training": training_facts.of_proposal(row),
        "claim": {
            "title": visible(clean_text(row.title)) if how.titled else "",
            "reasoning": visible(clean_text(row.reasoning)),
        },
        "place": proposal_queue.place(request, row),
        "standing": standing(request, row, reviews, types, changes),
        "sent": sent or Sent(),
        "refused": refused,
        **_why(admin, row, len(plans.parse_text(row.plan).steps)),
        **_origin(admin, row),
        **_reviews(row, reviews),
        **_outcome(admin, row),
    }
    return frame.render(
        admin, request, "proposal/decision.html", context, title=heading, status=status
    )


def parsed(text: str) -> Plan | None:
    """A plan a form carried; None for what is none."""
    try:
        return plans.parse(parse_json(text, what="plan", max_bytes=MAX_CARRIED))
    except InvalidInput:
        return None


def _carried(row: Proposal) -> str:
    return steps.carried(plans.parse_text(row.plan_in_force))


def _between(before: Plan | None, after: Plan | None) -> list[dict[str, Any]]:
    if before is None or after is None:
        return []
    return frame.shown_difference(plans.difference(before.as_json(), after.as_json()))


def state_of(row: Proposal) -> SafeString:
    if is_overdue(row):
        return badge(ProposalState.EXPIRED, ProposalState.EXPIRED.label)
    return frame.state_badge(row)


def _asked(row: Proposal) -> str:
    """What the plan on the page is, by what became of it."""
    if is_waiting(row):
        return "What will be done"
    return "What was approved" if row.state in _APPROVED else "What was asked for"


# --- Why the gate sent it here


def _why(admin: ModelAdmin[Any], row: Proposal, filed: int) -> dict[str, Any]:
    """The gate's answers: those of the filing, one a step, and those given when asked again."""
    rows = row.decisions.select_related("policy")
    first = list(rows.order_by("created_at", "id")[:filed])
    later = rows.exclude(pk__in=[decision.pk for decision in first])
    latest = later.order_by("-created_at", "-id")[:MAX_LATER]
    return {
        "answers": [_answer(admin, decision) for decision in first],
        "later_answers": [_answer(admin, decision) for decision in latest],
        "later_total": later.count(),
    }


def _answer(admin: ModelAdmin[Any], decision: Decision) -> dict[str, Any]:
    return {
        "at": decision.created_at,
        "step": decision.step,
        "key": visible(decision.action_type),
        "route": badge(decision.route, decision.get_route_display()),
        "reasons": [visible(str(reason)) for reason in decision.reasons],
        "rules": [visible(str(match.get("rule", ""))) for match in decision.matched_rules],
        "grant": decision.grant_id,
        "maturity": decision.get_maturity_display(),
        "policy": decision.policy.number if decision.policy else None,
        "policy_url": frame.link_to(admin, decision.policy),
        "url": frame.link_to(admin, decision),
    }


# --- Where it comes from, who said what, what became of it


def _origin(admin: ModelAdmin[Any], row: Proposal) -> dict[str, Any]:
    if row.run is None:
        return {"run": None}
    trigger = row.run.trigger
    return {
        "run": row.run,
        "run_url": frame.link_to(admin, row.run),
        "run_state": frame.state_badge(row.run),
        "trigger": {
            "source": trigger.get_source_display(),
            "type": visible(trigger.type),
            "context": visible_json(clean(trigger.context)) if trigger.context else None,
        },
    }


def _reviews(row: Proposal, reviews: list[Review]) -> dict[str, Any]:
    counted = {
        review.pk
        for review in reviews
        if review.verdict == ReviewVerdict.APPROVE and review.digest == row.digest
    }
    return {
        "approvals": len(counted),
        "reviews": [
            {
                "who": review.reviewer.get_username(),
                "verdict": frame.tag(
                    review.get_verdict_display(), _VERDICT_TONES[ReviewVerdict(review.verdict)]
                ),
                "edited": review.edited,
                "stale": review.verdict == ReviewVerdict.APPROVE and review.pk not in counted,
                "at": review.created_at,
                "comment": visible(review.comment),
            }
            for review in reviews
        ],
    }


def _outcome(admin: ModelAdmin[Any], row: Proposal) -> dict[str, Any]:
    execution = Execution.objects.of_proposal(row.pk)
    return {
        "execution": execution,
        "execution_url": frame.link_to(admin, execution),
        "execution_state": frame.state_badge(execution) if execution else "",
        "closing_reason": visible(row.closing_reason),
        "ledger_url": ledger_url(row),
        "trail": [_event(entry) for entry in LedgerEntry.objects.about(row.pk)[:MAX_TRAIL]],
    }


def _event(entry: LedgerEntry) -> dict[str, Any]:
    body = entry.data
    what = _HAPPENED.get(entry.kind, entry.kind.replace("_", " ").replace(".", ": "))
    if entry.kind == "proposal.approved" and "advice" in body["data"]:
        what = "approved it on an agent’s advice, as this workspace lets it"
    said = body["data"].get("comment") or body["data"].get("reason") or ""
    # A rejection is a review and the end of the proposal; its reason is said once.
    repeated = entry.kind == "proposal.rejected"
    return {
        "at": entry.created_at,
        "who": visible(body["by"]["label"]),
        "kind": body["by"]["kind"],
        "what": what,
        "said": "" if repeated else visible(str(said)),
    }
