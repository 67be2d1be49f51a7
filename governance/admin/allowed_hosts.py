"""Allowed hosts: what the actions of one's workspaces may reach."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.utils.safestring import SafeString

from governance.admin.facts import Facts, badge, code, fact, link, page_of
from governance.admin.filters import WorkspaceFilter
from governance.admin.forms import InWorkspaceForm, line, number, select, switch
from governance.admin.pages import AddPage, FactsAdmin, RowPage, Section
from governance.domain.actors import Actor
from governance.domain.words import HostUse
from governance.models import AllowedHost
from governance.models.allowed_host import MAX_PORT
from governance.services import allowed_hosts


class HostForm(InWorkspaceForm):
    """A new entry."""

    use = forms.ChoiceField(choices=HostUse.choices, initial=HostUse.WEB, widget=select())
    host = forms.CharField(
        max_length=255,
        widget=line(spellcheck="false", autocapitalize="off"),
        help_text="A name or an address, or *.example.com for every name below example.com.",
    )
    port = forms.IntegerField(
        required=False,
        min_value=1,
        max_value=MAX_PORT,
        widget=number(),
        help_text="Empty: 80 and 443. For mail: empty.",
    )
    allow_private = forms.BooleanField(
        label="May be inside our own network",
        required=False,
        widget=switch(),
        help_text="This exact host and port only; what acts through it reaches what is there.",
    )
    deduplicates = forms.BooleanField(
        label="Acts once on an Idempotency-Key",
        required=False,
        widget=switch(),
        help_text=(
            "Its owner promises it. Requests of integration_connect_keyed are sent there again "
            "when no answer comes."
        ),
    )
    note = forms.CharField(max_length=500, required=False, widget=line())

    field_order = ("workspace", "use", "host", "port", "allow_private", "deduplicates", "note")


class AddHostPage(AddPage):
    """Allow a host."""

    form_class = HostForm
    title = "Allow a host"
    explanation = "Every agent of the workspace can reach it, as far as its own gate lets it act."
    submit = "Allow"
    done = "The host is allowed."

    def save(self, data: Any, by: Actor) -> str:
        """Add it."""
        return page_of(allowed_hosts.add(**data, by=by))


class RemoveHostPage(RowPage):
    """Take a host off the list."""

    slug, label = "remove", "Remove"
    title = "Remove"
    explanation = "What was approved to go there fails before anything is sent."
    submit = "Remove"
    danger = True
    done = "The host is no longer allowed."

    def token(self, row: Any) -> str:
        """An entry does not change."""
        return str(row.pk)

    def save(self, data: Any, by: Actor) -> str:
        """Remove it."""
        allowed_hosts.remove(host=self.row, by=by)
        return super(RowPage, self).cancel_url()


@admin.register(AllowedHost)
class AllowedHostAdmin(FactsAdmin):
    """The lists of one's workspaces."""

    list_display = ("shown_host", "shown_use", "allow_private", "deduplicates", "workspace")
    list_filter = (WorkspaceFilter, "use", "allow_private")
    list_select_related = ("workspace",)
    pages = (RemoveHostPage,)
    add_page = AddHostPage

    @admin.display(description="Host")
    def shown_host(self, row: AllowedHost) -> SafeString:
        """To be read letter by letter."""
        return code(str(row))

    @admin.display(description="For")
    def shown_use(self, row: AllowedHost) -> SafeString:
        """Web or mail."""
        return badge(row.use)

    def sections(self, request: HttpRequest, row: AllowedHost) -> list[Section]:
        """What is allowed."""
        facts = [
            fact("Host", code(row.host)),
            fact("Port", row.port or ("80 and 443" if row.use == HostUse.WEB else "")),
            fact("For", badge(row.use)),
            fact("May be inside our own network", row.allow_private),
            fact("Acts once on an Idempotency-Key", row.deduplicates),
            fact("Note", row.note),
            fact("Workspace", link(row.workspace)),
            fact("Since", row.created_at),
        ]
        return [Facts("Allowed host", facts)]
