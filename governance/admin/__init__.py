"""The pages people use. Importing this package registers them all."""

from django.contrib import admin

from governance.admin import (
    action_types,
    agents,
    canvases,
    decisions,
    exam_cases,
    exams,
    executions,
    grants,
    ledger,
    policies,
    proposals,
    runs,
    users,
    workspaces,
)

__all__ = [
    "action_types",
    "agents",
    "canvases",
    "decisions",
    "exam_cases",
    "exams",
    "executions",
    "grants",
    "ledger",
    "policies",
    "proposals",
    "runs",
    "users",
    "workspaces",
]

# unfold comes before this application, and its own front page would win by name.
admin.site.index_template = "admin/governance/front_page.html"
