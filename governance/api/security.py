"""Who is calling: a device, by its key."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from ninja.security.http import HttpAuthBase

from governance.models import Device
from governance.services import devices


class DeviceKey(HttpAuthBase):
    """`Authorization: Bearer KEY`. The key itself is neither kept nor logged, whatever happens."""

    openapi_scheme: str = "bearer"

    def __call__(self, request: HttpRequest) -> Any | None:
        """The device, or None."""
        scheme, _, key = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != self.openapi_scheme or not key:
            return None
        device = devices.authenticate(key.strip())
        if device is not None:
            devices.seen(device=device)
        return device


def device_of(request: HttpRequest) -> Device:
    """The device that DeviceKey let in, and ninja put there."""
    device: Device = getattr(request, "auth")  # noqa: B009  HttpRequest does not declare it
    return device
