"""Workflows: stored plans, version by version. Nothing runs from here: agents trigger them."""

from __future__ import annotations

import json
from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from governance.admin import steps
from governance.admin.facts import Facts, Table, anchor, code, draw, fact, json_block, page_of, when
from governance.admin.filters import WorkspaceFilter
from governance.admin.forms import InWorkspaceForm, JsonListField, JsonObjectField, line
from governance.admin.pages import AddPage, FactsAdmin, RowPage, Section
from governance.admin.rendering.visible import visible
from governance.domain.actors import Actor
from governance.domain.values import Json, digest
from governance.models import Workflow
from governance.policy import expansion, plans, schemas
from governance.policy.redaction import clean
from governance.services import workflows

LATEST = 20
_NO_PARAMS: dict[str, Json] = {"type": "object", "properties": {}, "additionalProperties": False}
_EXAMPLES: dict[str, Json] = {
    "string": "...",
    "integer": 1,
    "number": 1.5,
    "boolean": True,
    "array": [],
    "object": {},
}


class VersionForm(forms.Form):
    """What a version says."""

    title = forms.CharField(max_length=200, widget=line(), help_text="What it does, in a line.")
    params_schema = JsonObjectField(
        rows=8,
        required=True,
        max_length=schemas.MAX_BYTES,
        label="Schema of its params",
        help_text="A JSON Schema of an object. Every param that the plan uses has to be required.",
    )
    plan = JsonListField(
        rows=16,
        required=True,
        max_length=plans.MAX_BYTES,
        help_text=(
            'A JSON list of steps: {"id", "action_type", "params", "when"?}. {"$param": "name"} '
            "stands for a param. It may not trigger a workflow itself."
        ),
    )


class DefineForm(InWorkspaceForm, VersionForm):
    """A new workflow, or the next version of one."""

    name = forms.CharField(
        max_length=60,
        widget=line(spellcheck="false", autocapitalize="off"),
        help_text="a-z, 0-9, _ and -. A name that is there already gets its next version.",
    )

    field_order = ("workspace", "name", "title", "params_schema", "plan")


class DefinePage(AddPage):
    """Define a workflow."""

    form_class = DefineForm
    title = "Define a workflow"
    explanation = (
        "A stored plan that agents trigger by its name. What is approved then is always the whole "
        "plan written out, never the name alone."
    )
    submit = "Define"
    done = "The version is defined; agents trigger it from now on."

    def initial(self) -> dict[str, Any]:
        """No params, and no steps yet."""
        return {"params_schema": _NO_PARAMS, "plan": []}

    def save(self, data: Any, by: Actor) -> str:
        """Define it."""
        return page_of(workflows.define(**data, by=by))


class NextVersionPage(RowPage):
    """Write the version after this one."""

    slug, label = "next", "Write the next version"
    form_class = VersionForm
    title = "Next version after"
    explanation = "This version stays as it is. Agents trigger the newest one."
    submit = "Define"
    done = DefinePage.done

    def initial(self) -> dict[str, Any]:
        """As this version is."""
        return {
            "title": self.row.title,
            "params_schema": self.row.params_schema,
            "plan": json.loads(self.row.plan),
        }

    def token(self, row: Any) -> str:
        """The newest version's number: of two people who write the next one, the second is told."""
        return str(Workflow.objects.newest(row.name, workspace_id=row.workspace_id).number)

    def save(self, data: Any, by: Actor) -> str:
        """Define it."""
        version = workflows.define(workspace=self.row.workspace, name=self.row.name, **data, by=by)
        return page_of(version)


@admin.register(Workflow)
class WorkflowAdmin(FactsAdmin):
    """The workflows of one's workspaces: a line a version, the newest first."""

    list_display = ("shown_name", "number", "shown_title", "what", "defined")
    list_filter = (WorkspaceFilter,)
    search_fields = ("name", "title")
    search_help_text = "In names and titles"
    pages = (NextVersionPage,)
    add_page = DefinePage

    @admin.display(description="Name")
    def shown_name(self, row: Workflow) -> SafeString:
        """To be read letter by letter."""
        return code(row.name)

    @admin.display(description="Title")
    def shown_title(self, row: Workflow) -> SafeString:
        """What it does."""
        return draw(row.title)

    @admin.display(description="Steps")
    def what(self, row: Workflow) -> SafeString:
        """The action types, in order."""
        keys = ((visible(key),) for key in steps.keys_of(row.plan))
        return format_html_join(", ", "{}", keys)

    @admin.display(description="Defined")
    def defined(self, row: Workflow) -> SafeString:
        """When."""
        return when(row.created_at)

    def sections(self, request: HttpRequest, row: Workflow) -> list[Section]:
        """What it is, what it does, how it is triggered, and its other versions."""
        plan = json.loads(row.plan)
        newest = Workflow.objects.newest(row.name, workspace_id=row.workspace_id)
        standing = "the newest: this is what a trigger gets" if newest == row else "replaced"
        facts = [
            fact("Name", code(row.name)),
            fact("Version", f"{row.number}, {standing}"),
            fact("Title", row.title),
            fact("Workspace", row.workspace.name),
            fact("Defined", row.created_at),
            fact("Digest of the plan", code(digest(plan))),
        ]
        what = [
            fact("In words", _words(row)),
            fact("Its params", json_block(row.params_schema)),
            fact("As JSON", json_block(clean(plan))),
        ]
        return [
            Facts("Workflow", facts),
            Facts("The plan", what),
            Facts("How an agent triggers it", [fact("A step", json_block(_step(row)))]),
            _versions(row),
        ]


def _words(row: Workflow) -> SafeString:
    """The plan in words, as it is stored: with the names of params in the place of values."""
    plan = plans.parse_text(row.plan)
    lines = steps.words(plan, steps.catalogue_of(plan, row.workspace_id))
    items = format_html_join("", "<li>{}</li>", ((line,) for line in lines))
    return format_html('<ol class="ag-words">{}</ol>', items)


def _step(row: Workflow) -> dict[str, Json]:
    """A step that triggers it, with an example for each param it requires."""
    required = row.params_schema.get("required", [])
    properties = row.params_schema.get("properties", {})
    params = {name: _example(properties.get(name)) for name in required}
    return {
        "id": "step1",
        "action_type": expansion.ACTION,
        "params": {"workflow": row.name, "params": params},
    }


def _example(schema: Json) -> Json:
    if not isinstance(schema, dict):
        return "..."
    for keyword in ("default", "const"):
        if keyword in schema:
            return schema[keyword]
    choices = schema.get("examples") or schema.get("enum")
    kind = schema.get("type")
    return choices[0] if choices else _EXAMPLES.get(kind if isinstance(kind, str) else "", "...")


def _versions(row: Workflow) -> Table:
    rows = Workflow.objects.of(row.workspace_id).filter(name=row.name).exclude(pk=row.pk)
    return Table(
        "Other versions",
        ("Version", "Title", "Defined"),
        [
            (anchor(page_of(each), str(each.number)), draw(each.title), when(each.created_at))
            for each in rows.order_by("-number")[:LATEST]
        ],
        empty="This is the only one.",
    )
