"""Settings, read from the environment; `.env.example` lists every variable. Safe by default."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import environ
from django.urls import reverse_lazy

from config import engines, secret

BASE_DIR = Path(__file__).resolve().parent.parent

env = environ.Env()
if (BASE_DIR / ".env").is_file():
    env.read_env(BASE_DIR / ".env")

DATA_DIR = Path(env.str("GOVERNANCE_DATA_DIR", default=str(BASE_DIR / "var"))).resolve()

DEBUG = env.bool("GOVERNANCE_DEBUG", default=False)
SECRET_KEY = env.str("SECRET_KEY", default="") or secret.read_or_create(DATA_DIR / "secret_key")
# Encrypts credentials at rest; the first key encrypts, all decrypt. Never derived from SECRET_KEY:
# who learns the one must not hold the other, and they are replaced at different times.
GOVERNANCE_ENCRYPTION_KEYS = env.list("GOVERNANCE_ENCRYPTION_KEYS", default=[]) or [
    secret.read_or_create(DATA_DIR / "encryption_key", make=secret.new_encryption_key)
]
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]"])
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])

INSTALLED_APPS = [
    "unfold",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django_tasks",
    "governance",
]

MIDDLEWARE = [
    # The outermost, so that under /api/ whatever goes wrong inside it comes out as a problem.
    "governance.api.middleware.api_middleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "governance.admin.attendance.AttendanceMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
ASGI_APPLICATION = "config.asgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

# --- Database -------------------------------------------------------------------------------------

# Before 3.51.3, SQLite's WAL mode can corrupt a database that several processes write.
JOURNAL_MODE = "WAL" if sqlite3.sqlite_version_info >= (3, 51, 3) else "TRUNCATE"

DATABASE_URL = env.str("DATABASE_URL", default="")
DATABASES = {
    "default": env.db_url_config(DATABASE_URL or f"sqlite:///{DATA_DIR / 'governance.sqlite3'}")
}
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    DATABASES["default"]["OPTIONS"] = {
        # A transaction that reads before it writes must take the write lock at once, or it fails.
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        # Without recursive triggers, REPLACE would delete rows that triggers protect.
        "init_command": f"PRAGMA journal_mode={JOURNAL_MODE}; PRAGMA recursive_triggers=ON;",
    }
else:
    # Without a pool, concurrent requests under ASGI run out of connections.
    DATABASES["default"]["OPTIONS"] = {
        # After 10 s of failing the next to ask tries afresh: it would wait longer and longer.
        "pool": {"min_size": 1, "max_size": 10, "timeout": 20, "reconnect_timeout": 10}
    }
    # What the pool kept is looked at before use: the server may have been restarted meanwhile.
    DATABASES["default"]["CONN_HEALTH_CHECKS"] = True

# --- People ---------------------------------------------------------------------------------------

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
LOGIN_URL = reverse_lazy("admin:login")
LOGIN_REDIRECT_URL = reverse_lazy("admin:index")
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
X_FRAME_OPTIONS = "DENY"

# --- Texts, times, files --------------------------------------------------------------------------

LANGUAGE_CODE = "en-gb"
USE_I18N = False
TIME_ZONE = "UTC"
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
STATIC_URL = "static/"
# Static files come straight from the packages, so that nothing has to be collected first.
WHITENOISE_USE_FINDERS = True
# Plans are limited to 256,000 bytes, and an edit form carries one twice, encoded.
DATA_UPLOAD_MAX_MEMORY_SIZE = 2_500_000
# A policy holds up to 500 rules, and the form of its draft has seven fields a rule.
DATA_UPLOAD_MAX_NUMBER_FIELDS = 4_000

# --- Governance -----------------------------------------------------------------------------------

GOVERNANCE_EXECUTION_ENABLED = env.bool("GOVERNANCE_EXECUTION_ENABLED", default=True)
GOVERNANCE_LEASE_SECONDS = env.float("GOVERNANCE_LEASE_SECONDS", default=60.0)
GOVERNANCE_AGENT_LEASE_SECONDS = env.float("GOVERNANCE_AGENT_LEASE_SECONDS", default=900.0)
GOVERNANCE_AGENT_DEPTH = env.int("GOVERNANCE_AGENT_DEPTH", default=3)
GOVERNANCE_AGENT_RUN_SECONDS = env.float("GOVERNANCE_AGENT_RUN_SECONDS", default=300.0)
GOVERNANCE_AGENT_TURN_SECONDS = env.float("GOVERNANCE_AGENT_TURN_SECONDS", default=60.0)
GOVERNANCE_PROGRAMS = env.int("GOVERNANCE_PROGRAMS", default=4)
GOVERNANCE_AGENT_TURNS = env.int("GOVERNANCE_AGENT_TURNS", default=50)
GOVERNANCE_FINGERPRINT_DEMOTES = env.bool("GOVERNANCE_FINGERPRINT_DEMOTES", default=True)
GOVERNANCE_EXAM_REPEATS = env.int("GOVERNANCE_EXAM_REPEATS", default=3)
GOVERNANCE_EXAM_COOL_DOWN_HOURS = env.float("GOVERNANCE_EXAM_COOL_DOWN_HOURS", default=6.0)
# What an agent's program may not read in an exam, wherever it lies; the database is added to it.
GOVERNANCE_PRIVATE_PATHS = [DATA_DIR, BASE_DIR / "var", BASE_DIR / ".env", BASE_DIR / ".git"]
GOVERNANCE_SUPERVISOR_SECONDS = env.float("GOVERNANCE_SUPERVISOR_SECONDS", default=300.0)
GOVERNANCE_WORKER_POLL_SECONDS = env.float("GOVERNANCE_WORKER_POLL_SECONDS", default=0.2)
GOVERNANCE_SWEEP_SECONDS = env.float("GOVERNANCE_SWEEP_SECONDS", default=1.0)
GOVERNANCE_REDELIVER_SECONDS = env.float("GOVERNANCE_REDELIVER_SECONDS", default=10.0)

# What carries the message "run execution N" to a worker.
GOVERNANCE_ENGINE = env.str("GOVERNANCE_ENGINE", default="database")
GOVERNANCE_BROKER_URL = env.str("GOVERNANCE_BROKER_URL", default="")
GOVERNANCE_QUEUE = env.str("GOVERNANCE_QUEUE", default="governance")
TASKS = engines.tasks(
    GOVERNANCE_ENGINE, database=DATABASES["default"], broker=GOVERNANCE_BROKER_URL
)
INSTALLED_APPS += engines.APPS[GOVERNANCE_ENGINE]

# Chromium for `browser_automate`; when empty, the first found on the PATH.
GOVERNANCE_BROWSER = env.str("GOVERNANCE_BROWSER", default="")

UNFOLD = {
    "SITE_TITLE": "Agent Governance",
    "SITE_HEADER": "Agent Governance",
    "SITE_SYMBOL": "shield",
    "SHOW_HISTORY": False,
    "SHOW_VIEW_ON_SITE": False,
    "SITE_URL": None,
    "SITE_FAVICONS": [
        {"rel": "icon", "type": "image/svg+xml", "href": "governance.admin.dashboard.favicon"}
    ],
    "STYLES": ["governance.admin.dashboard.stylesheet"],
    "SIDEBAR": {"navigation": "governance.admin.dashboard.navigation"},
    "DASHBOARD_CALLBACK": "governance.admin.dashboard.front_page",
}

# --- Mail -----------------------------------------------------------------------------------------

# Without a mail server, nothing is sent, and the e-mail connector says so.
_MAIL = env.email_url("EMAIL_URL", default="dummymail://")
EMAIL_BACKEND = _MAIL["EMAIL_BACKEND"]
EMAIL_HOST = _MAIL["EMAIL_HOST"] or "localhost"
EMAIL_PORT = _MAIL["EMAIL_PORT"] or 25
EMAIL_HOST_USER = _MAIL["EMAIL_HOST_USER"] or ""
EMAIL_HOST_PASSWORD = _MAIL["EMAIL_HOST_PASSWORD"] or ""
EMAIL_USE_TLS = _MAIL.get("EMAIL_USE_TLS", False)
EMAIL_USE_SSL = _MAIL.get("EMAIL_USE_SSL", False)
EMAIL_TIMEOUT = 20
DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL", default="agent-governance@localhost")

# --- Logging --------------------------------------------------------------------------------------

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {"format": "{asctime} {levelname} {name}: {message}", "style": "{"},
    },
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": env.str("LOG_LEVEL", default="INFO")},
    # They write whole URLs and headers into the log, at levels somebody may switch on.
    # Of engines' messages too: what became of an execution we say ourselves.
    "loggers": {
        name: {"level": "WARNING"}
        for name in ("httpx", "httpcore", "django_tasks", "django_tasks_db", "procrastinate")
    },
}
