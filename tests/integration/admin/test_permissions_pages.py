"""Who may open and send what: every page, every role, by hand."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import pytest
from django.test import Client

from governance.models import Grant, LedgerEntry, PolicyRule, Workspace
from tests.factories import (
    AgentFactory,
    AllowedHostFactory,
    CeilingFactory,
    CredentialFactory,
    DeviceFactory,
    GrantFactory,
    House,
    MembershipFactory,
    PolicyVersionFactory,
    ProposalFactory,
    RunFactory,
    SupervisionSessionFactory,
    TrainingPlanFactory,
    TrainingSessionFactory,
    TrainingTopicFactory,
    UserFactory,
    WorkflowFactory,
    WorkspaceFactory,
    approved,
    halted,
    paused,
    rule,
)
from tests.integration.admin.visits import signed_in, url

ROLES = ("viewer", "auditor", "reviewer", "supervisor", "governor")

LISTS = (
    "actiontype",
    "agent",
    "allowedhost",
    "blockedtrigger",
    "canvas",
    "ceiling",
    "credential",
    "decision",
    "device",
    "execution",
    "grant",
    "ledgerentry",
    "membership",
    "policyversion",
    "proposal",
    "run",
    "supervisionsession",
    "trainingsession",
    "trainingtopic",
    "trigger",
    "workflow",
    "workspace",
)

ADD_PAGES = (
    "actiontype",
    "agent",
    "allowedhost",
    "ceiling",
    "credential",
    "device",
    "grant",
    "membership",
    "policyversion",
    "trainingtopic",
    "workflow",
)

NO_ADD_PAGE = (
    "blockedtrigger",
    "canvas",
    "decision",
    "execution",
    "ledgerentry",
    "proposal",
    "run",
    "supervisionsession",
    "trainingsession",
    "trigger",
    "workspace",
)

#             model            page       row
ROW_FORMS = (
    ("agent", "edit", "agent"),
    ("agent", "pause", "agent"),
    ("agent", "resume", "paused_agent"),
    ("agent", "retire", "agent"),
    ("actiontype", "edit", "action_type"),
    ("allowedhost", "remove", "allowed_host"),
    ("ceiling", "lift", "ceiling"),
    ("credential", "rotate", "credential"),
    ("credential", "remove", "credential"),
    ("device", "rotate", "device"),
    ("device", "retire", "device"),
    ("grant", "revoke", "grant"),
    ("membership", "role", "membership"),
    ("policyversion", "edit", "draft"),
    ("policyversion", "publish", "draft"),
    ("policyversion", "discard", "draft"),
    ("trainingtopic", "edit", "topic"),
    ("trainingtopic", "remove", "topic"),
    ("workflow", "next", "workflow"),
    ("workspace", "advice", "workspace"),
    ("workspace", "halt", "workspace"),
    ("workspace", "resume", "halted_workspace"),
)

#             model            row
ROW_PAGES = (
    ("agent", "agent"),
    ("actiontype", "action_type"),
    ("allowedhost", "allowed_host"),
    ("ceiling", "ceiling"),
    ("credential", "credential"),
    ("decision", "decision"),
    ("device", "device"),
    ("grant", "grant"),
    ("ledgerentry", "entry"),
    ("membership", "membership"),
    ("policyversion", "draft"),
    ("blockedtrigger", "blocked"),
    ("run", "run"),
    ("supervisionsession", "session"),
    ("trainingsession", "training"),
    ("trainingtopic", "topic"),
    ("trigger", "trigger"),
    ("workflow", "workflow"),
    ("workspace", "workspace"),
)

ONLY_LOOKED_AT = {"supervisionsession"}
"""What is no form of the admin's at all."""

# What each of the five roles is answered, and a governor of another workspace, and a superuser who
# is a member of none: to see a row, to fill in a form about it, to read the lists, to add rows (of
# one's own workspaces).
#            role           see  fill read  add
ANSWERS = {
    "viewer": (200, 403, 200, 403),
    "auditor": (200, 403, 200, 403),
    "reviewer": (200, 403, 200, 403),
    "supervisor": (200, 403, 200, 403),
    "governor": (200, 200, 200, 200),
    "neighbour": (404, 404, 200, 200),
    "superuser": (404, 404, 403, 403),
}


@dataclass
class Scene:
    """A row of each kind, and somebody of each kind."""

    rows: dict[str, Any]
    people: dict[str, Any]


@pytest.fixture
def scene(house: House) -> Scene:
    run = house.run("intern")
    approved(ProposalFactory(run=run))
    training = TrainingSessionFactory(plan=TrainingPlanFactory(agent=house.agent("student")))
    # Halted, so that there is something to resume; with the same people in it.
    other = WorkspaceFactory()
    for role in ROLES:
        MembershipFactory(workspace=other, user=getattr(house, role), role=role)
    rows = {
        "agent": run.agent,
        "paused_agent": paused(house.agent()),
        "action_type": house.action_type("refund"),
        "allowed_host": AllowedHostFactory(workspace=house.workspace),
        "ceiling": CeilingFactory(agent=run.agent),
        "credential": CredentialFactory(workspace=house.workspace),
        "device": DeviceFactory(workspace=house.workspace),
        "grant": GrantFactory(agent=run.agent),
        "membership": house.viewer.memberships.get(workspace=house.workspace),
        "draft": PolicyVersionFactory(workspace=house.workspace, rules=[rule("first")]),
        "workspace": house.workspace,
        "halted_workspace": halted(other),
        "run": run,
        "session": SupervisionSessionFactory(run=run),
        "trigger": run.trigger,
        "workflow": WorkflowFactory(workspace=house.workspace),
        "training": training,
        "blocked": training.plan.blocked.get(),
        "topic": TrainingTopicFactory(workspace=house.workspace),
        "decision": run.decisions.first(),
        "entry": LedgerEntry.objects.of(house.workspace.pk).order_by("id").first(),
    }
    neighbour = UserFactory(username="neighbour", is_staff=True)
    MembershipFactory(workspace=WorkspaceFactory(), user=neighbour, role="governor")
    superuser = UserFactory(username="root", is_staff=True, is_superuser=True)
    people = {role: getattr(house, role) for role in ROLES}
    return Scene(rows, people | {"neighbour": neighbour, "superuser": superuser})


def answers(scene: Scene, ask: Callable[[Client], Iterable[int]]) -> dict[str, set[int]]:
    """What everybody is answered, where `ask` opens several pages and returns the statuses."""
    return {who: set(ask(signed_in(user))) for who, user in scene.people.items()}


def test_row_pages(scene: Scene) -> None:
    def ask(browser: Client) -> Iterable[int]:
        for model, row in ROW_PAGES:
            yield browser.get(url(model, "change", scene.rows[row])).status_code

    assert answers(scene, ask) == {who: {see} for who, (see, *_) in ANSWERS.items()}


def test_forms_of_rows(scene: Scene) -> None:
    def ask(browser: Client) -> Iterable[int]:
        for model, page, row in ROW_FORMS:
            yield browser.get(url(model, page, scene.rows[row])).status_code

    assert answers(scene, ask) == {who: {fill} for who, (_, fill, *_) in ANSWERS.items()}


def test_sending_a_form_without_the_right_changes_nothing(scene: Scene) -> None:
    def ask(browser: Client) -> Iterable[int]:
        for model, page, row in ROW_FORMS:
            instance = scene.rows[row]
            seen = str(getattr(instance, "version", ""))
            sent = {"seen": seen, "reason": "because", "role": "governor", "replaces": "1"}
            yield browser.post(url(model, page, instance), sent).status_code

    del scene.people["governor"]
    before = LedgerEntry.objects.count()
    assert answers(scene, ask) == {
        who: {fill} for who, (_, fill, *_) in ANSWERS.items() if who != "governor"
    }
    assert LedgerEntry.objects.count() == before
    assert PolicyRule.objects.count() == 1


def test_lists(scene: Scene) -> None:
    def ask(browser: Client) -> Iterable[int]:
        for model in LISTS:
            yield browser.get(url(model, "changelist")).status_code

    assert answers(scene, ask) == {who: {read} for who, (_, _, read, _) in ANSWERS.items()}


def test_lists_show_nothing_of_another_workspace(scene: Scene) -> None:
    keys = {str(row.pk) for row in scene.rows.values()}
    member, neighbour = (signed_in(scene.people[who]) for who in ("viewer", "neighbour"))
    for model, _ in ROW_PAGES:
        here = member.get(url(model, "changelist")).content.decode()
        there = neighbour.get(url(model, "changelist")).content.decode()
        assert any(key in here for key in keys), model
        assert not any(key in there for key in keys), model


def test_add_pages(scene: Scene) -> None:
    def ask(browser: Client) -> Iterable[int]:
        for model in ADD_PAGES:
            yield browser.get(url(model, "add")).status_code

    assert answers(scene, ask) == {who: {add} for who, (*_, add) in ANSWERS.items()}


def test_adding_without_the_right_changes_nothing(scene: Scene) -> None:
    def ask(browser: Client) -> Iterable[int]:
        for model in ADD_PAGES:
            yield browser.post(url(model, "add"), {}).status_code

    before = LedgerEntry.objects.count()
    # With the right it is an empty form, which is said to be wrong.
    assert answers(scene, ask) == {
        who: {400 if add == 200 else 403} for who, (*_, add) in ANSWERS.items()
    }
    assert LedgerEntry.objects.count() == before


def test_a_governor_elsewhere_cannot_add_here(scene: Scene) -> None:
    browser, agent = signed_in(scene.people["neighbour"]), scene.rows["agent"]
    sent = {"agent": agent.pk, "action_type": "refund", "route": "execution", "reason": "mine"}
    answer = browser.post(url("grant", "add"), {**sent, "expires_at": "2999-01-01T00:00"})
    assert answer.status_code == 400
    assert Grant.objects.filter(agent=agent).count() == 1
    sent = {"workspace": agent.workspace_id, "username": "neighbour", "role": "governor"}
    assert browser.post(url("membership", "add"), sent).status_code == 400
    assert not agent.workspace.memberships.filter(user__username="neighbour").exists()


def test_nobody_adds_what_only_happens(scene: Scene) -> None:
    browser = signed_in(scene.people["governor"])
    found = {model: browser.get(url(model, "add")).status_code for model in NO_ADD_PAGE}
    assert found == dict.fromkeys(NO_ADD_PAGE, 403)


def test_nothing_is_sent_to_a_row_page_and_nothing_is_deleted(scene: Scene) -> None:
    browser = signed_in(scene.people["governor"])
    for model, row in ROW_PAGES:
        instance = scene.rows[row]
        refusal = 405 if model in ONLY_LOOKED_AT else 403
        assert browser.post(url(model, "change", instance), {"name": "x"}).status_code == refusal
        assert browser.post(url(model, "delete", instance), {"post": "yes"}).status_code == 403
        assert type(instance).objects.filter(pk=instance.pk).exists()


def test_opening_pages_changes_nothing(scene: Scene) -> None:
    browser = signed_in(scene.people["governor"])
    before = LedgerEntry.objects.count()
    for model, page, row in ROW_FORMS:
        browser.get(url(model, page, scene.rows[row]), {"reason": "because", "seen": "1"})
    for model in ADD_PAGES:
        browser.get(url(model, "add"), {"reason": "because"})
    assert LedgerEntry.objects.count() == before


def test_pages_want_a_signed_in_member_of_the_staff(house: House) -> None:
    assert Client().get("/admin/").status_code == 302
    assert Client().get(url("agent", "changelist")).status_code == 302
    house.viewer.is_staff = False
    house.viewer.save()
    assert signed_in(house.viewer).get(url("agent", "changelist")).status_code == 302


def test_somebody_deactivated_is_out_at_once(house: House) -> None:
    browser = signed_in(house.governor)
    house.governor.is_active = False
    house.governor.save()
    assert browser.get(url("agent", "changelist")).status_code == 302


def test_a_governor_in_one_workspace_is_a_viewer_in_another(house: House) -> None:
    agent = AgentFactory(workspace=WorkspaceFactory())
    MembershipFactory(workspace=agent.workspace, user=house.governor, role="viewer")
    browser = signed_in(house.governor)
    assert browser.get(url("agent", "change", agent)).status_code == 200
    assert browser.get(url("agent", "pause", agent)).status_code == 403
    assert browser.post(url("agent", "pause", agent), {"reason": "no"}).status_code == 403


def test_rights_are_read_at_each_click(house: House) -> None:
    browser, agent = signed_in(house.governor), house.agent()
    assert browser.get(url("agent", "pause", agent)).status_code == 200
    MembershipFactory(workspace=house.workspace, role="governor")
    MembershipFactory(workspace=house.workspace, user=house.governor, role="reviewer")
    assert browser.get(url("agent", "pause", agent)).status_code == 403


@pytest.mark.parametrize("bad", ["x", "00000000-0000-7000-8000-000000000000", "1 or 1=1"])
def test_an_address_that_names_nothing_is_not_found(house: House, bad: str) -> None:
    browser = signed_in(house.governor)
    assert browser.get(f"/admin/governance/agent/{bad}/change/").status_code == 404
    assert browser.get(f"/admin/governance/agent/{bad}/history/").status_code == 404


def test_the_history_of_a_row_is_its_trail_in_the_ledger(house: House) -> None:
    agent = paused(house.agent())
    answer = signed_in(house.viewer).get(url("agent", "history", agent), follow=True)
    assert answer.redirect_chain == [(f"/admin/governance/ledgerentry/?subject_id={agent.pk}", 302)]
    kinds = [row.kind for row in answer.context["cl"].result_list]
    assert kinds == ["agent.paused", "agent.active"]


def test_a_workspace_that_is_gone_from_ones_memberships_is_gone(house: House) -> None:
    run = RunFactory(agent=house.agent())
    house.viewer.memberships.all().delete()
    browser = signed_in(house.viewer)
    assert browser.get(url("run", "change", run)).status_code == 404
    assert browser.get(url("run", "changelist")).status_code == 403
    assert Workspace.objects.filter(pk=house.workspace.pk).exists()
