"""Demos: a workspace with an agent of each maturity, and a story told through the services."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from django.contrib.auth import get_user_model
from django.contrib.auth.base_user import AbstractBaseUser
from django.db import transaction
from django.utils import timezone

from governance.domain.actors import Actor, system
from governance.domain.errors import StaleState
from governance.domain.roles import Role
from governance.domain.states import RunState
from governance.domain.values import Json
from governance.domain.words import Maturity, ProposalKind, Route, TriggerSource
from governance.models import (
    Agent,
    Canvas,
    Execution,
    PolicyVersion,
    Proposal,
    Run,
    TrainingPlan,
    Workspace,
)
from governance.policy import plans
from governance.policy.rules import RuleSource
from governance.services import (
    action_types,
    actions,
    agents,
    demo_scenes,
    executions,
    memberships,
    people,
    policies,
    reviews,
    runs,
    triggers,
    workspaces,
)

PATIENCE_SECONDS = 30.0
WORKSPACE, USERNAME = "demo", "demo"
NARRATOR = system("demo")
Tell = Callable[[str], None]
"""Prints one paragraph of the story."""

_CUSTOMER: dict[str, Json] = {
    "type": "string",
    "pattern": "^C-[0-9]{4}$",
    "description": "For example C-1234.",
}

ACTIONS: list[dict[str, Json]] = [
    {
        "key": "customer_lookup",
        "title": "Look up a customer",
        "complexity": 1,
        "reversibility": "reversible",
        "mode": "agent",
        "effect": "local",
        "params_schema": {
            "type": "object",
            "properties": {"customer": _CUSTOMER},
            "required": ["customer"],
            "additionalProperties": False,
        },
    },
    {
        "key": "address_change",
        "title": "Change a customer's address",
        "complexity": 3,
        "reversibility": "compensable",
        "mode": "agent",
        "effect": "unkeyed",
        "params_schema": {
            "type": "object",
            "properties": {
                "customer": _CUSTOMER,
                "street": {"type": "string", "minLength": 1, "maxLength": 200},
                "city": {"type": "string", "minLength": 1, "maxLength": 100},
            },
            "required": ["customer", "street", "city"],
            "additionalProperties": False,
        },
    },
    {
        "key": "refund_issue",
        "title": "Issue a refund",
        "complexity": 4,
        "reversibility": "irreversible",
        "mode": "agent",
        "effect": "unkeyed",
        "params_schema": {
            "type": "object",
            "properties": {
                "customer": _CUSTOMER,
                "invoice": {"type": "string", "pattern": "^INV-[0-9]{6}$"},
                "amount": {"type": "number", "exclusiveMinimum": 0, "description": "In euros."},
                "notify_customer": {"type": "boolean", "description": "Send an e-mail."},
                "reason": {"enum": ["paid twice", "damaged", "late", "goodwill"]},
            },
            "required": ["customer", "invoice", "amount", "reason"],
            "additionalProperties": False,
        },
    },
]

RULES = [
    RuleSource(
        "figures-by-interns",
        "canvas_present",
        'agent.maturity == "intern" && params.kind in ["chart", "sheet"]',
        Route.PROPOSAL,
        "figures of an intern are read by a person first",
    ),
    RuleSource(
        "large-refunds",
        "refund_*",
        "params.amount > 500.0",
        Route.PROPOSAL,
        "refunds above 500 euros always need a person",
    ),
]

CHART: dict[str, Json] = {
    "kind": "chart",
    "title": "Refunds by month",
    "chart": {
        "type": "bar",
        "labels": ["July", "August", "September", "October"],
        "series": [
            {"name": "Paid twice", "values": [14, 11, 9, 4]},
            {"name": "Damaged", "values": [6, 8, 7, 9]},
        ],
    },
}


SHEET: dict[str, Json] = {
    "kind": "sheet",
    "title": "Refunds of last week",
    "sheet": {
        "columns": ["Invoice", "Customer", "Euros", "Reason"],
        "rows": [
            ["INV-204698", "C-1204", 39.95, "damaged"],
            ["INV-204702", "C-3310", 120, "late"],
            ["INV-204705", "C-0077", 18.5, "paid twice"],
        ],
    },
}

MOVED: dict[str, Json] = {"customer": "C-0815", "street": "Nieuwegracht 12", "city": "Utrecht"}

REFUND: dict[str, Json] = {
    "customer": "C-4711",
    "invoice": "INV-204711",
    "amount": 649.5,
    "notify_customer": True,
    "reason": "paid twice",
}


@dataclass(frozen=True, slots=True)
class House:
    """The demo's workspace, its one person, and an agent of each maturity."""

    workspace: Workspace
    user: AbstractBaseUser
    agents: dict[Maturity, Agent]

    @property
    def person(self) -> Actor:
        """The person, as the `by` of a service."""
        return memberships.person(self.user)


@dataclass(frozen=True, slots=True)
class Told:
    """What the story left behind."""

    canvas: Canvas
    decided: Proposal
    waiting: list[Proposal]


def build(*, password: str) -> House:
    """Make sure the demo's workspace is there. Safe to repeat; the password is set each time."""
    with transaction.atomic():
        workspaces.install(name=WORKSPACE, by=NARRATOR)
        workspace = Workspace.objects.named(WORKSPACE)
        action_types.load(workspace=workspace, entries=ACTIONS, by=NARRATOR)
        _publish(workspace)
        user = _person(workspace, password=password)
        found = {maturity: _agent(workspace, user, maturity) for maturity in Maturity}
    return House(workspace, user, found)


def tell(house: House, *, say: Tell) -> Told:
    """Tell the story through the real services, one paragraph at a time; everything happens."""
    _student_is_blocked(house, say=say)
    proposal = _intern_proposes(house, say=say)
    canvas, decided = _person_edits_and_approves(house, proposal, say=say)
    _autonomous_acts(house, say=say)
    waiting = _others_wait(house, say=say)
    demo_scenes.a_run_to_watch(house.workspace, house.user, by=NARRATOR, say=say)
    demo_scenes.what_was_earned(house.agents[Maturity.INTERN], say=say)
    return Told(canvas, decided, waiting)


def _publish(workspace: Workspace) -> None:
    newest = PolicyVersion.objects.newest(workspace.id)
    if newest is not None and newest.sources():
        return  # the demo's rules, or what somebody made of them since
    version = policies.draft(workspace=workspace, by=NARRATOR, note="The demo's rules.")
    policies.set_rules(version=version, rules=RULES, by=NARRATOR)
    policies.publish(version=version, by=NARRATOR, replaces=newest.number if newest else None)


def _person(workspace: Workspace, *, password: str) -> AbstractBaseUser:
    user = get_user_model().objects.filter(username=USERNAME).first()
    if user is not None:
        people.reset_password(user=user, password=password, by=NARRATOR)
        return user
    return people.create(
        workspace=workspace,
        username=USERNAME,
        password=password,
        role=Role.GOVERNOR,
        by=NARRATOR,
    )


def _agent(workspace: Workspace, owner: AbstractBaseUser, maturity: Maturity) -> Agent:
    name = f"{maturity.value}-bot"
    found = Agent.objects.of(workspace.id).filter(name=name).first()
    return found or agents.register(
        workspace=workspace,
        name=name,
        owner=owner,
        by=NARRATOR,
        maturity=maturity,
        category="customer service",
        description=f"The demo's {maturity.value} agent.",
        configuration={"capabilities": ["refunds", "addresses", "charts"]},
    )


def _start(house: House, maturity: Maturity) -> Run:
    started = triggers.fire(
        agent=house.agents[maturity], source=TriggerSource.MANUAL, type="demo", by=house.person
    )
    if started.run is None:
        raise StaleState(f"The demo's {maturity} agent cannot start: it was paused or retired.")
    return started.run


def _student_is_blocked(house: House, *, say: Tell) -> None:
    agent = house.agents[Maturity.STUDENT]
    started = triggers.fire(
        agent=agent,
        source=TriggerSource.DATA_SYNC,
        type="invoice_disputed",
        context={"action_types": ["customer_lookup", "refund_issue"]},
        by=NARRATOR,
    )
    plan = TrainingPlan.objects.open_for(agent.id)
    waits = f" A training of about {plan.hours:.0f} h waits for a person." if plan else ""
    say(
        f"1. A data sync asks {agent.name} to start. The gate answers {started.trigger.route}: "
        f"{'; '.join(started.decision.reasons)}. There is no run.{waits}"
    )


def _intern_proposes(house: House, *, say: Tell) -> Proposal:
    agent, run = house.agents[Maturity.INTERN], _start(house, Maturity.INTERN)
    answer = actions.request(
        run=run,
        action_type="canvas_present",
        params=CHART,
        by=agent.actor,
        title="Show refunds by month",
        reasoning="Refunds for double payments fall since the new invoice layout; people should "
        "see it.",
    )
    if answer.proposal is None:
        raise StaleState(
            f"The demo's chart was not proposed, the policy was changed: "
            f"{'; '.join(answer.reasons)}."
        )
    say(
        f"2. A person starts {agent.name}. It wants to show a chart. The gate answers "
        f"{answer.route.value}: {'; '.join(answer.reasons)}. A proposal waits."
    )
    return answer.proposal


def _person_edits_and_approves(
    house: House, proposal: Proposal, *, say: Tell
) -> tuple[Canvas, Proposal]:
    edited = plans.parse_text(proposal.plan).as_json()
    edited[0]["params"]["title"] = "Number of refunds by month"
    approved = reviews.approve(
        proposal=proposal,
        digest=proposal.digest,
        by=house.person,
        edited_plan=edited,
        comment="It counts refunds, not euros.",
    )
    change = approved.edit[0]
    say(
        f"3. {house.user.get_username()} approves it with an edit at {change['path']}: "
        f"{change['before']!r} becomes {change['after']!r}. The edited plan went through the gate "
        f"again, and has a new digest: {approved.digest[:12]}."
    )
    execution = _work(approved)
    canvas = Canvas.objects.get(step__execution=execution)
    approved.refresh_from_db()
    say(f"4. The worker carries it out, exactly once: the proposal is {approved.state}.")
    _end(proposal.run, house.agents[Maturity.INTERN])
    return canvas, approved


def _work(proposal: Proposal) -> Execution:
    """Be the worker until this proposal's execution has ended, by us or by a worker beside us."""
    worker, deadline = system("worker"), time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        execution = Execution.objects.of_proposal(proposal.pk)
        if execution is not None and execution.finished_at is not None:
            return execution
        if executions.run_next(by=worker) is None:
            time.sleep(0.05)
    raise StaleState("The execution waits: is GOVERNANCE_EXECUTION_ENABLED false?")


def _autonomous_acts(house: House, *, say: Tell) -> None:
    agent, run = house.agents[Maturity.AUTONOMOUS], _start(house, Maturity.AUTONOMOUS)
    answer = actions.request(
        run=run, action_type="customer_lookup", params={"customer": "C-4711"}, by=agent.actor
    )
    if answer.claim is None:
        raise StaleState("The demo's look-up was not cleared.")
    executions.report(
        execution=answer.claim.execution,
        token=answer.claim.token,
        outcome="done",
        output={"name": "R. Example", "city": "Utrecht"},
        by=agent.actor,
    )
    say(
        f"5. {agent.name} looks a customer up. The gate answers {answer.route.value} at once; it "
        "acts, and reports."
    )
    _end(run, agent)


def _others_wait(house: House, *, say: Tell) -> list[Proposal]:
    """Leave a few proposals for the person to decide, unless some wait from last time."""
    waiting = _waiting(house)
    if not waiting:
        _ask_for_more(house)
        waiting = _waiting(house)
    say(f"6. {len(waiting)} proposals wait for a person: {_titles(waiting)}.")
    return waiting


def _waiting(house: House) -> list[Proposal]:
    """Not the student's training, which waits from the first paragraph on."""
    found = Proposal.objects.of(house.workspace.id).pending(now=timezone.now())
    return list(found.exclude(kind=ProposalKind.TRAINING))


def _ask_for_more(house: House) -> None:
    intern, supervised = house.agents[Maturity.INTERN], house.agents[Maturity.SUPERVISED]
    intern_run, supervised_run = _start(house, Maturity.INTERN), _start(house, Maturity.SUPERVISED)
    actions.request(
        run=intern_run,
        action_type="canvas_present",
        params=SHEET,
        by=intern.actor,
        title="Show last week's refunds",
        reasoning="The team lead reads this list on Mondays.",
    )
    actions.request(
        run=intern_run,
        action_type="address_change",
        params=MOVED,
        by=intern.actor,
        title="Move customer C-0815 to Utrecht",
        reasoning="The customer wrote on Monday that they have moved.",
    )
    actions.request(
        run=supervised_run,
        action_type="refund_issue",
        params=REFUND,
        by=supervised.actor,
        title="Refund invoice INV-204711",
        reasoning="The bank statement shows the invoice paid on the 3rd and on the 5th.",
    )
    triggers.fire(
        agent=intern,
        source=TriggerSource.WORKFLOW_ENGINE,
        type="month_closed",
        by=NARRATOR,
        context={"month": "October"},
    )


def _end(run: Run | None, agent: Agent) -> None:
    if run is not None:
        runs.finish(run=run, outcome=RunState.SUCCEEDED, by=agent.actor)


def _titles(proposals: list[Proposal]) -> str:
    return "; ".join(f"{proposal.title} ({proposal.agent.name})" for proposal in proposals)
