"""worker: carry out what was cleared."""

from __future__ import annotations

import argparse
import threading
from typing import Any

from django.conf import settings
from django.core.management.base import CommandParser
from django.utils import timezone

from governance.domain.errors import ExecutionDisabled
from governance.management.command import GovernanceCommand
from governance.management.working import Worker, stop_on_signals
from governance.models import Execution

ENDED = ("done", "failed", "in_doubt", "lost")
SWEPT = ("swept_to_ready", "swept_to_in_doubt", "proposals_expired", "delivered_again")


class Command(GovernanceCommand):
    """One worker; start as many as you like."""

    help = (
        "Carry out what the task engine delivers, and sweep, until stopped (Ctrl-C or SIGTERM "
        "ends it after the execution at hand). With --drain, carry out what is ready, without "
        "the engine, and stop. With --sweep, only sweep: beside workers that the engine's own "
        "command has started. Whoever sweeps also starts the programs of agents; --drain starts "
        "none."
    )
    example = "manage.py worker --drain"
    needs_workspace = False

    def options(self, parser: CommandParser) -> None:
        """When to stop."""
        how = parser.add_mutually_exclusive_group()
        how.add_argument("--drain", action="store_true", help="stop when nothing is ready")
        how.add_argument("--sweep", action="store_true", help="sweep, and carry out nothing")
        parser.add_argument("--parent", type=int, help=argparse.SUPPRESS)

    def run(self, **options: Any) -> dict[str, Any]:
        """Work; returns what was swept, and with --drain how many ended in each state."""
        stop = threading.Event()
        if threading.current_thread() is threading.main_thread():
            stop_on_signals(stop)
        worker = Worker(stop=stop, parent=options["parent"])
        if not options["drain"]:
            worker.sweep() if options["sweep"] else worker.run()
            return {name: worker.counts[name] for name in SWEPT}
        worker.drain()
        self._require_drained()
        return {name: worker.counts[name] for name in (*ENDED, *SWEPT)}

    def _require_drained(self) -> None:
        """Waiting because it is switched off is not drained, and must not look like it."""
        if not settings.GOVERNANCE_EXECUTION_ENABLED:
            waiting = Execution.objects.ready_for_workers(now=timezone.now()).count()
            raise ExecutionDisabled(
                f"Execution is switched off (GOVERNANCE_EXECUTION_ENABLED=false); {waiting} "
                "executions wait."
            )
