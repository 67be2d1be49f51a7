"""Pictures of steps: served as what they are, to members of their workspace, and to nobody else."""

from __future__ import annotations

import hashlib

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from governance.domain.readings import Photo
from governance.models import Attachment, DeviceCommand
from governance.services import device_commands
from tests.factories import DeviceCommandFactory, DeviceFactory, House, UserFactory
from tests.factories.devices import PIXEL, claimed_command
from tests.integration.admin.browsing import login

pytestmark = pytest.mark.django_db

JPEG = b"\xff\xd8\xff\xe0 and so on"


@pytest.fixture
def command(house):
    """A command that brought a photo, of a step that kept a screenshot as well."""
    device = DeviceFactory(workspace=house.workspace, name="front-desk")
    found = claimed_command(DeviceCommandFactory(device=device, kind="camera"))
    reading = Photo(PIXEL)
    device_commands.report(device=device, command_id=found.pk, outcome="done", reading=reading)
    return DeviceCommand.objects.get(pk=found.pk)


def attached(command, content=PIXEL, media_type="image/png", name="after login.png"):
    return Attachment.objects.create(
        workspace_id=command.workspace_id,
        step=command.step,
        name=name,
        media_type=media_type,
        sha256=hashlib.sha256(content).hexdigest(),
        content=content,
    )


def addresses(command):
    return (
        f"/admin/governance/execution/photo/{command.pk}/",
        f"/admin/governance/execution/attachment/{attached(command).pk}/",
    )


PEOPLE = [
    ("viewer", 200),
    ("auditor", 200),
    ("reviewer", 200),
    ("supervisor", 200),
    ("governor", 200),
    ("outsider", 404),
    ("superuser", 404),
    ("nobody", 302),
]


@pytest.mark.parametrize(("who", "status"), PEOPLE)
def test_who_may_see_a_picture(house, command, who, status):
    people = {
        "outsider": lambda: House.build(name="elsewhere").governor,
        "superuser": lambda: UserFactory(is_staff=True, is_superuser=True),
    }
    browser = Client()
    if who != "nobody":
        browser.force_login(people[who]() if who in people else getattr(house, who))

    for address in addresses(command):
        response = browser.get(address)
        assert response.status_code == status
        assert (response.content == PIXEL) is (status == 200)
        # What a browser remembers of it, it may not go on seeing.
        etag = f'"{hashlib.sha256(PIXEL).hexdigest()}"'
        again = browser.get(address, headers={"if-none-match": etag})
        assert again.status_code == (304 if status == 200 else status)


def test_it_is_sent_as_a_picture_and_nothing_else(client, house, command):
    login(client, house.viewer)
    for address in addresses(command):
        response = client.get(address)
        assert response["Content-Type"] == "image/png"
        assert response["X-Content-Type-Options"] == "nosniff"
        assert response["Content-Security-Policy"] == "default-src 'none'; sandbox"
        assert response["Cross-Origin-Resource-Policy"] == "same-origin"
        assert response["Cache-Control"] == "private, max-age=3600, immutable"
        assert "Cookie" in response["Vary"]
        name = hashlib.sha256(PIXEL).hexdigest()[:12]
        assert response["Content-Disposition"] == f'inline; filename="{name}.png"'
        assert client.post(address).status_code == 405


def test_a_jpeg_is_sent_as_a_jpeg(client, house, command):
    row = attached(command, JPEG, "image/jpeg", "photo")
    response = login(client, house.viewer).get(f"/admin/governance/execution/attachment/{row.pk}/")
    assert (response["Content-Type"], response.content) == ("image/jpeg", JPEG)
    assert response["Content-Disposition"].endswith('.jpg"')


def test_what_is_no_picture_is_not_there(client, house, command):
    other = DeviceCommandFactory(device=command.device, kind="location")
    login(client, house.viewer)
    for address in (
        f"/admin/governance/execution/photo/{other.pk}/",  # it brought none
        f"/admin/governance/execution/photo/{command.step_id}/",
        f"/admin/governance/execution/attachment/{command.pk}/",
    ):
        assert client.get(address).status_code == 404


def test_the_page_of_the_execution_shows_them_without_reading_them(client, house, command):
    row = attached(command, name='<b>"x"</b>\u202e.png')
    login(client, house.viewer)

    with CaptureQueriesContext(connection) as queries:
        page = client.get(f"/admin/governance/execution/{command.step.execution_id}/change/")

    selected = [query["sql"].split(" FROM ")[0] for query in queries]
    assert not any('_attachment"."content"' in columns for columns in selected)
    assert not any('_devicecommand"."photo",' in columns for columns in selected)
    markup = page.content.decode()
    assert f'<img src="/admin/governance/execution/photo/{command.pk}/"' in markup
    assert f'<img src="/admin/governance/execution/attachment/{row.pk}/"' in markup
    assert 'alt="Photo taken by the device front-desk"' in markup
    assert "<b>" not in markup.split('class="ag-page"')[1]
    assert "[U+202E]" in markup
    assert 'href="/admin/governance/device/' in markup
