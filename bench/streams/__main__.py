"""python -m bench.streams: count what every stream got. Exit 0: all, once, in order. 1: not."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import tempfile
from pathlib import Path

import django
from django.core.management import call_command
from django.db import connections

from bench.chaos.scratch import database


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.streams", description=__doc__)
    parser.add_argument(
        "--database",
        default="sqlite",
        help="sqlite (default), or the URL of a PostgreSQL server for a database of our own",
    )
    parser.add_argument("--streams", type=int, default=200, help="open at once (default: 200)")
    parser.add_argument("--sessions", type=int, default=10, help="watched (default: 10)")
    parser.add_argument("--events", type=int, default=30, help="a writer and session")
    parser.add_argument("--seconds", type=float, default=10.0, help="for writing them")
    return parser.parse_args()


def main() -> int:
    options = arguments()
    with (
        tempfile.TemporaryDirectory(prefix="governance-streams-") as folder,
        database(options.database) as url,
    ):
        env = {
            "DATABASE_URL": url,
            "DJANGO_SETTINGS_MODULE": "config.settings",
            "GOVERNANCE_DATA_DIR": folder,
            "LOG_LEVEL": "WARNING",
        }
        os.environ.update(env)
        django.setup()
        call_command("migrate", verbosity=0)
        try:
            result = measure(options, Path(folder))
        finally:
            connections.close_all()
    print(json.dumps({"database": options.database.split(":")[0], **result}, indent=2))
    whole = not result["wrong"] and not result["refused"]
    return 0 if whole and result["doubled_by_control"] else 1


def measure(options: argparse.Namespace, folder: Path) -> dict[str, object]:
    # Models can only be imported once Django is set up.
    from bench.streams.scene import Scene
    from bench.streams.server import Server
    from bench.streams.world import cookie, watched_sessions

    user, sessions = watched_sessions(options.sessions)
    scene = Scene(
        server=Server(folder / "server.log", {}),
        sessions=sessions,
        cookie=cookie(user),
        streams=options.streams,
        events=options.events,
        seconds=options.seconds,
    )
    connections.close_all()
    try:
        return asyncio.run(scene.play()).as_json()
    except BaseException:
        print(scene.server.said, file=sys.stderr)
        raise
    finally:
        scene.server.kill()


if __name__ == "__main__":
    sys.exit(main())
