"""The simulated device's picture, and what it refuses to start with."""

from __future__ import annotations

import pytest

from governance.domain.errors import InvalidInput
from governance.domain.readings import MAX_PHOTO_BYTES, Photo
from governance.management.simulating import SimulatedDevice, picture

KEY = "agd_0123456789ab_" + "x" * 43


def test_the_picture_is_a_photo_that_fits():
    photo = Photo(picture("a"))
    assert photo.media_type == "image/png"
    assert len(photo.content) < MAX_PHOTO_BYTES / 10


def test_the_picture_follows_from_its_seed():
    assert picture("a") == picture("a")
    assert picture("a") != picture("b")


@pytest.mark.parametrize("key", ["", "secret", KEY + "x", "agd_short_key", KEY[:-1] + "\n"])
def test_what_is_no_key_is_never_sent_nor_repeated(key):
    with pytest.raises(InvalidInput) as caught:
        SimulatedDevice(url="http://127.0.0.1:1", key=key, say=print)
    assert str(caught.value).startswith("This is not the key of a device: that is agd_, ")


def test_only_http_is_spoken():
    with pytest.raises(InvalidInput, match="must begin with http"):
        SimulatedDevice(url="ftp://127.0.0.1", key=KEY, say=print)
