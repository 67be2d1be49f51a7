"""What the tests of the browser's processes share."""

from __future__ import annotations

import socket

import pytest


@pytest.fixture
def elsewhere():
    """The port of something that listens on this machine."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]
