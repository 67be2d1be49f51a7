"""Real counterparts of the connectors, allowed in the house's workspace."""

from __future__ import annotations

import pytest
import stamina

from tests.factories import AllowedHostFactory
from tests.far_side import http_server, mail_server


@pytest.fixture
def _no_waiting():
    with stamina.set_testing(True, attempts=3):
        yield


@pytest.fixture
def far_side(house):
    """A server that this workspace may reach, and that honours our key."""
    with http_server() as server:
        AllowedHostFactory(
            workspace=house.workspace,
            host="127.0.0.1",
            port=server.port,
            allow_private=True,
            deduplicates=True,
        )
        yield server


@pytest.fixture
def mail(house):
    AllowedHostFactory(workspace=house.workspace, host="example.com", use="mail")
    with mail_server() as server:
        yield server


@pytest.fixture
def _through(mail, settings):
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT, settings.EMAIL_TIMEOUT = "127.0.0.1", mail.port, 5
