"""What only the database's owner can do, for tests of what holds even then."""

from __future__ import annotations

from django.db import connection, models, transaction


def execute(statement: str) -> int:
    """Run one statement in a transaction of its own; returns how many rows it met."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.rowcount


def settle() -> None:
    """Let PostgreSQL check now what it checks at the end; else it refuses to alter a table."""
    if connection.vendor == "postgresql":
        execute("SET CONSTRAINTS ALL IMMEDIATE")


def tamper(row: models.Model, constraint: str, **columns: object) -> None:
    """Write what this CHECK constraint refuses; undone with the test's transaction."""
    settle()
    if connection.vendor == "postgresql":
        execute(f"ALTER TABLE {row._meta.db_table} DROP CONSTRAINT {constraint}")
    else:
        execute("PRAGMA ignore_check_constraints = 1")
    try:
        assert type(row)._default_manager.filter(pk=row.pk).update(**columns) == 1
    finally:
        if connection.vendor == "sqlite":
            execute("PRAGMA ignore_check_constraints = 0")
