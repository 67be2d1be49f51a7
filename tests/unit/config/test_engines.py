"""The settings of each engine; and what is said, at the start, of those that cannot work."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from config import engines

SQLITE = {"ENGINE": "django.db.backends.sqlite3"}
POSTGRES = {"ENGINE": "django.db.backends.postgresql"}
RABBITMQ, REDIS = "amqp://guest:guest@127.0.0.1:5672//", "redis://127.0.0.1:6379/0"


@pytest.fixture
def installed(monkeypatch):
    """As if these packages were installed, and no others."""

    def only(*names: str) -> None:
        monkeypatch.setattr(engines, "find_spec", lambda name: name if name in names else None)

    return only


@pytest.fixture
def everything(installed):
    installed("django_tasks_db", "celery", "redis", "procrastinate", "psycopg")


# engine, database, broker: the backend, the application it needs
WORKING = [
    ("database", SQLITE, "", "django_tasks_db.DatabaseBackend", ["django_tasks_db"]),
    ("database", POSTGRES, "", "django_tasks_db.DatabaseBackend", ["django_tasks_db"]),
    ("celery", POSTGRES, RABBITMQ, "governance.engines.celery.CeleryBackend", []),
    ("celery", POSTGRES, REDIS, "governance.engines.celery.CeleryBackend", []),
    ("celery", POSTGRES, "rediss://h/0", "governance.engines.celery.CeleryBackend", []),
    ("celery", SQLITE, "amqps://h//", "governance.engines.celery.CeleryBackend", []),
    (
        "procrastinate",
        POSTGRES,
        "",
        "governance.engines.procrastinate.ProcrastinateBackend",
        ["procrastinate.contrib.django"],
    ),
]


@pytest.mark.parametrize(("engine", "database", "broker", "backend", "apps"), WORKING)
def test_what_works(everything, engine, database, broker, backend, apps):
    found = engines.tasks(engine, database=database, broker=broker)
    assert list(found) == ["default"]
    assert found["default"]["BACKEND"] == backend
    assert engines.APPS[engine] == apps


# engine, database, broker: what is said
BROKEN = [
    ("", SQLITE, "", "GOVERNANCE_ENGINE is ''; choose one of database, celery, procrastinate."),
    ("rq", SQLITE, "", "GOVERNANCE_ENGINE is 'rq'; choose one of database, celery, procrastinate."),
    ("Celery", SQLITE, RABBITMQ, "choose one of database, celery, procrastinate."),
    ("celery", POSTGRES, "", "needs GOVERNANCE_BROKER_URL, such as amqp://user:password@host"),
    ("celery", POSTGRES, "localhost:5672", "or redis://host:6379/0."),
    ("celery", POSTGRES, "rabbit://h", "needs GOVERNANCE_BROKER_URL"),
    ("procrastinate", SQLITE, "", "keeps its messages in PostgreSQL; set DATABASE_URL"),
]


@pytest.mark.parametrize(("engine", "database", "broker", "says"), BROKEN)
def test_what_cannot_work_says_what_to_do(everything, engine, database, broker, says):
    with pytest.raises(ImproperlyConfigured) as refused:
        engines.tasks(engine, database=database, broker=broker)
    assert says in str(refused.value)


# engine, what is installed: what is said
MISSING = [
    ("database", (), "(django_tasks_db)"),
    ("celery", ("django_tasks_db",), "(celery, redis)"),
    ("celery", ("celery",), "(redis)"),
    ("procrastinate", ("celery", "redis"), "(procrastinate, psycopg)"),
]


@pytest.mark.parametrize(("engine", "there", "says"), MISSING)
def test_packages_that_are_missing_are_named(installed, engine, there, says):
    installed(*there)
    with pytest.raises(ImproperlyConfigured) as refused:
        engines.tasks(engine, database=POSTGRES, broker=RABBITMQ)
    assert f"GOVERNANCE_ENGINE={engine} needs packages that are not installed {says}: " in str(
        refused.value
    )
    assert "pip install -r requirements-services.txt" in str(refused.value)


def test_a_wrong_engine_ends_a_command_with_one_sentence():
    done = subprocess.run(
        [sys.executable, "manage.py", "worker"],
        cwd=settings.BASE_DIR,
        env={**os.environ, "GOVERNANCE_ENGINE": "rabbitmq"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "GOVERNANCE_ENGINE is 'rabbitmq'; choose one of database, celery, procrastinate.\n"
    )
