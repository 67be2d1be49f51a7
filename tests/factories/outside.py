"""What actions may reach, and the secrets they use there."""

from __future__ import annotations

import factory

from governance.domain.words import CredentialKind
from governance.models import AllowedHost, Credential
from governance.services import allowed_hosts, credentials
from tests.factories.base import ServiceFactory
from tests.factories.people import BY_SYSTEM


class AllowedHostFactory(ServiceFactory):
    """A public name, on ports 80 and 443, unless said otherwise."""

    class Meta:
        model = AllowedHost

    workspace = factory.SubFactory("tests.factories.workspaces.WorkspaceFactory")
    host = factory.Sequence(lambda n: f"service-{n}.example.com")

    @classmethod
    def make(cls, *, workspace, host, by=BY_SYSTEM, **values):
        return allowed_hosts.add(workspace=workspace, host=host, by=by, **values)


class CredentialFactory(ServiceFactory):
    """A token that may be sent to any allowed host, unless said otherwise."""

    class Meta:
        model = Credential

    workspace = factory.SubFactory("tests.factories.workspaces.WorkspaceFactory")
    name = factory.Sequence(lambda n: f"token-{n}")

    @classmethod
    def make(
        cls,
        *,
        workspace,
        name,
        secret="s3cr3t-of-the-tests",
        kind=CredentialKind.TOKEN,
        by=BY_SYSTEM,
        **values,
    ):
        return credentials.store(
            workspace=workspace, name=name, kind=kind, secret=secret, by=by, **values
        )
