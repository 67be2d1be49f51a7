"""What the commands about watched runs share."""

from __future__ import annotations

import uuid
from typing import Any

from django.core.management.base import CommandParser

from governance.domain.actors import Actor
from governance.domain.errors import InvalidInput, NotFound, StaleState
from governance.management.command import GovernanceCommand, workspace_of
from governance.models import Run, SupervisionSession
from governance.services import memberships, people


class SteerCommand(GovernanceCommand):
    """One verb, on the session under which a run stands. Subclasses do it in `steer`."""

    def options(self, parser: CommandParser) -> None:
        """Which, by whom; then the verb's own."""
        parser.add_argument("run_id", metavar="run", help="the run's id")
        parser.add_argument("--by", required=True, help="the user who does it")
        parser.add_argument(
            "--seen",
            type=int,
            help="the session's version you saw (default: the current one); when somebody acted "
            "since, nothing is done",
        )
        self.more_options(parser)

    def more_options(self, parser: CommandParser) -> None:
        """Add the verb's own arguments."""

    def run(self, **options: Any) -> dict[str, Any]:
        """Do it; returns how the session stands then."""
        session = session_of(run_of(options))
        seen = session.version if options["seen"] is None else options["seen"]
        self.steer(session, seen, person_of(options), options)
        return shown(SupervisionSession.objects.select_related("run").get(pk=session.pk))

    def steer(
        self, session: SupervisionSession, seen: int, by: Actor, options: dict[str, Any]
    ) -> None:
        """Call the service."""
        raise NotImplementedError


def person_of(options: dict[str, Any]) -> Actor:
    """The person named by --by. Raises NotFound."""
    return memberships.person(people.named(options["by"]))


def run_of(options: dict[str, Any]) -> Run:
    """The run named by the argument `run`. Raises InvalidInput, NotFound."""
    key = key_of(options["run_id"], what="run")
    rows = Run.objects.of(workspace_of(options).id).select_related("agent", "trigger")
    found = rows.filter(pk=key).first()
    if found is None:
        raise NotFound(f"There is no run {key} here.")
    return found


def session_of(run: Run) -> SupervisionSession:
    """The open session of a run. Raises StaleState."""
    found = SupervisionSession.objects.of_run(run.pk)
    if found is None:
        raise StaleState("Nobody watches this run; `supervise` takes one to watch.")
    return found


def key_of(text: str, *, what: str) -> uuid.UUID:
    """The key of a row, as it was typed. Raises InvalidInput."""
    try:
        return uuid.UUID(text)
    except ValueError as error:
        raise InvalidInput(f"{text!r} is not the id of a {what}.") from error


def shown(session: SupervisionSession) -> dict[str, Any]:
    """How a session stands."""
    return {
        "session": str(session.id),
        "state": session.state,
        "version": session.version,
        "run": str(session.run_id),
        "run_state": session.run.state,
    }
