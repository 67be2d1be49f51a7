"""python -m bench.latency: from a person's approval to the first thing it does, one at a time.

One worker at its default settings, on a database of its own. The clock runs from before the
approval is asked for until the far side is called, so the approval's own transaction is in it.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

import django
from django.core.management import call_command
from django.db import connection

from bench.chaos.far_side import FarSide
from bench.chaos.scratch import database

PATIENCE = 60.0


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.latency", description=__doc__)
    parser.add_argument("--database", default="sqlite", help="sqlite, or the URL of a server")
    parser.add_argument("--engine", default="database", help="of tasks (default: database)")
    parser.add_argument("--broker", default="", help="GOVERNANCE_BROKER_URL")
    parser.add_argument("--number", type=int, default=100, help="of approvals (default: 100)")
    options = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="governance-latency-") as folder,
        database(options.database) as url,
        FarSide(slow=0.0) as far_side,
    ):
        os.environ |= {
            "DATABASE_URL": url,
            "DJANGO_SETTINGS_MODULE": "bench.chaos.settings",
            "CHAOS_FAR_SIDE": far_side.address,
            "GOVERNANCE_DATA_DIR": folder,
            "GOVERNANCE_ENGINE": options.engine,
            "GOVERNANCE_BROKER_URL": options.broker,
            "GOVERNANCE_QUEUE": f"governance-latency-{os.getpid()}",
            "LOG_LEVEL": os.environ.get("LOG_LEVEL", "WARNING"),
        }
        django.setup()
        call_command("migrate", verbosity=0)
        worker = subprocess.Popen([sys.executable, "manage.py", "worker"])
        try:
            found = measure(far_side, number=options.number)
        finally:
            worker.terminate()
            worker.wait(PATIENCE)
            connection.close()
    tenths = statistics.quantiles(found, n=20)
    print(
        f"{connection.vendor}, engine {options.engine}, {len(found)} approvals, in ms:"
        f" median {statistics.median(found) * 1000:.0f}, 95% below {tenths[-1] * 1000:.0f},"
        f" longest {max(found) * 1000:.0f}"
    )
    return 0


def measure(far_side: FarSide, *, number: int) -> list[float]:
    """Seconds, one an approval; a first one, while the worker starts, does not count."""
    # Models can only be imported once Django is set up.
    from bench.chaos.world import World
    from governance.services import reviews

    world, found = World(), []
    for _ in range(number + 1):
        proposal = world.propose()
        ref = json.loads(proposal.plan)[0]["params"]["ref"]
        began = time.monotonic()
        reviews.approve(proposal=proposal, digest=proposal.digest, by=world.reviewer)
        while ref not in far_side.arrived:
            if time.monotonic() - began > PATIENCE:
                raise TimeoutError("Nobody carries it out.")
            time.sleep(0.001)
        found.append(far_side.arrived[ref] - began)
        time.sleep(0.3)  # the plan ends, and the worker rests
    return found[1:]


if __name__ == "__main__":
    sys.exit(main())
