"""Edit and approve: a form drawn from the schemas, a preview that writes nothing, the approval.

All that was typed travels with every step, so nothing is lost on the way; and what is approved is
exactly what the preview showed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from django.http import HttpRequest, HttpResponse
from django.utils.safestring import SafeString
from django.views import View

from governance.admin import (
    frame,
    proposal_page,
    proposal_standing,
    proposal_verdicts,
    steps,
)
from governance.admin.base import actor
from governance.admin.facts import badge
from governance.admin.proposal_page import Sent
from governance.admin.rendering import schema_form
from governance.admin.rendering.schema_form import Field, FormError
from governance.admin.rendering.visible import json_escaped, visible
from governance.domain.errors import (
    GovernanceError,
    InvalidInput,
    NotFound,
    PlanChanged,
    StaleState,
)
from governance.domain.values import Json, canonical_text, parse_json
from governance.domain.words import Route
from governance.models import Proposal
from governance.policy import plans, redaction
from governance.policy.plans import Plan
from governance.services import clearing, proposals, reviews

PREFIX = "plan/"
"""Begins the name of every input that is a part of the plan."""

MAX_INPUTS = 900
"""Django reads at most a thousand inputs of a form; a plan with more is edited as JSON."""


@dataclass(frozen=True, slots=True)
class Preview:
    """What an edit would change, and what schemas and gate say to it. Nothing of it is written.

    `carried`: the edited plan as text, with the secrets that its editor was not shown masked.
    """

    carried: str
    difference: list[dict[str, Any]]
    problems: list[SafeString]
    answers: list[dict[str, Any]]
    invalid: bool

    @property
    def approvable(self) -> bool:
        """Whether this can be approved, as far as can be told before it is tried."""
        return bool(self.difference) and not self.problems


@dataclass(frozen=True, slots=True)
class Draft:
    """An edit under way: what was typed, what is wrong with it, what it would do."""

    sent: Sent
    fields: Mapping[str, str] = field(default_factory=dict)
    errors: Mapping[str, str] = field(default_factory=dict)
    error: str = ""
    preview: Preview | None = None


class EditView(View):
    """GET and the first POST show the form; `do` says what else: preview or approve."""

    http_method_names: ClassVar[list[str]] = ["get", "head", "post"]  # type: ignore[misc]  # Django's is no ClassVar
    admin: Any = None

    def get(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """The form, with the plan in force."""
        row = self.admin.find(request, object_id)
        sent = Sent(row.digest, str(row.version))
        return self._answer(request, row, sent)

    def post(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Show the form, preview what was typed, or approve what was previewed."""
        return self._answer(request, self.admin.find(request, object_id), Sent.by(request))

    def _answer(self, request: HttpRequest, row: Proposal, sent: Sent) -> HttpResponse:
        try:
            proposal_verdicts.require_current(row, sent, by=actor(request))
            _require_editable(request, row)
        except GovernanceError as error:
            return self._refuse(request, row, sent, error)
        do = {"preview": self._preview, "approve": self._approve}.get(request.POST.get("do", ""))
        return do(request, row, sent) if do else self._show(request, row, Draft(sent))

    def _preview(self, request: HttpRequest, row: Proposal, sent: Sent) -> HttpResponse:
        fields = _fields(request)
        try:
            edited = read(row, fields)
        except FormError as error:
            draft = Draft(sent, fields, error.errors, "Correct what is marked below.")
            return self._show(request, row, draft, status=400)
        except InvalidInput as error:
            return self._show(request, row, Draft(sent, fields, error=str(error)), status=400)
        preview = weigh(row, edited)
        draft = Draft(sent, fields, preview=preview)
        return self._show(request, row, draft, status=400 if preview.invalid else 200)

    def _approve(self, request: HttpRequest, row: Proposal, sent: Sent) -> HttpResponse:
        fields, edited = _fields(request), None
        try:
            edited = _unmasked(row, request.POST.get("edited_plan", ""))
            _require_previewed(row, fields, edited)
            after = reviews.approve(
                proposal=row,
                digest=sent.digest,
                by=actor(request),
                comment=sent.comment,
                edited_plan=edited.as_json(),
            )
        except FormError:
            return self._preview(request, row, sent)
        except _ChangedSincePreview as error:
            draft = Draft(sent, fields, error=str(error), preview=weigh(row, error.typed))
            return self._show(request, row, draft, status=409)
        except StaleState as error:
            return self._refuse(request, row, sent, error)
        except GovernanceError as error:
            preview = weigh(row, edited) if edited else None
            draft = Draft(sent, fields, error=str(error), preview=preview)
            return self._show(request, row, draft, status=frame.status_of(error))
        return proposal_verdicts.go_on(request, after, proposal_verdicts.APPROVED_EDITED)

    def _refuse(
        self, request: HttpRequest, row: Proposal, sent: Sent, error: GovernanceError
    ) -> HttpResponse:
        """The proposal as it is now, and the edit that was under way."""
        fields = _fields(request)
        edited = _theirs(row, sent, fields, request.POST.get("edited_plan", ""))
        typed = [] if edited else [(name.removeprefix(PREFIX), fields[name]) for name in fields]
        return proposal_verdicts.refuse(
            self.admin, request, row, sent, error, edited=edited, typed=typed
        )

    def _show(
        self, request: HttpRequest, row: Proposal, draft: Draft, status: int = 200
    ) -> HttpResponse:
        plan = plans.parse_text(row.plan_in_force)
        types = steps.catalogue_of(plan, row.workspace_id)
        schemas = _schemas(plan, types)
        shown = steps.shown(plan, types)
        heading = steps.heading(plan, types)
        context = {
            "row": row,
            "heading": heading,
            "agent_name": visible(row.agent.name),
            "agent_url": frame.link_to(self.admin, row.agent),
            "draft": draft,
            "error": visible(draft.error),
            "seen_plan": json_escaped(steps.carried(plan)),
            "forms": [
                (one, _form(step, schemas[step.id], draft))
                for one, step in zip(shown, plan.steps, strict=True)
            ],
        }
        return frame.render(
            self.admin, request, "proposal/edit.html", context, title=heading, status=status
        )


class _ChangedSincePreview(PlanChanged):
    """The fields were changed after the preview, and the preview was about to be approved."""

    def __init__(self, typed: Plan) -> None:
        self.typed = typed
        super().__init__(
            "You changed something after the preview, and nothing was approved. This is the "
            "preview of what you wrote; approve it if it is right."
        )


def read(row: Proposal, fields: Mapping[str, str]) -> Plan:
    """The plan as it was typed. Raises FormError naming the inputs, and InvalidInput."""
    plan = plans.parse_text(row.plan_in_force)
    schemas = _schemas(plan, steps.catalogue_of(plan, row.workspace_id))
    return _read(plan, schemas, fields)


def weigh(row: Proposal, edited: Plan) -> Preview:
    """What the edit changes, and whether schemas and gate would let it pass now. Reads only."""
    now = plans.parse_text(row.plan_in_force)
    difference = plans.difference(now.as_json(), edited.as_json())
    carried = json_escaped(canonical_text(redaction.conceal(edited.as_json(), now.as_json())))
    own = proposals.is_systems(now)
    try:
        if own:
            reviews.require_same_subject(now, edited)
        clearing.look_up(edited, agent=row.agent, by_system=own)
        cleared = clearing.clear(edited, agent=row.agent, run=row.run, by_system=own)
    except (InvalidInput, NotFound) as error:
        shown = frame.shown_difference(difference)
        return Preview(carried, shown, [visible(str(error))], [], invalid=True)
    problems = []
    if not cleared.route.within(Route.PROPOSAL):
        problems.append(visible(f"The gate answers {cleared.sentence}. It cannot be approved so."))
    answers = [
        {
            "step": answer.step,
            "route": badge(answer.route, answer.route.label),
            "reasons": [visible(reason) for reason in answer.verdict.reasons],
        }
        for answer in cleared.answers
    ]
    return Preview(carried, frame.shown_difference(difference), problems, answers, invalid=False)


def _require_editable(request: HttpRequest, row: Proposal) -> None:
    standing = proposal_standing.standing_of(request, row)
    if standing.edit:
        return
    if standing.approve:
        raise InvalidInput("The system filed this one, and there is nothing in it to edit.")
    raise StaleState(standing.why_not or "This cannot be approved as it is now; see below why.")


def _require_previewed(row: Proposal, fields: Mapping[str, str], edited: Plan) -> None:
    """Where the form was sent along, it must still say what the preview showed."""
    if fields and (typed := read(row, fields)).text != edited.text:
        raise _ChangedSincePreview(typed)


def _fields(request: HttpRequest) -> dict[str, str]:
    return {name: text for name, text in request.POST.dict().items() if name.startswith(PREFIX)}


def _theirs(row: Proposal, sent: Sent, fields: Mapping[str, str], edited: str) -> Plan | None:
    """The edit of somebody whose page is stale, read against the plan they saw."""
    seen = proposal_page.parsed(sent.seen_plan)
    if seen is not None and fields:
        try:
            return _read(seen, _schemas(seen, steps.catalogue_of(seen, row.workspace_id)), fields)
        except (FormError, InvalidInput):
            return None
    return proposal_page.parsed(edited)


def _read(plan: Plan, schemas: Mapping[str, Json], fields: Mapping[str, str]) -> Plan:
    found = []
    errors: dict[str, str] = {}
    for step in plan.steps:
        try:
            shown = redaction.clean(step.params)
            typed = schema_form.read(schemas[step.id], fields, PREFIX + step.id, shown)
            found.append({**step.as_json(), "params": _restored(step, typed)})
        except FormError as error:
            errors |= error.errors
    if errors:
        raise FormError(errors)
    return plans.parse(found)


def _restored(step: plans.Step, typed: dict[str, Json]) -> dict[str, Json]:
    """What was typed, with what its editor was not shown put back. Raises InvalidInput."""
    params: dict[str, Json] = redaction.restore(typed, step.params)
    before, after = (canonical_text(one).count(redaction.MASK) for one in (step.params, params))
    if after > before:
        raise InvalidInput(
            f"Step {step.id}: {redaction.MASK} stands for a secret only where it stood before. "
            "Write the value there, or name a stored credential."
        )
    return params


def _unmasked(row: Proposal, text: str) -> Plan:
    """The plan that a preview carried. Raises InvalidInput."""
    carried = parse_json(text, what="plan", max_bytes=proposal_page.MAX_CARRIED)
    return plans.parse(redaction.restore(carried, plans.parse_text(row.plan_in_force).as_json()))


def _form(step: plans.Step, schema: Json, draft: Draft) -> SafeString:
    return schema_form.render(
        schema,
        redaction.clean(step.params),
        PREFIX + step.id,
        data=draft.fields,
        errors=draft.errors,
    )


def _schemas(plan: Plan, types: steps.Catalogue) -> dict[str, Json]:
    """The schema to draw each step from; the empty one, which asks for JSON, for huge plans."""
    found = {
        step.id: types[step.action_type].params_schema if step.action_type in types else {}
        for step in plan.steps
    }
    drawn = [schema_form.fields(found[s.id], s.params, PREFIX + s.id) for s in plan.steps]
    return found if sum(map(_inputs, drawn)) <= MAX_INPUTS else {key: {} for key in found}


def _inputs(fields: Iterable[Field]) -> int:
    """How many inputs they are drawn as; a box is two, and so is "Include"."""
    return sum(2 + 2 * one.optional + _inputs(one.children) for one in fields)
