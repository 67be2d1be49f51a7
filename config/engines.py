"""The settings that follow from the choice of task engine."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

from django.core.exceptions import ImproperlyConfigured

APPS = {
    "database": ["django_tasks_db"],
    "celery": [],
    "procrastinate": ["procrastinate.contrib.django"],
}
"""The applications each engine needs installed."""

PACKAGES = {
    "database": ("django_tasks_db",),
    "celery": ("celery", "redis"),
    "procrastinate": ("procrastinate", "psycopg"),
}

BACKENDS: dict[str, dict[str, Any]] = {
    "database": {"BACKEND": "django_tasks_db.DatabaseBackend"},
    "celery": {
        "BACKEND": "governance.engines.celery.CeleryBackend",
        "OPTIONS": {"app": "config.celery.app"},
    },
    "procrastinate": {"BACKEND": "governance.engines.procrastinate.ProcrastinateBackend"},
}

BROKERS = ("amqp", "amqps", "redis", "rediss")
"""The schemes of brokers that Celery is used with here."""


def tasks(engine: str, *, database: dict[str, Any], broker: str) -> dict[str, dict[str, Any]]:
    """The setting TASKS. Raises ImproperlyConfigured for what cannot work."""
    if engine not in BACKENDS:
        raise ImproperlyConfigured(
            f"GOVERNANCE_ENGINE is {engine!r}; choose one of {', '.join(BACKENDS)}."
        )
    missing = [name for name in PACKAGES[engine] if find_spec(name) is None]
    if missing:
        raise ImproperlyConfigured(
            f"GOVERNANCE_ENGINE={engine} needs packages that are not installed "
            f"({', '.join(missing)}): python -m pip install -r requirements-services.txt"
        )
    if engine == "celery" and broker.partition(":")[0] not in BROKERS:
        raise ImproperlyConfigured(
            "GOVERNANCE_ENGINE=celery needs GOVERNANCE_BROKER_URL, such as "
            "amqp://user:password@host:5672// or redis://host:6379/0."
        )
    if engine == "procrastinate" and "postgresql" not in database["ENGINE"]:
        raise ImproperlyConfigured(
            "GOVERNANCE_ENGINE=procrastinate keeps its messages in PostgreSQL; set DATABASE_URL, "
            "such as postgres://user:password@host:5432/name."
        )
    return {"default": BACKENDS[engine]}
