"""Programs: run an agent's program in this process, once a run has begun, to the run's end."""

from __future__ import annotations

import datetime
import logging
import time
import traceback
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from django.conf import settings
from django.db.models import Q
from django.utils import timezone

from governance import outbound
from governance.domain.actors import Actor, system
from governance.domain.errors import GovernanceError, InvalidInput, RunHeld, StaleState
from governance.domain.states import RunState, WorkspaceState
from governance.domain.values import Json
from governance.execution.deadline import DeadlineExceeded, deadline
from governance.execution.heartbeat import Heartbeat
from governance.models import Agent, AllowedHost, Run, Trigger
from governance.runtimes import in_process
from governance.runtimes.base import (
    MAX_NOTE,
    Misbehaved,
    Runtime,
    Stopped,
    Task,
    TaskFailed,
    Unreachable,
)
from governance.runtimes.http import Http
from governance.runtimes.in_process import InProcess
from governance.services import runs, secrets, watching
from governance.services.agent_tools import HELD_SECONDS, LiveTools

log = logging.getLogger(__name__)

RUNTIME = system("runtime")

OVERDUE = datetime.timedelta(seconds=60)
"""A process that has not shown itself for so long is dead, and its run abandoned."""

DIED = "The process that ran its program died."

SETTLED = datetime.timedelta(seconds=2)
"""A run that has just begun may be about to be run by whoever began it."""

AT_ONCE = 20
"""How many programs one look finds."""


@dataclass(frozen=True, slots=True)
class Ending:
    """How a run ended: `outcome` is a final state of runs. `note`: why, for people."""

    outcome: str
    output: dict[str, Json] = field(default_factory=dict)
    note: str = ""


@dataclass(frozen=True, slots=True)
class Ended:
    """How a program ended, and the ids of the proposals it left for people."""

    ending: Ending
    waiting: tuple[str, ...]


def run_program(*, run_id: uuid.UUID) -> Ending:
    """Run the program of a run that began elsewhere, after `take`.

    Raises InvalidInput, NotFound, OutboundRefused where the agent cannot be reached; then the run
    is abandoned.
    """
    run = Run.objects.select_related("agent", "trigger").get(pk=run_id)
    try:
        with reached(run.agent) as runtime:
            return _run(run, runtime).ending
    except GovernanceError as error:
        _finish(run, Ending(RunState.ABANDONED, note=str(error)), by=RUNTIME)
        raise


def run_at_once(*, run: Run, runtime: Runtime) -> Ended:
    """Run the program of a run that has just begun, here. Raises StaleState when it is taken."""
    if not take(run.pk):
        raise StaleState("Another process runs this program already.")
    return _run(run, runtime)


def waiting_programs() -> list[uuid.UUID]:
    """The running runs whose programs we can reach and nobody has started, oldest first."""
    reachable = Q(agent__configuration__has_key="endpoint") | ~Q(agent__module_path="")
    found = Run.objects.filter(
        reachable,
        state=RunState.RUNNING,
        program_started_at__isnull=True,
        started_at__lte=timezone.now() - SETTLED,
        workspace__state=WorkspaceState.ACTIVE,
    )
    return list(found.order_by("created_at", "id").values_list("pk", flat=True)[:AT_ONCE])


def abandon_overdue(*, by: Actor) -> int:
    """Abandon runs of ours whose process died: it had to show itself all the while; how many."""
    overdue = Run.objects.filter(
        state=RunState.RUNNING, program_seen_at__lte=timezone.now() - OVERDUE
    )
    return sum(_abandon(run, by=by) for run in overdue)


def abandon_dead(*, run_id: uuid.UUID, by: Actor) -> bool:
    """The process of its program has ended: abandon the run, unless it was brought to its end."""
    run = Run.objects.filter(pk=run_id, state=RunState.RUNNING).first()
    return run is not None and _abandon(run, by=by)


@contextmanager
def reached(agent: Agent) -> Iterator[Runtime]:
    """How to reach the agent, as it is registered. Raises InvalidInput where there is no way."""
    if is_in_process(agent):
        program = in_process.load(agent.module_path, agent.class_name)
        yield InProcess(program, agent.configuration)
    else:
        with _http(agent, agent.configuration["endpoint"]) as runtime:
            yield runtime


def is_in_process(agent: Agent) -> bool:
    """Whether the agent is a class that we load, and not an endpoint; loads nothing.

    Raises InvalidInput where it is neither, or both.
    """
    endpoint = agent.configuration.get("endpoint")
    if agent.module_path and endpoint:
        raise InvalidInput(
            f'{agent.name} has both a module_path and configuration["endpoint"]; keep one.'
        )
    if not agent.module_path and not (isinstance(endpoint, str) and endpoint):
        raise InvalidInput(
            f"{agent.name} cannot be run from here: give it a module_path and a class_name, or "
            'configuration["endpoint"].'
        )
    return bool(agent.module_path)


def asked_by(trigger: Trigger) -> tuple[str, dict[str, Json]]:
    """The instruction and the context that a trigger gives its agent.

    What was asked by `agent_runs.execute` says the instruction; any other trigger is one by its
    type and its whole context.
    """
    asked, context = trigger.context.get("instruction"), trigger.context.get("context")
    if isinstance(asked, str) and isinstance(context, dict):
        return asked, context
    return trigger.type, dict(trigger.context)


def take(run_id: uuid.UUID) -> bool:
    """Claim the one start of a run's program: a conditional UPDATE."""
    now = timezone.now()
    untaken = Run.objects.filter(pk=run_id, state=RunState.RUNNING, program_started_at__isnull=True)
    return untaken.update(program_started_at=now, program_seen_at=now) == 1


@contextmanager
def _http(agent: Agent, endpoint: str) -> Iterator[Http]:
    rules = AllowedHost.objects.rules(agent.workspace_id)
    target = outbound.permit(endpoint, rules)
    stored = agent.configuration.get("headers", {})
    headers, revealed = secrets.resolve_secrets(stored, agent.workspace_id, hosts=[target.host])
    if not isinstance(headers, dict) or not all(isinstance(v, str) for v in headers.values()):
        raise InvalidInput('configuration["headers"] must be an object of texts and references.')
    outbound.check_headers(headers)
    limits = outbound.Limits(seconds=settings.GOVERNANCE_AGENT_TURN_SECONDS)
    with outbound.client(rules, limits=limits) as client:
        yield Http(
            endpoint=endpoint,
            client=client,
            turns=settings.GOVERNANCE_AGENT_TURNS,
            seconds=settings.GOVERNANCE_AGENT_RUN_SECONDS,
            headers=headers,
            secrets=revealed,
        )


def _run(run: Run, runtime: Runtime) -> Ended:
    tools = LiveTools(
        run,
        turns=settings.GOVERNANCE_AGENT_TURNS,
        seconds=settings.GOVERNANCE_AGENT_RUN_SECONDS,
    )
    try:
        with Heartbeat(lambda: _show(run.pk)):
            ending, by = _ending(run, runtime, tools)
            return Ended(_finish(run, ending, by=by), tuple(tools.waiting))
    except BaseException as error:  # such as Ctrl-C: not ours to swallow, and the run is over
        ending = Ending(RunState.ABANDONED, note=f"It was interrupted ({type(error).__name__}).")
        _finish(run, ending, by=RUNTIME)
        raise


def _ending(run: Run, runtime: Runtime, tools: LiveTools) -> tuple[Ending, Actor]:
    """Run the program; how it ended, and who says so."""
    try:
        with deadline(settings.GOVERNANCE_AGENT_RUN_SECONDS):
            finished = runtime.run(_task(run), tools)
    except (Stopped, DeadlineExceeded, Unreachable) as error:
        return Ending(RunState.ABANDONED, note=str(error)), RUNTIME
    except Misbehaved as error:
        return Ending(RunState.FAILED, note=str(error)), RUNTIME
    except TaskFailed as error:
        return Ending(RunState.FAILED, note=str(error) or "It gave no reason."), run.agent.actor
    except (Exception, SystemExit) as error:  # noqa: BLE001  whatever a program raises is its failure
        return Ending(RunState.FAILED, note=_kind(run, error)), RUNTIME
    outcome = RunState.SUCCEEDED if finished.succeeded else RunState.FAILED
    return Ending(outcome, finished.output, finished.note), run.agent.actor


def _abandon(run: Run, *, by: Actor) -> bool:
    try:
        runs.finish(run=run, outcome=RunState.ABANDONED, by=by, note=DIED)
    except StaleState:
        return False  # it ended in between
    return True


def _task(run: Run) -> Task:
    """Read from the database anew, so that a program cannot change what rules look at."""
    instruction, context = asked_by(Run.objects.select_related("trigger").get(pk=run.pk).trigger)
    return Task(str(run.id), instruction, context)


def _finish(run: Run, ending: Ending, *, by: Actor) -> Ending:
    """End the run so; where somebody ended it first, that is how it ended.

    One that would succeed waits while it is paused, as each of its actions does.
    """
    note = "".join(char for char in ending.note if char.isprintable() or char == "\n")[:MAX_NOTE]
    while True:
        try:
            runs.finish(run=run, outcome=ending.outcome, by=by, note=note)
        except RunHeld:
            while watching.is_held(run.pk, unwatched=False):
                time.sleep(HELD_SECONDS)
        except StaleState:
            run.refresh_from_db()
            return Ending(str(run.state), note=run.outcome)
        else:
            return Ending(str(ending.outcome), ending.output, note)


def _show(run_id: uuid.UUID) -> None:
    Run.objects.filter(pk=run_id).update(program_seen_at=timezone.now())


def _kind(run: Run, error: BaseException) -> str:
    """What a program raised, by its kind: the text may hold anything, secrets included."""
    kind = type(error).__name__
    frames = traceback.extract_tb(error.__traceback__)
    where = f"{frames[-1].filename}:{frames[-1].lineno}" if frames else "nowhere"
    log.warning("The program of run %s raised %s at %s", run.pk, kind, where)
    return f"Its program raised {kind}; the log says where."
