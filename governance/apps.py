"""The application's configuration."""

from __future__ import annotations

from django.apps import AppConfig, apps
from django.utils.module_loading import autodiscover_modules

from governance.execution import loading


class GovernanceConfig(AppConfig):
    """Loads every installed application's `handlers`, which register themselves, and the checks."""

    name = "governance"
    verbose_name = "Agent Governance"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Import what registers itself.

        A handlers module that does not import is an error of `manage.py check`, which commands
        run first; and no task is run with one missing.
        """
        for config in apps.get_app_configs():
            loading.load(f"{config.name}.handlers")
        autodiscover_modules("checks")
