"""Memberships: one role a person a workspace, and every change of it recorded."""

from __future__ import annotations

import pytest

from governance.domain.actors import Actor, ActorKind
from governance.domain.errors import InvalidInput, NotAllowed
from governance.domain.roles import Right
from governance.models import Membership
from governance.services import memberships
from tests.factories import BY_SYSTEM, House, MembershipFactory, UserFactory, by
from tests.integration.services.checks import recorded, refused

pytestmark = pytest.mark.django_db

# role, the rights it has, as the design's roles say
RIGHTS = [
    ("viewer", {"view"}),
    ("auditor", {"view"}),
    ("reviewer", {"view", "decide"}),
    ("supervisor", {"view", "start", "decide", "supervise"}),
    ("governor", {"view", "start", "decide", "supervise", "govern"}),
]


@pytest.mark.parametrize(("role", "rights"), RIGHTS)
def test_a_role_has_these_rights_and_only_here(house, role, rights):
    other = House.build()
    person = by(getattr(house, role))
    for right in Right:
        for workspace, expected in ((house.workspace, right.value in rights), (other.workspace, 0)):
            asked = {"by": person, "workspace_id": workspace.id}
            assert Membership.objects.may(**asked, right=right) == bool(expected)
            if expected:
                memberships.require(**asked, right=right)
            else:
                with pytest.raises(NotAllowed, match=right.label):
                    memberships.require(**asked, right=right)


@pytest.mark.parametrize("right", list(Right))
def test_the_system_has_every_right_but_is_no_person(house, right):
    memberships.require(by=BY_SYSTEM, workspace_id=house.workspace.id, right=right)
    with pytest.raises(NotAllowed, match=f"Only a person may {right.label}.*by system tests"):
        memberships.require_person(by=BY_SYSTEM, workspace_id=house.workspace.id, right=right)


@pytest.mark.parametrize("id_", ["", "x", "-1", "1.5", "01a202ff-5802-755f-81e1-d9a686e23f93"])
def test_a_person_without_a_users_key_has_no_right(house, id_):
    nobody = Actor(ActorKind.PERSON, id_, "nobody")
    assert not Membership.objects.may(by=nobody, workspace_id=house.workspace.id, right=Right.VIEW)


def test_add_writes_the_role_and_its_entry(house):
    user = UserFactory()
    with recorded() as entries:
        membership = memberships.add(
            workspace=house.workspace, user=user, role="reviewer", by=house.by_governor
        )
    assert Membership.objects.get(pk=membership.pk).role == "reviewer"
    [entry] = entries
    assert (entry.kind, entry.subject_id) == ("membership.set", membership.id)
    assert entry.data["data"] == {"user": user.username, "from": None, "to": "reviewer"}


def test_add_again_changes_the_role(house):
    user = UserFactory()
    first = MembershipFactory(workspace=house.workspace, user=user, role="viewer")
    with recorded() as entries:
        again = memberships.add(
            workspace=house.workspace, user=user, role="governor", by=house.by_governor
        )
    assert again.id == first.id
    assert [m.role for m in Membership.objects.filter(user=user)] == ["governor"]
    assert [e.data["data"] for e in entries] == [
        {"user": user.username, "from": "viewer", "to": "governor"}
    ]


def test_the_same_role_again_changes_nothing(house):
    with recorded() as entries:
        memberships.add(
            workspace=house.workspace, user=house.viewer, role="viewer", by=house.by_governor
        )
    assert entries == []


@pytest.mark.parametrize("role", ["", "admin", "Governor", "superuser"])
def test_an_unknown_role_is_refused(house, role):
    with refused(InvalidInput, "use one of viewer, reviewer, supervisor, governor, auditor"):
        memberships.add(
            workspace=house.workspace, user=UserFactory(), role=role, by=house.by_governor
        )


@pytest.mark.parametrize("role", ["viewer", "auditor", "reviewer", "supervisor"])
def test_the_last_governor_stays(house, role):
    """One who cannot sign in any more does not count."""
    inactive = UserFactory(is_active=False)
    MembershipFactory(workspace=house.workspace, user=inactive, role="governor")
    MembershipFactory(user=UserFactory(), role="governor")  # of another workspace
    for by_ in (house.by_governor, BY_SYSTEM):
        with refused(InvalidInput, "This is the last governor of the workspace"):
            memberships.add(workspace=house.workspace, user=house.governor, role=role, by=by_)
    MembershipFactory(workspace=house.workspace, role="governor")
    memberships.add(workspace=house.workspace, user=house.governor, role=role, by=house.by_governor)
    assert Membership.objects.get(user=house.governor).role == role
