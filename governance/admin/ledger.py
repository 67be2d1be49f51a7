"""The ledger: what happened, who did it, and to what. Read only, here and in the database."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest
from django.urls import reverse
from django.utils.safestring import SafeString

from governance.admin.facts import (
    Button,
    Facts,
    anchor,
    code,
    draw,
    fact,
    json_block,
    page_of,
    when,
)
from governance.admin.filters import WorkspaceFilter
from governance.admin.pages import FactsAdmin, Section
from governance.models import (
    ActionType,
    Agent,
    Canvas,
    Ceiling,
    Device,
    Execution,
    Grant,
    LedgerEntry,
    Membership,
    PolicyVersion,
    Proposal,
    Run,
    Trigger,
    Workspace,
)

SUBJECTS: dict[str, type[Model]] = {
    "action_type": ActionType,
    "agent": Agent,
    "canvas": Canvas,
    "ceiling": Ceiling,
    "decision": Agent,
    "device": Device,
    "execution": Execution,
    "grant": Grant,
    "membership": Membership,
    "policy_version": PolicyVersion,
    "proposal": Proposal,
    "review": Proposal,
    "run": Run,
    "trigger": Trigger,
    "workspace": Workspace,
}
"""What an entry is about, by the first word of its kind; others have no page."""


@admin.register(LedgerEntry)
class LedgerEntryAdmin(FactsAdmin):
    """The entries of one's workspaces, newest first."""

    list_display = ("at", "kind", "who", "subject")
    list_filter = (WorkspaceFilter,)
    has_trail = False

    @admin.display(description="When")
    def at(self, row: LedgerEntry) -> SafeString:
        """When it was written."""
        return when(row.created_at)

    @admin.display(description="By")
    def who(self, row: LedgerEntry) -> SafeString:
        """The person, the agent or the part of the system."""
        by = _body(row).get("by")
        return draw(f"{by.get('kind')} {by.get('label')}" if isinstance(by, dict) else None)

    @admin.display(description="Subject")
    def subject(self, row: LedgerEntry) -> SafeString:
        """The row it is about."""
        return code(str(row.subject_id))

    def links(self, request: HttpRequest, row: LedgerEntry) -> list[Button]:
        """Everything else about the same row."""
        entries = reverse("admin:governance_ledgerentry_changelist")
        return [Button("Trail of its subject", f"{entries}?subject_id={row.subject_id}")]

    def sections(self, request: HttpRequest, row: LedgerEntry) -> list[Section]:
        """The entry, and its body as it was written."""
        body = _body(row)
        facts = [
            fact("When", when(row.created_at)),
            fact("Kind", code(row.kind)),
            fact("By", self.who(row)),
            fact("Subject", _subject(row)),
        ]
        if body:
            return [Facts("Entry", facts), Facts("Body", [fact("As written", json_block(body))])]
        facts.append(fact("Body", "It cannot be read: the entry was damaged. Verify the ledger."))
        return [Facts("Entry", facts)]


def _body(row: LedgerEntry) -> dict[str, Any]:
    try:
        found: Any = row.data
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _subject(row: LedgerEntry) -> SafeString:
    model = SUBJECTS.get(row.kind.partition(".")[0])
    if model is None:
        return code(str(row.subject_id))
    # Unsaved: only its address is wanted, and whoever may not see the row is told so there.
    return anchor(page_of(model(pk=row.subject_id)), str(row.subject_id))
