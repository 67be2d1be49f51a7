"""A device with its key, and its connection to a live server."""

from __future__ import annotations

import pytest

from tests.factories.devices import RegistrationFactory
from tests.integration.api.asking import connected


@pytest.fixture
def phone(house):
    return RegistrationFactory(workspace=house.workspace, name="phone")


@pytest.fixture
def http(live_server, phone):
    """The phone, talking to the server."""
    with connected(live_server, phone.key) as found:
        yield found
