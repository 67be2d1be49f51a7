"""A simulated device: what a real one does over HTTP, with invented answers."""

from __future__ import annotations

import base64
import hashlib
import re
import struct
import time
import zlib
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

import httpx

from governance.domain.errors import GovernanceError, InvalidInput
from governance.domain.values import Json
from governance.domain.words import DeviceKind

API = "/api/v1/device/"
WAIT_SECONDS = 20
TIMEOUT_SECONDS = 30.0
PATIENT_FAILURES = 5
"""How many requests in a row may fail to arrive before the simulator gives up."""

PICTURE_SIZE = 48
KEY = re.compile(r"agd_[0-9a-f]{12}_[A-Za-z0-9_-]{43}")

Say = Callable[[str], None]


class ServerRefused(GovernanceError):
    """The server answered with a problem, or did not answer."""

    code = "server_refused"


class SimulatedDevice:
    """Claims commands one at a time, and answers each."""

    def __init__(self, *, url: str, key: str, say: Say) -> None:
        """`url`: where the application is, without a path. Raises InvalidInput."""
        if not url.startswith(("http://", "https://")):
            raise InvalidInput(f"The URL must begin with http:// or https://, not {url!r}.")
        if not KEY.fullmatch(key):
            raise InvalidInput(
                "This is not the key of a device: that is agd_, 12 hexadecimal digits, _ and 43 "
                "characters. `register_device` shows it once; a governor can give the device a new "
                "one on its page."
            )
        self.answered = 0
        self._say = say
        self._begun: set[str] = set()
        self._client = httpx.Client(
            base_url=url,
            headers={"Authorization": f"Bearer {key}"},
            timeout=TIMEOUT_SECONDS,
            trust_env=False,
        )

    def close(self) -> None:
        """Close the connection."""
        self._client.close()

    def run(self, *, count: int | None, patience: float | None) -> None:
        """Answer `count` commands (None: for ever), or stop after `patience` seconds without one.

        Raises ServerRefused.
        """
        self._say(f"This is {self.me()['name']}, waiting for commands.")
        idle_since = time.monotonic()
        while count is None or self.answered < count:
            left = WAIT_SECONDS if patience is None else idle_since + patience - time.monotonic()
            if left <= 0:
                return
            command = self.claim(wait=min(WAIT_SECONDS, max(1, int(left))))
            if command is not None:
                self.answer(command)
                idle_since = time.monotonic()

    def me(self) -> dict[str, Json]:
        """What the server knows of this device. Raises ServerRefused."""
        found: dict[str, Json] = self._ask("GET", "me").json()
        return found

    def claim(self, *, wait: int) -> dict[str, Json] | None:
        """The next command: first one that was claimed, and whose answer never arrived here."""
        for command in self.me()["unreported"]:
            if command["id"] not in self._begun:
                lost: dict[str, Json] = command
                return lost
        answer = self._ask("POST", "commands/claim", {"wait": wait})
        if answer.status_code == HTTPStatus.NO_CONTENT:
            time.sleep(float(answer.headers.get("Retry-After", 0)))
            return None
        claimed: dict[str, Json] = answer.json()
        return claimed

    def answer(self, command: dict[str, Json]) -> None:
        """Do what is asked, once, and report it. Raises ServerRefused."""
        self._begun.add(command["id"])
        kind = DeviceKind(command["kind"])
        report = {"outcome": "done", kind.value: ANSWERS[kind](command)}
        state = self._ask("POST", f"commands/{command['id']}/report", report).json()["state"]
        self.answered += 1
        self._say(f"{kind.label} command {command['id']}: {state}.")

    def _ask(self, method: str, path: str, body: Json = None) -> httpx.Response:
        """Send it; what does not arrive is sent again, for every request here may be repeated."""
        failures = 0
        while True:
            try:
                answer = self._client.request(method, API + path, json=body)
            except httpx.TransportError as error:
                failures += 1
                if failures == PATIENT_FAILURES:
                    raise ServerRefused(f"The server cannot be reached: {error}.") from error
                time.sleep(0.2 * 2**failures)
                continue
            if answer.is_error:
                raise ServerRefused(f"The server answered {answer.status_code}: {_detail(answer)}")
            return answer


def _detail(answer: httpx.Response) -> str:
    try:
        return str(answer.json()["detail"])
    except (ValueError, KeyError, TypeError):
        return "no reason was given."


def _camera(command: dict[str, Json]) -> dict[str, Json]:
    return {"image_base64": base64.b64encode(picture(command["id"])).decode()}


def _location(command: dict[str, Json]) -> dict[str, Json]:
    """Somewhere on Earth, the same for the same command."""
    first, second = struct.unpack(">HH", hashlib.sha256(command["id"].encode()).digest()[:4])
    return {
        "latitude": round(first / 65_535 * 180 - 90, 6),
        "longitude": round(second / 65_535 * 360 - 180, 6),
        "accuracy_m": 5.0 if command["params"].get("accuracy") == "fine" else 1_000.0,
    }


def _notification(command: dict[str, Json]) -> dict[str, Json]:  # noqa: ARG001  as the others
    return {"shown": True}


ANSWERS: dict[DeviceKind, Callable[[dict[str, Json]], dict[str, Any]]] = {
    DeviceKind.CAMERA: _camera,
    DeviceKind.LOCATION: _location,
    DeviceKind.NOTIFICATION: _notification,
}


def picture(seed: str, *, size: int = PICTURE_SIZE) -> bytes:
    """A PNG of `size` by `size` pixels: a gradient whose colours follow from the seed."""
    red, green, blue = hashlib.sha256(seed.encode()).digest()[:3]
    rows = bytearray()
    for y in range(size):
        rows.append(0)  # no filter
        for x in range(size):
            rows += bytes((red * x // size, green * y // size, blue))
    header = struct.pack(">IIBBBBB", size, size, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(bytes(rows))), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(name, data) for name, data in chunks)


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
