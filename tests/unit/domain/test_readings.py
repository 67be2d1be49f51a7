"""What a device may report."""

from __future__ import annotations

import base64
import math

import pytest

from governance.domain.errors import InvalidInput
from governance.domain.readings import Photo, Position, Shown
from tests.factories.devices import PIXEL, PIXEL_BASE64


def test_a_png_is_a_photo():
    photo = Photo.from_base64(PIXEL_BASE64)
    assert photo.content == PIXEL
    assert photo.media_type == "image/png"
    assert photo.as_json()["bytes"] == len(PIXEL)
    assert set(photo.as_json()) == {"media_type", "bytes", "sha256"}


def test_a_jpeg_is_a_photo():
    assert Photo(b"\xff\xd8\xff\xe0\x00\x10JFIF").media_type == "image/jpeg"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"GIF89a",
        b"<svg onload='x'/>",
        b"\x89PNG\r\n\x1a\n",  # a signature, and no header
        b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIDAT",
        b"\xff\xd8",
        b"%PDF-1.7",
        b" " + PIXEL,
    ],
)
def test_anything_else_is_none(content):
    with pytest.raises(InvalidInput, match="neither a PNG nor a JPEG"):
        Photo(content)


@pytest.mark.parametrize(("size", "fits"), [(150_000, True), (150_001, False)])
def test_a_photo_is_limited(size, fits):
    content = PIXEL + b"\x00" * (size - len(PIXEL))
    if fits:
        assert len(Photo(content).content) == size
    else:
        with pytest.raises(InvalidInput, match="150,001 bytes; at most 150,000"):
            Photo(content)


@pytest.mark.parametrize("text", ["not base64!", PIXEL_BASE64 + "=A", PIXEL_BASE64[:-1], "é"])
def test_what_is_not_base64_is_refused(text):
    with pytest.raises(InvalidInput, match="not valid base64"):
        Photo.from_base64(text)


def test_url_safe_base64_is_refused():
    text = base64.urlsafe_b64encode(b"\xff\xd8\xff\xfb\xef\xbe\xff\xff").decode()
    assert "_" in text
    with pytest.raises(InvalidInput, match="not valid base64"):
        Photo.from_base64(text)


@pytest.mark.parametrize(
    ("latitude", "longitude", "accuracy"),
    [(0.0, 0.0, None), (90.0, 180.0, 0.0), (-90.0, -180.0, 1_000_000.0)],
)
def test_a_place_on_earth(latitude, longitude, accuracy):
    assert Position(latitude, longitude, accuracy).as_json() == {
        "latitude": latitude,
        "longitude": longitude,
        "accuracy_m": accuracy,
    }


@pytest.mark.parametrize(
    ("latitude", "longitude", "accuracy", "what"),
    [
        (90.000001, 0.0, None, "latitude"),
        (-91.0, 0.0, None, "latitude"),
        (0.0, 180.1, None, "longitude"),
        (0.0, -181.0, None, "longitude"),
        (math.nan, 0.0, None, "latitude"),
        (0.0, math.inf, None, "longitude"),
        (0.0, 0.0, -1.0, "accuracy_m"),
        (0.0, 0.0, math.nan, "accuracy_m"),
    ],
)
def test_no_place_on_earth(latitude, longitude, accuracy, what):
    with pytest.raises(InvalidInput, match=what):
        Position(latitude, longitude, accuracy)


def test_a_notification_was_shown():
    assert Shown().as_json() == {"shown": True}
