"""python -m bench.chaos: kill workers, count what happened. Exit 0: as promised. 1: not."""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import tempfile
import time
from pathlib import Path

import django
from django.core.management import call_command
from django.db import connection

from bench.chaos.far_side import FarSide
from bench.chaos.scratch import database


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.chaos", description=__doc__)
    parser.add_argument(
        "--database",
        default="sqlite",
        help="sqlite (default), or the URL of a PostgreSQL server for a database of our own",
    )
    parser.add_argument("--engine", default="database", help="of tasks (default: database)")
    parser.add_argument("--broker", default="", help="GOVERNANCE_BROKER_URL; a Redis is emptied")
    parser.add_argument("--kills", type=int, default=1000, help="SIGKILLs (default: 1000)")
    parser.add_argument(
        "--executions", type=int, help="default: two and a half for every kill, at least 100"
    )
    parser.add_argument("--lease", type=float, default=1.0, help="seconds (default: 1)")
    parser.add_argument("--json", metavar="FILE", help="write the result there too")
    parser.add_argument("--log", metavar="FILE", help="keep the workers' log")
    return parser.parse_args()


def main() -> int:
    options = arguments()
    options.executions = options.executions or max(100, options.kills * 5 // 2)
    with (
        tempfile.TemporaryDirectory(prefix="governance-chaos-") as folder,
        database(options.database) as url,
        FarSide() as far_side,
    ):
        env = {
            "DATABASE_URL": url,
            "DJANGO_SETTINGS_MODULE": "bench.chaos.settings",
            "CHAOS_FAR_SIDE": far_side.address,
            "GOVERNANCE_DATA_DIR": folder,
            "GOVERNANCE_ENGINE": options.engine,
            "GOVERNANCE_BROKER_URL": options.broker,
            "GOVERNANCE_QUEUE": f"governance-chaos-{os.getpid()}",
            "GOVERNANCE_LEASE_SECONDS": str(options.lease),
            "GOVERNANCE_SWEEP_SECONDS": "0.2",
            "GOVERNANCE_WORKER_POLL_SECONDS": "0.05",
            "GOVERNANCE_REDELIVER_SECONDS": "3",
        }
        os.environ.update(env)
        os.environ.setdefault("LOG_LEVEL", "WARNING")
        django.setup()
        call_command("migrate", verbosity=0)
        try:
            result = run(options, far_side, Path(folder))
        finally:
            connection.close()
            if options.log:
                Path(options.log).write_text((Path(folder) / "workers.log").read_text())
    if options.json:
        Path(options.json).write_text(json.dumps(result, indent=2))
    return 0 if result["as_promised"] else 1


def run(options: argparse.Namespace, far_side: FarSide, folder: Path) -> dict[str, object]:
    """All phases, the table, and the result."""
    # Models can only be imported once Django is set up.
    from bench.chaos import broker, phases, points, report
    from bench.chaos.deaths import Deaths
    from bench.chaos.setting import Setting
    from bench.chaos.workers import Workers
    from bench.chaos.world import World

    if points.untried():
        sys.exit(f"bench/chaos/points.py and the code disagree on: {points.untried()}")
    began = time.monotonic()

    def say(text: str) -> None:
        print(f"{time.monotonic() - began:6.0f} s  {text}", flush=True)

    env = dict(os.environ)
    setting = Setting(World(), far_side, options.lease, say)
    engine = f"{options.engine} {options.broker.partition(':')[0]}".strip()
    result = report.Result(
        database=connection.vendor,
        engine=engine,
        python=platform.python_version(),
        cores=len(os.sched_getaffinity(0)),
        lease=options.lease,
    )
    soon = {"GOVERNANCE_REDELIVER_SECONDS": 0.5}
    with Workers(folder, env=env, settings=soon) as workers:
        deaths = Deaths(setting, workers)
        verdict = deaths.run()
    result.add("every failpoint", verdict, killed=deaths.died)
    with Workers(folder, env=env) as workers:
        verdict = phases.storm(setting, workers, kills=options.kills, executions=options.executions)
        result.add("storm", verdict, **workers.counts)
    still = {"pause": phases.PAUSE * options.lease}
    say("standing still")
    with Workers(folder, env=env, **still) as workers:
        verdict = phases.standing_still(setting, workers, executions=40)
    result.add("standing still", verdict)
    say("standing still, guards off")
    with Workers(folder, env=env, unguarded=True, **still) as workers:
        verdict = phases.standing_still(setting, workers, executions=40)
    result.add("standing still, guards off", verdict, control=True)
    broker.lose_everything()
    result.seconds = round(time.monotonic() - began)
    print(result.table())
    return result.as_json()


if __name__ == "__main__":
    sys.exit(main())
