"""python -m bench.readiness: what readiness and evidence cost at 1,000 and at 1,000,000 episodes.

On a database of its own. Rows are written in bulk, and counted by `recount`; then both reads are
timed, and compared. Exit code 1 where the ratio of the medians is above what is allowed.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable

import django
from django.core.management import call_command

from bench.chaos.scratch import database

BATCH = 5_000
READS = 300


def main() -> int:
    """Measure; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m bench.readiness", description=__doc__)
    parser.add_argument("--database", default="sqlite", help="sqlite, or the URL of a server")
    parser.add_argument("--few", type=int, default=1_000)
    parser.add_argument("--many", type=int, default=1_000_000)
    parser.add_argument("--ratio", type=float, default=1.5, help="the most that is allowed")
    options = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="governance-readiness-") as folder,
        database(options.database) as url,
    ):
        os.environ |= {
            "DATABASE_URL": url,
            "DJANGO_SETTINGS_MODULE": "config.settings",
            "GOVERNANCE_DATA_DIR": folder,
            "LOG_LEVEL": os.environ.get("LOG_LEVEL", "WARNING"),
        }
        django.setup()
        call_command("migrate", verbosity=0)
        found = _measure(options.few, options.many)
    found["allowed"] = options.ratio
    sys.stdout.write(f"{json.dumps(found, indent=2)}\n")
    return 0 if max(found["readiness"]["ratio"], found["evidence"]["ratio"]) <= options.ratio else 1


def _measure(few: int, many: int) -> dict[str, object]:
    from governance.services import promotions, standings

    agents = {number: _agent(number) for number in (few, many)}
    seconds = {number: _fill(agent, number) for number, agent in agents.items()}
    reads: dict[str, Callable[[object], object]] = {
        "readiness": promotions.prospect,
        "evidence": lambda agent: standings.tallies(agent.pk),  # type: ignore[attr-defined]
    }
    results: dict[str, object] = {"few": few, "many": many, "filling_seconds": seconds}
    for name, read in reads.items():
        medians = _together(read, agents[few], agents[many])
        results[name] = {
            "few_ms": round(medians[0], 3),
            "many_ms": round(medians[1], 3),
            "ratio": round(medians[1] / medians[0], 3),
        }
    return results


def _together(read: Callable[[object], object], *agents: object) -> list[float]:
    """The medians in milliseconds, taken in turns, so that both meet the same machine."""
    taken: list[list[float]] = [[] for _ in agents]
    for _ in range(READS):
        for agent, times in zip(agents, taken, strict=True):
            began = time.perf_counter()
            read(agent)
            times.append((time.perf_counter() - began) * 1_000)
    return [statistics.median(times) for times in taken]


def _agent(number: int) -> object:
    from django.contrib.auth import get_user_model

    from governance.domain.actors import system
    from governance.models import Workspace
    from governance.services import agents, workspaces

    by = system("bench")
    workspaces.install(name="bench", by=by)
    owner, _ = get_user_model().objects.get_or_create(username="owner")
    workspace = Workspace.objects.get(name="bench")
    return agents.register(
        workspace=workspace, name=f"agent-{number}", owner=owner, maturity="intern", by=by
    )


def _fill(agent: object, number: int) -> float:
    """Write so many episodes and pieces of evidence, and count them; how long it took."""
    from governance.domain.actors import system
    from governance.models import ConstitutionVersion, Episode, Evidence
    from governance.services import standings

    began, noon = time.perf_counter(), datetime.datetime(2026, 1, 1, 12, tzinfo=datetime.UTC)
    version = ConstitutionVersion.objects.newest(agent.workspace_id)  # type: ignore[attr-defined]
    common = {"workspace_id": agent.workspace_id, "agent": agent}  # type: ignore[attr-defined]
    for start in range(0, number, BATCH):
        places = range(start, min(start + BATCH, number))
        Episode.objects.bulk_create(
            Episode(
                **common,
                source="imported",
                external_id=str(place),
                title="bench",
                maturity="intern",
                fingerprint=agent.fingerprint,  # type: ignore[attr-defined]
                stint=0,
                started_at=noon,
                finished_at=noon,
                outcome="failed" if place % 10 == 0 else "succeeded",
                reported_by="bench",
                interventions=place % 50 == 0,
                constitution=version,
                score_thousandths=980,
                compliant=True,
            )
            for place in places
        )
        Evidence.objects.bulk_create(
            Evidence(**common, action_type=f"type-{place % 20}", kind="clean_approval", halves=2)
            for place in places
        )
    standings.recount(agent=agent, by=system("bench"))  # type: ignore[arg-type]
    return round(time.perf_counter() - began, 1)


if __name__ == "__main__":
    sys.exit(main())
