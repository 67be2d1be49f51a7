"""Run code in another process, on the database of the tests."""

from __future__ import annotations

import os
import subprocess
import sys
from urllib.parse import quote

from django.conf import settings
from django.db import connection


def database_url(name: str | None = None) -> str:
    """The URL of the database under test, or of another one on the same server."""
    given = connection.settings_dict
    name = name or given["NAME"]
    if connection.vendor == "sqlite":
        return f"sqlite:///{name}"
    user, password = quote(given["USER"]), quote(given["PASSWORD"])
    who = f"{user}:{password}" if password else user
    return f"postgres://{who}@{given['HOST']}:{given['PORT'] or 5432}/{name}"


def run_elsewhere(code: str, *, url: str | None = None, **variables: str) -> str:
    """What a new Python with Django set up prints when it runs `code`; fails if it fails."""
    found = subprocess.run(
        [sys.executable, "-c", f"import django\ndjango.setup()\n{code}"],
        cwd=settings.BASE_DIR,
        env={**os.environ, "DATABASE_URL": url or database_url(), **variables},
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert found.returncode == 0, found.stderr
    return found.stdout
