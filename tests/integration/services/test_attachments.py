"""Attachments: pictures beside a step, bounded, and each of them in the ledger."""

from __future__ import annotations

import hashlib

import pytest

from governance.domain.errors import InvalidInput, NotFound, StaleState
from governance.models import Attachment
from governance.services import attachments
from tests.factories import BY_SYSTEM, ExecutionStepFactory, approved
from tests.integration.services.checks import recorded, refused

pytestmark = pytest.mark.django_db

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 100
JPEG = b"\xff\xd8\xff\xe0" + b"\0" * 100


@pytest.fixture
def step(db):
    return ExecutionStepFactory()


def keep(step, name="page", content=PNG):
    return attachments.keep(step_id=step.id, name=name, content=content, by=BY_SYSTEM)


@pytest.mark.parametrize(("content", "media_type"), [(PNG, "image/png"), (JPEG, "image/jpeg")])
def test_a_picture_is_kept_with_an_entry_in_the_ledger(step, content, media_type):
    with recorded() as entries:
        row = keep(step, content=content)
    row.refresh_from_db()
    sha256 = hashlib.sha256(content).hexdigest()
    assert bytes(row.content) == content
    assert (row.name, row.media_type, row.sha256) == ("page", media_type, sha256)
    assert (row.step, row.workspace) == (step, step.workspace)
    (entry,) = entries
    assert (entry.kind, entry.subject_id) == ("attachment.kept", row.id)
    assert entry.data["data"] == {
        "step": str(step.id),
        "name": "page",
        "media_type": media_type,
        "sha256": sha256,
        "size": len(content),
    }


def test_the_same_picture_is_kept_once(step):
    first = keep(step)
    with recorded() as entries:
        assert keep(step) == first
    assert entries == []
    assert Attachment.objects.count() == 1


def test_a_name_cannot_be_used_for_another(step):
    keep(step)
    with refused(InvalidInput, "has another picture named 'page'"):
        keep(step, content=JPEG)


REFUSED = [
    (b"", "neither PNG nor JPEG"),
    (b"GIF89a" + b"\0" * 10, "neither PNG nor JPEG"),
    (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "neither PNG nor JPEG"),
    (PNG[1:], "neither PNG nor JPEG"),
    (PNG + b"\0" * 2_000_000, "at most 2,000,000"),
]


@pytest.mark.parametrize(("content", "says"), REFUSED)
def test_only_pictures_of_a_bounded_size(step, content, says):
    with refused(InvalidInput, says):
        keep(step, content=content)


@pytest.mark.parametrize("name", ["", " ", "x" * 101, "a\0b"])
def test_a_picture_has_a_name(step, name):
    with refused(InvalidInput, "name"):
        keep(step, name=name)


def test_the_largest_picture_there_may_be(step):
    assert keep(step, content=PNG.ljust(2_000_000, b"\0")).pk


def test_a_step_has_at_most_ten(step):
    for number in range(10):
        keep(step, name=f"page{number}")
    with refused(InvalidInput, "has 10 pictures already"):
        keep(step, name="one more")
    keep(ExecutionStepFactory(), name="of another step")


def test_nothing_is_added_to_what_has_ended(house):
    params = {"kind": "markdown", "title": "t", "markdown": "x"}
    proposal = house.proposal(action_type="canvas_present", params=params)
    step = approved(proposal).execution.steps.get()
    house.work()
    with refused(StaleState, "The step is done"):
        keep(step)


def test_nothing_is_added_to_nothing(house):
    with refused(NotFound, "no execution step"):
        attachments.keep(step_id=house.workspace.id, name="a", content=PNG, by=BY_SYSTEM)
