"""The page of an execution: how it stands, what can be done about it, and how each step went.

What changes while somebody looks is drawn in parts. Each has a stamp, which is another one when the
part would look different; a browser that has them all is told so, and nothing is drawn again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.contrib.admin import ModelAdmin
from django.db.models import Count, Max
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.cache import get_conditional_response

from governance.admin import execution_standing, execution_steps, frame, steps
from governance.admin.base import ledger_url
from governance.admin.execution_steps import Brought, stamp
from governance.admin.facts import badge
from governance.admin.rendering.visible import visible, visible_json
from governance.domain.errors import GovernanceError
from governance.domain.states import StepState
from governance.domain.words import Route
from governance.models import Decision, Execution, ExecutionStep
from governance.models.execution import EXECUTION_ENDED, STEP_ENDED
from governance.policy import plans
from governance.policy.plans import Plan
from governance.policy.redaction import clean, clean_text

EVERY_MS = 1_000
"""How often an open page asks whether anything has changed."""

_CLEARED = {
    Route.EXECUTION: "The gate itself cleared it.",
    Route.SUPERVISION: "The gate cleared it under supervision.",
    Route.PROPOSAL: "People approved it.",
}


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why nothing was done, and what had been typed."""

    message: str = ""
    outcome: str = ""
    text: str = ""


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the page that is drawn, and changes, by itself."""

    key: str
    stamp: str
    template: str
    context: Callable[[], dict[str, Any]]


class Seen:
    """An execution as somebody sees it now. Reads little until it is drawn."""

    def __init__(
        self,
        admin: ModelAdmin[Any],
        request: HttpRequest,
        row: Execution,
        refused: Refusal | None = None,
    ) -> None:
        self.admin, self.request, self.row = admin, request, row
        self.refused = refused or Refusal()
        self.rows: list[ExecutionStep] = list(row.steps.order_by("position").defer("output"))
        self.brought = execution_steps.brought_by(row)
        self.acting = execution_standing.acting(request, row)

    @property
    def ended(self) -> bool:
        """Whether nothing will change any more."""
        return self.row.state in EXECUTION_ENDED

    @property
    def etag(self) -> str:
        """Another one as soon as any part would look different to this person."""
        return f'"{stamp(self.request.user.pk, [part.stamp for part in self.parts])}"'

    @property
    def summary(self) -> str:
        """How far it is, in a sentence that is read out when it changes."""
        ended = sum(one.state in STEP_ENDED for one in self.rows)
        state = self.row.get_state_display()
        said = f"{state}. {ended} of {len(self.rows)} steps ended"
        open_ones = [one for one in self.rows if one.state not in STEP_ENDED | {StepState.PENDING}]
        now = "; ".join(
            f"step {one.position + 1} {one.get_state_display().lower()}" for one in open_ones
        )
        return f"{said}; {now}." if now else f"{said}."

    @cached_property
    def plan(self) -> Plan:
        """What is carried out."""
        return plans.parse_text(self.row.plan)

    @cached_property
    def types(self) -> steps.Catalogue:
        """The action types it uses."""
        return steps.catalogue_of(self.plan, self.row.workspace_id)

    @cached_property
    def sentences(self) -> list[Any]:
        """Each step in words."""
        return steps.words(self.plan, self.types)

    @cached_property
    def finding(self) -> str:
        """What was found by the person who settled its doubt, if there was one."""
        return execution_standing.finding(self.row)

    @cached_property
    def parts(self) -> list[Part]:
        """In the order of the page."""
        row = self.row
        moved = (row.version, row.state, [one.state for one in self.rows])
        head = stamp(
            *(moved, row.lease_expires_at, row.not_before, row.waiting_for, row.lapses),
            *(execution_standing.sentence(row), row.proposal and row.proposal.version),
        )
        return [
            Part("head", head, "execution/head.html", self._head),
            Part("act", stamp(moved, self.acting), "execution/act.html", self._act),
            *(self._step_part(one) for one in self.rows),
            Part("answers", stamp(self._asked), "execution/answers.html", self._answers),
        ]

    @cached_property
    def _asked(self) -> dict[str, Any]:
        return Decision.objects.filter(execution=self.row).aggregate(Count("pk"), Max("created_at"))

    def _step_part(self, one: ExecutionStep) -> Part:
        brought = self.brought.get(one.pk, Brought())
        why = execution_steps.why(one, self.rows)
        seen = stamp(one.version, one.attempts, one.error, why, brought.stamp)
        key = f"step-{one.position + 1}"
        return Part(key, seen, "execution/step.html", lambda: self._step(one, brought))

    def _step(self, one: ExecutionStep, brought: Brought) -> dict[str, Any]:
        one.output = self._outputs[one.pk]
        found = execution_steps.context(self.admin, one, self.rows, brought)
        settled = bool(self.finding) and one.error == self.finding
        return {**found, "sentence": self.sentences[one.position], "settled": settled}

    @cached_property
    def _outputs(self) -> dict[Any, str]:
        return dict(self.row.steps.values_list("pk", "output"))

    def _head(self) -> dict[str, Any]:
        row, admin = self.row, self.admin
        return {
            "row": row,
            "state": frame.state_badge(row),
            "sentence": execution_standing.sentence(row),
            "steps": [(one.position + 1, frame.state_badge(one)) for one in self.rows],
            "agent_name": visible(row.agent.name),
            "agent_url": frame.link_to(admin, row.agent),
            "proposal_title": visible(clean_text(row.proposal.title)) if row.proposal else "",
            "run_url": frame.link_to(admin, row.run),
            "claimed_by": visible(row.claimed_by),
            "awaited": execution_standing.awaited(admin, row),
            "put_off": execution_standing.is_put_off(row),
            "error": visible(clean_text(row.error)),
            "settled": visible(self.finding),
        }

    def _act(self) -> dict[str, Any]:
        found: dict[str, Any] = {"row": self.row, "acting": self.acting, "refused": self.refused}
        if self.acting.kind == execution_standing.DOUBT:
            found["doubts"] = [self._doubt(o) for o in self.rows if o.state == StepState.IN_DOUBT]
            found["outcomes"] = execution_standing.consequences(self.rows)
        return found

    def _doubt(self, one: ExecutionStep) -> dict[str, Any]:
        return {
            "row": one,
            "number": one.position + 1,
            "sentence": self.sentences[one.position],
            "error": visible(clean_text(one.error)),
            "params": visible_json(clean(self.plan.steps[one.position].params)),
        }

    def _answers(self) -> dict[str, Any]:
        found = Decision.objects.filter(execution=self.row).order_by("created_at", "id")
        return {
            "row": self.row,
            "cleared": _CLEARED.get(Route(self.row.cleared_route), ""),
            "proposal_title": (
                visible(clean_text(self.row.proposal.title)) if self.row.proposal else ""
            ),
            "answers": [_answer(self.admin, decision) for decision in found],
            "ledger_url": ledger_url(self.row),
        }


def page(
    admin: ModelAdmin[Any],
    request: HttpRequest,
    row: Execution,
    *,
    refused: Refusal | None = None,
    status: int = 200,
) -> HttpResponse:
    """The whole page. Reads only."""
    seen = Seen(admin, request, row, refused)
    heading = steps.heading(seen.plan, seen.types)
    parts = {part.key: part for part in seen.parts}
    shown = steps.shown(seen.plan, seen.types)
    context = {
        "row": row,
        "heading": heading,
        "seen": seen,
        "parts": parts,
        "steps": [([one], one.number, parts[f"step-{one.number}"]) for one in shown],
        "refused": visible(refused.message) if refused else "",
        "live_url": reverse("admin:governance_execution_live", args=[row.pk]),
        "every": EVERY_MS,
        "now": timezone.now(),
    }
    return frame.render(
        admin, request, "execution/page.html", context, title=heading, status=status
    )


def live(admin: ModelAdmin[Any], request: HttpRequest, row: Execution) -> HttpResponseBase:
    """Only the parts that change; nothing but a 304 for a browser that has seen them as they are.

    Nothing is drawn before that is known.
    """
    seen = Seen(admin, request, row)
    unchanged = get_conditional_response(request, etag=seen.etag)
    response = unchanged or TemplateResponse(
        request, "admin/governance/execution/live.html", {"seen": seen}
    )
    response["ETag"] = seen.etag
    return response


def refusal(request: HttpRequest, error: GovernanceError) -> Refusal:
    """What a service refused, with what had been typed."""
    text = request.POST.get("note") or request.POST.get("reason") or ""
    return Refusal(str(error), request.POST.get("outcome", ""), text.replace("\r\n", "\n"))


def _answer(admin: ModelAdmin[Any], decision: Decision) -> dict[str, Any]:
    return {
        "at": decision.created_at,
        "step": decision.step,
        "route": badge(decision.route, decision.get_route_display()),
        "reasons": [visible(str(reason)) for reason in decision.reasons],
        "url": frame.link_to(admin, decision),
    }
