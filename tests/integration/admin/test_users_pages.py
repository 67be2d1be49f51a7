"""User accounts are for superusers, and are never deleted."""

from __future__ import annotations

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group, Permission

from tests.factories import UserFactory
from tests.integration.admin.visits import signed_in

USERS, GROUPS = "/admin/auth/user/", "/admin/auth/group/"
PASSWORD = "a long enough one 9"


@pytest.fixture
def root(db):
    return signed_in(UserFactory(username="root", is_staff=True, is_superuser=True))


def test_a_superuser_adds_and_deactivates_an_account(root):
    typed = {"username": "ada", "usable_password": "true", "password1": PASSWORD}
    answer = root.post(f"{USERS}add/", {**typed, "password2": PASSWORD})
    ada = get_user_model().objects.get(username="ada")
    assert answer.status_code == 302
    assert (ada.is_staff, ada.is_superuser) == (False, False)
    page = root.get(f"{USERS}{ada.pk}/change/")
    assert page.status_code == 200
    joined = {"date_joined_0": "2030-01-31", "date_joined_1": "12:00:00"}
    root.post(f"{USERS}{ada.pk}/change/", {"username": "ada", "is_staff": "on", **joined})
    ada.refresh_from_db()
    assert (ada.is_active, ada.is_staff) == (False, True)


def test_passwords(root):
    ada = UserFactory(username="ada")
    address = f"{USERS}{ada.pk}/password/"
    assert root.get(address).status_code == 200
    root.post(address, {"password1": PASSWORD, "password2": PASSWORD})
    ada.refresh_from_db()
    assert ada.check_password(PASSWORD)


@pytest.mark.parametrize("address", [USERS, f"{USERS}add/", GROUPS, f"{GROUPS}add/"])
def test_everything_opens_for_superusers_and_nobody_else(root, house, address):
    assert root.get(address).status_code == 200
    for person in (house.governor, house.auditor, house.viewer):
        assert signed_in(person).get(address).status_code == 403


def test_djangos_permissions_open_nothing(house):
    house.governor.user_permissions.set(Permission.objects.all())
    assert signed_in(house.governor).get(USERS).status_code == 403
    assert signed_in(house.governor).get(f"{USERS}{house.viewer.pk}/change/").status_code == 403


def test_nobody_deletes_an_account_or_a_group(root, house):
    group = Group.objects.create(name="x")
    assert root.post(f"{USERS}{house.viewer.pk}/delete/", {"post": "yes"}).status_code == 403
    assert root.post(f"{GROUPS}{group.pk}/delete/", {"post": "yes"}).status_code == 403
    chosen = {"action": "delete_selected", "_selected_action": [house.viewer.pk], "post": "yes"}
    root.post(USERS, chosen)
    assert house.viewer.memberships.count() == 1
    assert Group.objects.filter(pk=group.pk).exists()
