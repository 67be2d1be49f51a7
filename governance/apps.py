"""The application's configuration."""

from __future__ import annotations

from django.apps import AppConfig
from django.utils.module_loading import autodiscover_modules


class GovernanceConfig(AppConfig):
    """Loads every installed application's `handlers`, which register themselves, and the checks."""

    name = "governance"
    verbose_name = "Agent Governance"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Import what registers itself. A handler module that does not import stops start-up."""
        autodiscover_modules("handlers", "checks")
