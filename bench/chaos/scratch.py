"""A database of our own, gone afterwards."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit, urlunsplit


@contextmanager
def database(where: str) -> Iterator[str]:
    """`sqlite`, or the URL of a PostgreSQL server where databases may be created; yields a URL."""
    if where == "sqlite":
        # In memory where there is such a folder: processes are killed here, not the machine.
        memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
        with tempfile.TemporaryDirectory(prefix="governance-chaos-", dir=memory) as folder:
            yield f"sqlite:///{folder}/chaos.sqlite3"
        return
    # It is not needed, and not installed, for SQLite.
    import psycopg

    name = f"governance_chaos_{os.getpid()}"
    with psycopg.connect(where, autocommit=True) as server:
        server.execute(f"CREATE DATABASE {name}")
        try:
            yield urlunsplit(urlsplit(where)._replace(path=f"/{name}"))
        finally:
            server.execute(f"DROP DATABASE {name} WITH (FORCE)")
