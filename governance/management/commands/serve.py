"""serve: web server and worker together."""

from __future__ import annotations

import socket
from typing import Any

from django.core.management.base import CommandParser
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from governance.domain.errors import InvalidInput
from governance.management import serving
from governance.management.command import GovernanceCommand

LARGEST_PORT = 65_535


class Command(GovernanceCommand):
    """For one machine; for several, see docs/operating.md."""

    help = "Run the web server and a worker together, until stopped (Ctrl-C or SIGTERM)."
    example = "manage.py serve --port 8000"
    needs_workspace = False

    def options(self, parser: CommandParser) -> None:
        """Where to listen."""
        add_address(parser)

    def run(self, **options: Any) -> dict[str, Any]:
        """Serve until stopped."""
        host, port = options["host"], options["port"]
        require_free(host, port)
        require_migrated()
        self.stderr.write(f"Serving http://{host}:{port}/ and working. Stop with Ctrl-C.")
        serving.serve(host=host, port=port)
        return {"stopped": True}


def add_address(parser: CommandParser) -> None:
    """The options --host and --port."""
    parser.add_argument("--host", default="127.0.0.1", help="(default: 127.0.0.1)")
    parser.add_argument("--port", type=int, default=8000, help="(default: 8000)")


def require_migrated() -> None:
    """Raise InvalidInput unless every migration has been applied."""
    executor = MigrationExecutor(connection)
    if executor.migration_plan(executor.loader.graph.leaf_nodes()):
        raise InvalidInput("The database is not up to date; run `migrate` first.")


def require_free(host: str, port: int) -> None:
    """Raise InvalidInput unless we can listen there."""
    if not 1 <= port <= LARGEST_PORT:
        raise InvalidInput(f"The port must lie between 1 and {LARGEST_PORT}, not {port}.")
    try:
        with socket.create_server((host, port)):
            return
    except OSError as error:
        raise InvalidInput(
            f"Cannot listen on {host}:{port}: {error.strerror}; choose another with --port."
        ) from error
