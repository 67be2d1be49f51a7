"""The pages people use. Importing this package registers them all."""

from django.contrib import admin

from governance.admin import (
    action_types,
    agents,
    allowed_hosts,
    blocked_triggers,
    canvases,
    constitutions,
    credentials,
    decisions,
    devices,
    episodes,
    exam_cases,
    exams,
    executions,
    grants,
    ledger,
    maturity_pages,
    policies,
    proposals,
    runs,
    supervision,
    training_topics,
    trainings,
    users,
    workflows,
    workspaces,
)

__all__ = [
    "action_types",
    "agents",
    "allowed_hosts",
    "blocked_triggers",
    "canvases",
    "constitutions",
    "credentials",
    "decisions",
    "devices",
    "episodes",
    "exam_cases",
    "exams",
    "executions",
    "grants",
    "ledger",
    "maturity_pages",
    "policies",
    "proposals",
    "runs",
    "supervision",
    "training_topics",
    "trainings",
    "users",
    "workflows",
    "workspaces",
]

# unfold comes before this application, and its own front page would win by name.
admin.site.index_template = "admin/governance/front_page.html"
