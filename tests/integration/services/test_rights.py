"""Who may do what: one table for all services. A refusal writes nothing."""

from __future__ import annotations

import datetime
from types import SimpleNamespace

import pytest
from django.db import transaction
from django.utils import timezone

from governance.domain.errors import NotAllowed
from governance.services import (
    action_types,
    actions,
    advice,
    agents,
    curricula,
    executions,
    forms,
    grants,
    memberships,
    policies,
    proposals,
    reviews,
    runs,
    trainings,
    triggers,
    workflows,
    workspaces,
)
from tests.factories import (
    BY_SYSTEM,
    ActionTypeFactory,
    BlockedTriggerFactory,
    CanvasFactory,
    CeilingFactory,
    EmptyWorkspaceFactory,
    ExecutionFactory,
    GrantFactory,
    MembershipFactory,
    PolicyVersionFactory,
    ProposalFactory,
    TrainingSessionFactory,
    TrainingTopicFactory,
    UserFactory,
    adviser,
    by,
    claimed,
    member_of,
    paused,
    training_begun,
    training_completed,
)
from tests.integration.services.checks import everything, refused

pytestmark = pytest.mark.django_db

PLAN = [{"id": "step1", "action_type": "pay", "params": {}}]
VALUES = {"title": "Pay"}
FORM = {"fields": [{"name": "why", "label": "Why?", "type": "text"}]}
WORKFLOW = {"name": "w", "title": "W", "plan": PLAN, "params_schema": {"type": "object"}}


@pytest.fixture
def rows(house):
    """One row of each kind; `of` reads one again, as every request would."""
    action_type = ActionTypeFactory(workspace=house.workspace, key="pay")
    run = house.run()
    agent = run.agent

    def proposal():
        return ProposalFactory(run=run, action_type="pay")

    found = SimpleNamespace(
        house=house,
        workspace=house.workspace,
        user=UserFactory(),
        agent=agent,
        paused=paused(house.agent()),
        action_type=action_type,
        run=run,
        proposal=proposal(),
        ready=ExecutionFactory(proposal=proposal()),
        claimed=claimed(ExecutionFactory(proposal=proposal())),
        draft=PolicyVersionFactory(workspace=house.workspace),
        grant=GrantFactory(agent=agent, action_type="pay"),
        form=CanvasFactory(run=run, params={"kind": "form", "title": "t", "form": FORM}),
        adviser=adviser(house.workspace),
    )
    CeilingFactory(agent=agent, maturity="intern")

    def of(name):
        if not hasattr(found, name):
            setattr(found, name, TRAINING[name](house))
        row = getattr(found, name)
        return type(row)._default_manager.get(pk=row.pk)

    return SimpleNamespace(of=of)


def training(house):
    """Of a student of its own, for one objective, `lamps`."""
    TrainingTopicFactory(workspace=house.workspace, capability="lamps")
    agent = house.agent("student")
    trigger = BlockedTriggerFactory(agent=agent, context={"action_types": []})
    return TrainingSessionFactory(plan=trigger.plan)


# Made only where a case needs one: a training has a story.
TRAINING = {
    "topic": lambda house: TrainingTopicFactory(workspace=house.workspace),
    "training": training,
    "under_way": lambda house: training_begun(training(house)),
    "task": lambda house: training_begun(training(house)).tasks.first(),
    "resolved": lambda house: training_completed(training(house)).plan.blocked.get(),
}


@pytest.fixture
def actors(rows, house):
    """Everybody who could ask."""
    inactive = UserFactory(is_active=False)
    MembershipFactory(workspace=house.workspace, role="governor", user=inactive)
    elsewhere = member_of(EmptyWorkspaceFactory(), "governor")
    return {
        "viewer": house.by_viewer,
        "auditor": house.by_auditor,
        "reviewer": house.by_reviewer,
        "supervisor": house.by_supervisor,
        "governor": house.by_governor,
        "inactive governor": by(inactive),
        "governor of another workspace": elsewhere,
        "superuser without membership": by(UserFactory(is_superuser=True, is_staff=True)),
        "nobody's user": by(UserFactory()),
        "its agent": rows.of("agent").actor,
        "another agent": house.agent("autonomous").actor,
        "the system": BY_SYSTEM,
    }


WHY = {"reason": "for a test"}
GOVERNORS = {"governor", "the system"}
DECIDERS = {"reviewer", "supervisor", "governor"}
STARTERS = {"supervisor", "governor"}
SUPERVISORS = {"supervisor", "governor"}
RESULT = {"scores": {"lamps": 0.5}, "errors": 0, "hours_spent": 8.0}
TOPIC = {"capability": "lamps", "objective": "Knows lamps.", "tasks": ["Read."]}

# verb, the row it takes, its other keywords, who may
TABLE = [
    (workspaces.halt, "workspace", WHY, GOVERNORS),
    (memberships.add, "workspace", {"user": "user", "role": "governor"}, GOVERNORS),
    (agents.register, "workspace", {"name": "new", "owner": "user"}, GOVERNORS),
    (agents.update, "agent", {"changes": {"category": "x"}}, GOVERNORS),
    (agents.pause, "agent", WHY, GOVERNORS),
    (agents.resume, "paused", WHY, GOVERNORS),
    (agents.retire, "agent", WHY, GOVERNORS),
    (action_types.define, "workspace", {"key": "pay", "values": VALUES}, GOVERNORS),
    (action_types.install_builtin, "workspace", {}, GOVERNORS),
    (policies.draft, "workspace", {}, GOVERNORS),
    (policies.set_rules, "draft", {"rules": []}, GOVERNORS),
    (policies.publish, "draft", {"replaces": 1}, GOVERNORS),
    (policies.discard, "draft", {}, GOVERNORS),
    (workflows.define, "workspace", WORKFLOW, GOVERNORS),
    (grants.give, "agent", {"action_type": "pay", "expires_at": "soon", **WHY}, {"governor"}),
    (grants.revoke, "grant", WHY, GOVERNORS),
    (grants.set_ceiling, "agent", {"maturity": "student", **WHY}, {"governor"}),
    (grants.lift_ceiling, "agent", WHY, GOVERNORS),
    (triggers.fire, "agent", {"source": "manual", "type": "x"}, STARTERS | {"the system"}),
    (triggers.fire, "agent", {"source": "data_sync", "type": "x"}, STARTERS | {"the system"}),
    (runs.finish, "run", {"outcome": "failed"}, STARTERS | {"the system", "its agent"}),
    (actions.request, "run", {"action_type": "pay", "params": {}}, {"its agent"}),
    (proposals.propose, "agent", {"plan": PLAN}, {"its agent"}),
    (proposals.cancel, "proposal", WHY, DECIDERS | {"the system", "its agent"}),
    (reviews.approve, "proposal", {"digest": "its own"}, DECIDERS),
    (reviews.reject, "proposal", {"digest": "its own", **WHY}, DECIDERS),
    (reviews.abstain, "proposal", {"digest": "its own"}, DECIDERS),
    (forms.answer, "form", {"answers": {"why": "x"}}, DECIDERS),
    (advice.ask, "adviser", {"proposal": "waiting"}, DECIDERS),
    (advice.ask, "adviser", {"run": "its run"}, DECIDERS),
    (advice.ask_here, "adviser", {"proposal": "waiting"}, DECIDERS),
    (advice.allow_to_approve, "workspace", {"allowed": True}, {"governor"}),
    (action_types.install_own, "workspace", {}, {"the system"}),
    (curricula.install, "workspace", {}, GOVERNORS),
    (curricula.define, "workspace", TOPIC, GOVERNORS),
    (curricula.remove, "topic", {}, GOVERNORS),
    (trainings.start, "training", {}, SUPERVISORS),
    (trainings.tick, "task", {"done": True}, SUPERVISORS),
    (trainings.complete, "under_way", RESULT, SUPERVISORS),
    (trainings.fail, "under_way", WHY, SUPERVISORS),
    (trainings.cancel, "training", WHY, SUPERVISORS),
    (triggers.retry, "resolved", {}, STARTERS | {"the system"}),
    (executions.claim, "ready", {"digest": "its own"}, {"its agent"}),
    (executions.report, "claimed", {"token": 1, "outcome": "done"}, {"its agent"}),
]

KEYWORDS = {
    "paused": "agent",
    "ready": "execution",
    "claimed": "execution",
    "draft": "version",
    "form": "canvas",
    "training": "session",
    "under_way": "session",
    "resolved": "blocked",
}


def call(verb, row, values, *, rows, by):
    found = rows.of(row)
    values = dict(values)
    if values.get("digest") == "its own":
        values["digest"] = found.digest
    if values.get("expires_at") == "soon":
        values["expires_at"] = timezone.now() + datetime.timedelta(hours=1)
    for name in {"user", "owner"} & set(values):
        values[name] = rows.of("user")
    if values.get("proposal") == "waiting":
        values["proposal"] = rows.of("proposal")
    if values.get("run") == "its run":
        values["run"] = rows.of("run")
    return verb(**{KEYWORDS.get(row, row): found}, **values, by=by)


@pytest.mark.parametrize(
    ("verb", "row", "values", "allowed"),
    TABLE,
    ids=[f"{verb.__module__.split('.')[-1]}.{verb.__name__} {row}" for verb, row, *_ in TABLE],
)
def test_who_may(rows, actors, verb, row, values, allowed):
    assert allowed < set(actors)
    rows.of(row)
    before = everything()
    for name, actor in actors.items():
        if name not in allowed:
            with pytest.raises(NotAllowed, match=r"may|[Oo]nly|cannot"):
                call(verb, row, values, rows=rows, by=actor)
    assert everything() == before
    for name in allowed:
        with transaction.atomic():
            call(verb, row, values, rows=rows, by=actors[name])
            transaction.set_rollback(True)


def test_a_right_ends_with_the_membership_role(house):
    agents.register(workspace=house.workspace, name="a", owner=house.viewer, by=house.by_governor)
    MembershipFactory(workspace=house.workspace, role="governor")
    memberships.add(workspace=house.workspace, user=house.governor, role="viewer", by=BY_SYSTEM)
    with refused(NotAllowed, "may not govern agents"):
        agents.register(
            workspace=house.workspace, name="b", owner=house.viewer, by=house.by_governor
        )
