"""Devices: registered, given a new key, retired; what they were asked and what they reported."""

from __future__ import annotations

import json
from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.safestring import SafeString
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget

from governance.admin import pictures
from governance.admin.facts import (
    NOTHING,
    Facts,
    Table,
    ago,
    badge,
    bullets,
    code,
    draw,
    fact,
    link,
    page_of,
    when,
)
from governance.admin.filters import WorkspaceFilter
from governance.admin.forms import InWorkspaceForm, line
from governance.admin.pages import AddPage, FactsAdmin, ReasonPage, RowPage, Section
from governance.domain.actors import Actor
from governance.domain.states import DeviceState
from governance.domain.words import DeviceKind
from governance.models import Device, DeviceCommand
from governance.policy.redaction import clean, clean_text
from governance.services import devices
from governance.services.devices import Registration

RECENT = 25
"""How many commands a device's page shows; the newest."""

MOST_SHOWN = 300
"""Characters of a command's params or result in a table."""


class DeviceForm(InWorkspaceForm):
    """A new device."""

    name = forms.CharField(
        max_length=60,
        widget=line(spellcheck="false", autocapitalize="off"),
        help_text="What plans call it: a-z, 0-9 and -, from a letter.",
    )
    kinds = forms.MultipleChoiceField(
        label="What it can be asked for",
        choices=DeviceKind.choices,
        widget=UnfoldAdminCheckboxSelectMultipleWidget(),
    )

    field_order = ("workspace", "name", "kinds")


def key_page(page: Any, registration: Registration) -> HttpResponse:
    """The device and its key, on a page that no cache keeps and no address leads back to."""
    context = {
        **page.admin.admin_site.each_context(page.request),
        "opts": page.admin.opts,
        "title": f"The key of {registration.device.name}",
        "device": registration.device,
        "device_url": page_of(registration.device),
        "key": registration.key,
    }
    template = "admin/governance/device/key.html"
    headers = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}
    return TemplateResponse(page.request, template, context, headers=headers)


class RegisterPage(AddPage):
    """Register a device."""

    form_class = DeviceForm
    title = "Register a device"
    explanation = (
        "It claims commands over HTTP with a key of its own. The key is shown once, on the next "
        "page, and can never be read again."
    )
    submit = "Register"

    def save(self, data: Any, by: Actor) -> Registration:
        """Register it."""
        return devices.register(**data, by=by)

    def answer(self, saved: Registration) -> HttpResponse:
        """The key, this once."""
        return key_page(self, saved)


class RotateKeyPage(RowPage):
    """Give a device a new key."""

    slug, label = "rotate", "Give it a new key"
    title = "A new key for"
    explanation = (
        "The old key opens nothing any more, at once. What the device has claimed it may still "
        "report, under the new key, which is shown once, on the next page."
    )
    submit = "Make a new key"
    danger = True

    @classmethod
    def offered(cls, row: Any) -> bool:
        """An active device has a key."""
        return bool(row.state == DeviceState.ACTIVE)

    def token(self, row: Any) -> str:
        """A new key is no move along the lifecycle."""
        return f"{row.version} {row.key_prefix}"

    def save(self, data: Any, by: Actor) -> Registration:
        """Make the key."""
        return devices.rotate_key(device=self.row, by=by)

    def answer(self, saved: Registration) -> HttpResponse:
        """The key, this once."""
        return key_page(self, saved)


class RetirePage(ReasonPage):
    """End a device for good."""

    slug, label = "retire", "Retire"
    title = "Retire"
    explanation = (
        "For good: its key opens nothing, and commands that wait for it expire. What it has "
        "claimed becomes in doubt when its time is up."
    )
    submit = "Retire"
    danger = True
    done = "The device is retired."
    to = DeviceState.RETIRED

    def move(self, reason: str, by: Actor) -> None:
        """Retire it."""
        devices.retire(device=self.row, reason=reason, by=by)


@admin.register(Device)
class DeviceAdmin(FactsAdmin):
    """The devices of one's workspaces, by name."""

    list_display = ("shown_name", "shown_kinds", "shown_state", "seen", "workspace")
    list_filter = (WorkspaceFilter, "state")
    list_select_related = ("workspace",)
    pages = (RotateKeyPage, RetirePage)
    add_page = RegisterPage

    class Media:
        css = {"all": ["governance/pages.css"]}

    @admin.display(description="Name")
    def shown_name(self, row: Device) -> SafeString:
        """As plans write it."""
        return code(row.name)

    @admin.display(description="Can be asked for")
    def shown_kinds(self, row: Device) -> SafeString:
        """Its kinds of command."""
        return draw(", ".join(map(str, row.kinds)))

    @admin.display(description="State")
    def shown_state(self, row: Device) -> SafeString:
        """Active or retired."""
        return badge(row.state, row.get_state_display())

    @admin.display(description="Last seen")
    def seen(self, row: Device) -> SafeString:
        """When it last asked for a command."""
        return ago(row.last_seen_at) if row.last_seen_at else draw("never")

    def sections(self, request: HttpRequest, row: Device) -> list[Section]:
        """What it is, and what it was asked for of late."""
        facts = [
            fact("Name", code(row.name)),
            fact("Can be asked for", bullets(row.kinds)),
            fact("State", self.shown_state(row)),
            fact("Last seen", when(row.last_seen_at) if row.last_seen_at else "never"),
            fact("Its key begins with", code(row.key_prefix)),
            fact("Workspace", link(row.workspace)),
            fact("Registered", when(row.created_at)),
        ]
        return [Facts("Device", facts), _commands(row)]


def _commands(row: Device) -> Table:
    # Not the photos themselves: each is fetched from its own address.
    found = row.commands.select_related("step__execution").defer("photo", "step__execution__plan")
    return Table(
        "Its latest commands",
        ("When", "Asked for", "State", "What came back", "Execution"),
        [
            (
                when(each.created_at),
                _asked(each),
                badge(each.state, each.get_state_display()),
                _came_back(each),
                link(each.step.execution, f"step {each.step.step}"),
            )
            for each in found.order_by("-created_at", "-id")[:RECENT]
        ],
        empty="It has not been asked for anything yet.",
    )


def _asked(command: DeviceCommand) -> SafeString:
    params = clean(command.params_as_json())
    return bullets([command.get_kind_display(), *([_short(params)] if params else [])])


def _came_back(command: DeviceCommand) -> SafeString:
    if command.error:
        return draw(clean_text(command.error))
    if not command.result:
        return NOTHING
    if command.kind == DeviceKind.CAMERA:
        return pictures.thumbnail("photo", command.pk, f"Photo taken by {command.device.name}")
    return _short(clean(json.loads(command.result)))


def _short(value: Any) -> SafeString:
    text = json.dumps(value, ensure_ascii=False)
    return code(text) if len(text) <= MOST_SHOWN else code(f"{text[:MOST_SHOWN]} …")
