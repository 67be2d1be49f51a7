"""Settings of the tests: the real ones, with their own data directory and fast passwords."""

import os
import tempfile

if "GOVERNANCE_DATA_DIR" not in os.environ:
    os.environ["GOVERNANCE_DATA_DIR"] = tempfile.mkdtemp(prefix="governance-tests-")
os.environ.setdefault("LOG_LEVEL", "CRITICAL")

from config.settings import *
from config.settings import DATA_DIR, DATABASES

# Every test's client is a new server, which would look through all the static files first.
WHITENOISE_AUTOREFRESH = True

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]

if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    # A file, because threads and processes share it; in-memory databases hide locking.
    DATABASES["default"]["TEST"] = {"NAME": str(DATA_DIR / "test.sqlite3")}
    # Tests kill processes, never the machine: the disk need not be waited for.
    DATABASES["default"]["OPTIONS"]["init_command"] += " PRAGMA synchronous=OFF;"
