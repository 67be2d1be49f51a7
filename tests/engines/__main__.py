"""python -m tests.engines [arguments of pytest]: the engine tests, once an engine.

Mostly they wait, for leases and for brokers, so a few run at a time. Exit 1 when one has failed.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

POSTGRES = os.environ.get("TEST_POSTGRES_URL", "postgres://postgres@127.0.0.1:5432/postgres")
RABBITMQ = os.environ.get("TEST_RABBITMQ_URL", "amqp://guest:guest@127.0.0.1:5672//")
REDIS = os.environ.get("TEST_REDIS_URL", "redis://127.0.0.1:6379/5")
QUEUE = f"governance-tests-{os.getpid()}"
AT_ONCE = int(os.environ.get("TEST_ENGINES_AT_ONCE", "3"))
OWN_COMMAND = (
    "celery --app config.celery worker --concurrency 2"
    " --without-mingle --without-gossip --without-heartbeat"
)

ENGINES = {
    "database on SQLite": {"DATABASE_URL": ""},
    "database on PostgreSQL": {"DATABASE_URL": POSTGRES},
    "Celery on RabbitMQ": {
        "DATABASE_URL": POSTGRES,
        "GOVERNANCE_ENGINE": "celery",
        "GOVERNANCE_BROKER_URL": RABBITMQ,
        "GOVERNANCE_QUEUE": f"{QUEUE}-1",
    },
    "Celery on Redis": {
        "DATABASE_URL": POSTGRES,
        "GOVERNANCE_ENGINE": "celery",
        "GOVERNANCE_BROKER_URL": REDIS,
        "GOVERNANCE_QUEUE": f"{QUEUE}-2",
    },
    "Celery's own command, on RabbitMQ": {
        "DATABASE_URL": POSTGRES,
        "GOVERNANCE_ENGINE": "celery",
        "GOVERNANCE_BROKER_URL": RABBITMQ,
        "GOVERNANCE_QUEUE": f"{QUEUE}-3",
        "TEST_WORKER_COMMAND": OWN_COMMAND,
    },
    "Procrastinate": {"DATABASE_URL": POSTGRES, "GOVERNANCE_ENGINE": "procrastinate"},
}


def run(name: str, env: dict[str, str]) -> bool:
    """The tests on one engine; prints what they said, and returns whether all passed."""
    began = time.monotonic()
    command = [sys.executable, "-m", "pytest", "-rs", "-q", "tests/engines", *sys.argv[1:]]
    done = subprocess.run(
        command, env={**os.environ, **env}, text=True, capture_output=True, check=False
    )
    said = "" if done.returncode == 0 else f"{done.stdout}{done.stderr}"
    verdict = "passed" if done.returncode == 0 else f"FAILED with {done.returncode}"
    last = done.stdout.strip().rpartition("\n")[2]
    print(f"{said}{name}: {verdict} ({last}; {time.monotonic() - began:.0f} s)", flush=True)
    return done.returncode == 0


def main() -> int:
    # The longest first, so that nothing long is left to the end.
    with ThreadPoolExecutor(AT_ONCE) as pool:
        passed = list(pool.map(run, reversed(ENGINES), reversed(ENGINES.values())))
    return 0 if all(passed) else 1


if __name__ == "__main__":
    sys.exit(main())
