"""Credentials: stored, replaced and removed here; shown nowhere."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.utils.decorators import method_decorator
from django.utils.safestring import SafeString
from django.views.decorators.debug import sensitive_post_parameters
from unfold.widgets import UnfoldAdminPasswordWidget

from governance.admin.facts import Facts, badge, bullets, code, fact, link, page_of, when
from governance.admin.filters import WorkspaceFilter
from governance.admin.forms import InWorkspaceForm, TextField, line, select
from governance.admin.pages import AddPage, FactsAdmin, RowPage, Section
from governance.domain.actors import Actor
from governance.domain.words import CredentialKind
from governance.models import Credential
from governance.services import credentials
from governance.services.credentials import MAX_SECRET

never_reported = method_decorator(sensitive_post_parameters("secret"), name="dispatch")


class SecretForm(forms.Form):
    """A secret. What was typed is never sent back."""

    secret = forms.CharField(
        max_length=MAX_SECRET,
        strip=False,
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"}),
        help_text="Encrypted at once. Nobody can read it here again; keep your own copy.",
    )


class CredentialForm(InWorkspaceForm, SecretForm):
    """A new credential."""

    name = forms.CharField(
        max_length=60,
        widget=line(spellcheck="false", autocapitalize="off"),
        help_text='What plans call it: {"$secret": "name"}.',
    )
    kind = forms.ChoiceField(choices=CredentialKind.choices, widget=select())
    hosts = TextField(
        required=False,
        mono=True,
        help_text=(
            "Where it may be sent, one host or *.example.com a line, without a port. Empty: to any "
            "allowed host, which an agent may choose."
        ),
    )
    note = forms.CharField(max_length=500, required=False, widget=line())

    field_order = ("workspace", "name", "kind", "secret", "hosts", "note")

    def clean_hosts(self) -> list[str]:
        """One a line."""
        return [host.strip() for host in self.cleaned_data["hosts"].splitlines() if host.strip()]


@never_reported
class StorePage(AddPage):
    """Store a credential."""

    form_class = CredentialForm
    title = "Store a credential"
    explanation = "Plans name it and never hold it; the worker uses it when it sends."
    submit = "Store"
    done = "The credential is stored."

    def save(self, data: Any, by: Actor) -> str:
        """Store it."""
        return page_of(credentials.store(**data, by=by))


class CredentialPage(RowPage):
    """Something done to a credential."""

    def token(self, row: Any) -> str:
        """When it was last replaced."""
        return str(row.rotated_at or row.created_at)


@never_reported
class RotatePage(CredentialPage):
    """Replace the secret."""

    slug, label = "rotate", "Replace the secret"
    form_class = SecretForm
    title = "Replace the secret of"
    explanation = "The name stays, so plans that use it use the new secret from now on."
    submit = "Replace"
    done = "The secret is replaced."

    def save(self, data: Any, by: Actor) -> str:
        """Replace it."""
        return page_of(credentials.rotate(credential=self.row, secret=data["secret"], by=by))


class ForgetPage(CredentialPage):
    """Remove the credential."""

    slug, label = "remove", "Remove"
    title = "Remove"
    explanation = "Steps that name it fail before anything is sent."
    submit = "Remove"
    danger = True
    done = "The credential is removed."

    def save(self, data: Any, by: Actor) -> str:
        """Remove it."""
        credentials.remove(credential=self.row, by=by)
        return super(RowPage, self).cancel_url()


@admin.register(Credential)
class CredentialAdmin(FactsAdmin):
    """The credentials of one's workspaces, by name."""

    list_display = ("shown_name", "shown_kind", "shown_hosts", "workspace", "since")
    list_filter = (WorkspaceFilter, "kind")
    list_select_related = ("workspace",)
    pages = (RotatePage, ForgetPage)
    add_page = StorePage

    @admin.display(description="Name")
    def shown_name(self, row: Credential) -> SafeString:
        """As plans write it."""
        return code(row.name)

    @admin.display(description="Kind")
    def shown_kind(self, row: Credential) -> SafeString:
        """What it is."""
        return badge(row.kind, row.get_kind_display())

    @admin.display(description="May be sent to")
    def shown_hosts(self, row: Credential) -> SafeString:
        """Its hosts, or all that are allowed."""
        return bullets(row.hosts) if row.hosts else badge("any", "any allowed host")

    @admin.display(description="Since")
    def since(self, row: Credential) -> SafeString:
        """When the secret came to be what it is."""
        return when(row.rotated_at or row.created_at)

    def sections(self, request: HttpRequest, row: Credential) -> list[Section]:
        """Everything but the secret."""
        facts = [
            fact("Name", code(row.name)),
            fact("Kind", self.shown_kind(row)),
            fact("Secret", str(row.secret)),
            fact("May be sent to", self.shown_hosts(row)),
            fact("Note", row.note),
            fact("Workspace", link(row.workspace)),
            fact("Stored", when(row.created_at)),
            fact("Replaced", when(row.rotated_at)),
        ]
        return [Facts("Credential", facts)]
