"""What a device may report, checked before anybody keeps it."""

from __future__ import annotations

import base64
import binascii
import hashlib
from dataclasses import dataclass

from governance.domain.errors import InvalidInput
from governance.domain.values import Json
from governance.domain.words import DeviceKind

MAX_PHOTO_BYTES = 150_000
MAX_ACCURACY_M = 1_000_000.0

_PNG = b"\x89PNG\r\n\x1a\n"
_JPEG = b"\xff\xd8\xff"


@dataclass(frozen=True, slots=True)
class Photo:
    """A PNG or JPEG of at most 150,000 bytes. What it is, its first bytes say."""

    content: bytes

    kind = DeviceKind.CAMERA

    def __post_init__(self) -> None:
        """Raise InvalidInput unless it is one."""
        if len(self.content) > MAX_PHOTO_BYTES:
            raise InvalidInput(
                f"The photo is {len(self.content):,} bytes; at most {MAX_PHOTO_BYTES:,} are "
                "accepted: send a smaller one."
            )
        if not self.media_type:
            raise InvalidInput("The photo is neither a PNG nor a JPEG, by its first bytes.")

    @classmethod
    def from_base64(cls, text: str) -> Photo:
        """The photo in `text`. Raises InvalidInput."""
        try:
            return cls(base64.b64decode(text, validate=True))
        except (binascii.Error, ValueError) as error:
            raise InvalidInput("The photo is not valid base64 (RFC 4648, with padding).") from error

    @property
    def media_type(self) -> str:
        """`image/png` or `image/jpeg`; empty for anything else."""
        if self.content.startswith(_PNG) and self.content[12:16] == b"IHDR":
            return "image/png"
        return "image/jpeg" if self.content.startswith(_JPEG) else ""

    def as_json(self) -> dict[str, Json]:
        """What goes into the step's output: what it is, not the photo itself."""
        return {
            "media_type": self.media_type,
            "bytes": len(self.content),
            "sha256": hashlib.sha256(self.content).hexdigest(),
        }


@dataclass(frozen=True, slots=True)
class Position:
    """WGS 84, degrees: latitude -90..90, longitude -180..180; accuracy in metres, if known."""

    latitude: float
    longitude: float
    accuracy_m: float | None = None

    kind = DeviceKind.LOCATION

    def __post_init__(self) -> None:
        """Raise InvalidInput for a place that is not on Earth."""
        _within(self.latitude, -90.0, 90.0, what="latitude")
        _within(self.longitude, -180.0, 180.0, what="longitude")
        if self.accuracy_m is not None:
            _within(self.accuracy_m, 0.0, MAX_ACCURACY_M, what="accuracy_m")

    def as_json(self) -> dict[str, Json]:
        """What goes into the step's output."""
        return {
            "latitude": self.latitude,
            "longitude": self.longitude,
            "accuracy_m": self.accuracy_m,
        }


@dataclass(frozen=True, slots=True)
class Shown:
    """A notification was shown. Whether anybody read it, nobody knows."""

    kind = DeviceKind.NOTIFICATION

    def as_json(self) -> dict[str, Json]:
        """What goes into the step's output."""
        return {"shown": True}


Reading = Photo | Position | Shown


def _within(value: float, low: float, high: float, *, what: str) -> None:
    if not low <= value <= high:  # false for NaN as well
        raise InvalidInput(f"The {what} must lie between {low:g} and {high:g}, not {value!r}.")
