"""Looking into the engine's own store, past the engine: what waits there, and losing all of it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.db import connection

TABLES = {
    "database": ("django_tasks_database_dbtaskresult", "READY"),
    "procrastinate": ("procrastinate_jobs", "todo"),
}


def waiting() -> int:
    """How many messages wait to be taken."""
    if _scheme() == "amqp":
        with _rabbitmq() as channel:
            return channel.queue_declare(
                settings.GOVERNANCE_QUEUE, durable=True, auto_delete=False
            ).message_count
    if _scheme() == "redis":
        with _redis() as client:
            return client.llen(settings.GOVERNANCE_QUEUE)
    table, status = TABLES[settings.GOVERNANCE_ENGINE]
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM {table} WHERE status = %s", [status])
        return cursor.fetchone()[0]


def lose_everything() -> None:
    """Messages waiting, messages taken and not acknowledged, and the queue itself.

    Redis: everything in the database that the URL names.
    """
    if _scheme() == "amqp":
        with _rabbitmq() as channel:
            channel.queue_delete(settings.GOVERNANCE_QUEUE)
    elif _scheme() == "redis":
        with _redis() as client:
            client.flushdb()
    else:
        with connection.cursor() as cursor:
            cursor.execute(f"DELETE FROM {TABLES[settings.GOVERNANCE_ENGINE][0]}")


def _scheme() -> str:
    return urlsplit(settings.GOVERNANCE_BROKER_URL).scheme


@contextlib.contextmanager
def _rabbitmq() -> Iterator[Any]:
    # Its client, and that of Redis, are not installed for the engines in the database.
    import amqp

    url = urlsplit(settings.GOVERNANCE_BROKER_URL)
    with amqp.Connection(
        host=f"{url.hostname}:{url.port or 5672}", userid=url.username, password=url.password
    ) as link:
        yield link.channel()


@contextlib.contextmanager
def _redis() -> Iterator[Any]:
    import redis

    with redis.Redis.from_url(settings.GOVERNANCE_BROKER_URL) as client:
        yield client
