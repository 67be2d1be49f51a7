"""Agent runs: start an agent through its own gate, and let its program do the task."""

from __future__ import annotations

import datetime
import logging
import traceback
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from django.conf import settings
from django.utils import timezone

from governance import outbound
from governance.domain.actors import Actor, system
from governance.domain.errors import GateRefused, InvalidInput, StaleState
from governance.domain.states import RunState
from governance.domain.values import Json, require_text
from governance.domain.words import Route, TriggerSource
from governance.execution.deadline import DeadlineExceeded, deadline
from governance.models import Agent, AllowedHost, Run
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
from governance.services import runs, secrets, triggers
from governance.services.agent_tools import LiveTools
from governance.services.triggers import CHAIN, Started

log = logging.getLogger(__name__)

RUNTIME = system("runtime")
TRIGGER_TYPE = "agent_execute"
MAX_INSTRUCTION = 10_000
OVERDUE = datetime.timedelta(seconds=60)
"""How long after its time is up a run is abandoned whose process has not ended it."""


@dataclass(frozen=True, slots=True)
class Ending:
    """How a run ended: `outcome` is a final state of runs. `note`: why, for people."""

    outcome: str
    output: dict[str, Json] = field(default_factory=dict)
    note: str = ""


@dataclass(frozen=True, slots=True)
class Ran:
    """What became of it. `ending` is None where nothing ran; `started` says why.

    `waiting`: the ids of the proposals that the run left for people.
    """

    started: Started
    ending: Ending | None = None
    waiting: tuple[str, ...] = ()


def execute(
    *,
    agent: Agent,
    instruction: str,
    by: Actor,
    context: dict[str, Json] | None = None,
    source: str = TriggerSource.MANUAL,
    chain: Sequence[str] = (),
) -> Ran:
    """Start the agent on a task, and when its own gate lets it run, run it to its end.

    1. What cannot work is refused before anything is written: no runtime, a cycle, too deep.
    2. A trigger asks the agent's gate. Any route but execution: nothing runs.
    3. The program does the task with tools bound to the run, where each action meets the gate.
    4. The run ends: succeeded or failed by the agent's word, failed when its program raised or
       broke the protocol, abandoned when it was not brought to an end.

    `chain`: the ids of the agents that asked, the first one first; see `chain_of`. Raises
    InvalidInput, NotFound, OutboundRefused, NotAllowed, GateRefused (a cycle, or too deep).
    """
    require_text(instruction, what="instruction", max_length=MAX_INSTRUCTION, required=True)
    _require_room(agent, chain)
    with _reached(agent) as runtime:
        asked: dict[str, Json] = {"instruction": instruction, "context": context or {}}
        started = triggers.fire(
            agent=agent, source=source, type=TRIGGER_TYPE, context=asked, chain=chain, by=by
        )
        run = started.run
        if run is None or started.trigger.route != Route.EXECUTION:
            return Ran(started)
        return _run(started, run, runtime)


def chain_of(*, agent_id: uuid.UUID, run_id: uuid.UUID | None) -> tuple[str, ...]:
    """The agents behind what this agent asks for in this run, itself last.

    Read from the run's trigger, where only the system writes it.
    """
    found = Run.objects.select_related("trigger").filter(pk__in=[run_id], agent_id=agent_id)
    before = [id_ for run in found for id_ in run.trigger.context.get(CHAIN, [])]
    return (*map(str, before), str(agent_id))


def abandon_overdue(*, by: Actor) -> int:
    """Abandon runs of ours whose time was up long ago, because their process died; how many."""
    seconds = datetime.timedelta(seconds=settings.GOVERNANCE_AGENT_RUN_SECONDS)
    overdue = Run.objects.select_related("trigger").filter(
        state=RunState.RUNNING,
        started_at__lte=timezone.now() - seconds - OVERDUE,
        trigger__type=TRIGGER_TYPE,
        trigger__route=Route.EXECUTION,
        trigger__context__has_key=CHAIN,
    )
    abandoned = 0
    for run in overdue:
        try:
            note = "Its time was up, and nobody ended it."
            runs.finish(run=run, outcome=RunState.ABANDONED, by=by, note=note)
        except StaleState:
            continue  # it ended in between
        abandoned += 1
    return abandoned


def _require_room(agent: Agent, chain: Sequence[str]) -> None:
    if str(agent.id) in chain:
        raise GateRefused(
            f"{agent.name} is already at work on this: agents may not run one another in a circle."
        )
    if len(chain) > settings.GOVERNANCE_AGENT_DEPTH:
        raise GateRefused(
            f"Agents may run one another {settings.GOVERNANCE_AGENT_DEPTH} deep at most "
            "(GOVERNANCE_AGENT_DEPTH); let a person start this one."
        )


@contextmanager
def _reached(agent: Agent) -> Iterator[Runtime]:
    """How to reach the agent, as it is registered. Raises InvalidInput where there is no way."""
    endpoint = agent.configuration.get("endpoint")
    if agent.module_path and endpoint:
        raise InvalidInput(
            f'{agent.name} has both a module_path and configuration["endpoint"]; keep one.'
        )
    if agent.module_path:
        program = in_process.load(agent.module_path, agent.class_name)
        yield InProcess(program, agent.configuration)
    elif isinstance(endpoint, str) and endpoint:
        with _http(agent, endpoint) as runtime:
            yield runtime
    else:
        raise InvalidInput(
            f"{agent.name} cannot be run from here: give it a module_path and a class_name, or "
            'configuration["endpoint"].'
        )


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


def _run(started: Started, run: Run, runtime: Runtime) -> Ran:
    tools = LiveTools(
        run,
        turns=settings.GOVERNANCE_AGENT_TURNS,
        seconds=settings.GOVERNANCE_AGENT_RUN_SECONDS,
    )
    try:
        ending, by = _ending(run, runtime, tools)
    except BaseException as error:  # such as Ctrl-C: not ours to swallow, and the run is over
        ending = Ending(RunState.ABANDONED, note=f"It was interrupted ({type(error).__name__}).")
        _finish(run, ending, by=RUNTIME)
        raise
    return Ran(started, _finish(run, ending, by=by), tuple(tools.waiting))


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


def _task(run: Run) -> Task:
    """Read from the database anew, so that a program cannot change what rules look at."""
    context = Run.objects.select_related("trigger").get(pk=run.pk).trigger.context
    return Task(str(run.id), context["instruction"], context["context"])


def _finish(run: Run, ending: Ending, *, by: Actor) -> Ending:
    """End the run so; where somebody ended it first, that is how it ended."""
    note = "".join(char for char in ending.note if char.isprintable() or char == "\n")[:MAX_NOTE]
    try:
        runs.finish(run=run, outcome=ending.outcome, by=by, note=note)
    except StaleState:
        run.refresh_from_db()
        return Ending(str(run.state), note=run.outcome)
    return Ending(str(ending.outcome), ending.output, note)


def _kind(run: Run, error: BaseException) -> str:
    """What a program raised, by its kind: the text may hold anything, secrets included."""
    kind = type(error).__name__
    frames = traceback.extract_tb(error.__traceback__)
    where = f"{frames[-1].filename}:{frames[-1].lineno}" if frames else "nowhere"
    log.warning("The program of run %s raised %s at %s", run.pk, kind, where)
    return f"Its program raised {kind}; the log says where."
