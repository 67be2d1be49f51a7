"""Agent runs: start an agent through its own gate, and let its program do the task."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from django.conf import settings

from governance.domain.actors import Actor
from governance.domain.errors import GateRefused
from governance.domain.values import Json, require_text
from governance.domain.words import Route, TriggerSource
from governance.models import Agent, Run
from governance.services import programs, triggers
from governance.services.programs import Ending
from governance.services.triggers import CHAIN, Started

TRIGGER_TYPE = "agent_execute"
MAX_INSTRUCTION = 10_000


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
    with programs.reached(agent) as runtime:
        asked: dict[str, Json] = {"instruction": instruction, "context": context or {}}
        started = triggers.fire(
            agent=agent, source=source, type=TRIGGER_TYPE, context=asked, chain=chain, by=by
        )
        run = started.run
        if run is None or started.trigger.route != Route.EXECUTION:
            return Ran(started)
        ended = programs.run_at_once(run=run, runtime=runtime)
        return Ran(started, ended.ending, ended.waiting)


def chain_of(*, agent_id: uuid.UUID, run_id: uuid.UUID | None) -> tuple[str, ...]:
    """The agents behind what this agent asks for in this run, itself last.

    Read from the run's trigger, where only the system writes it.
    """
    found = Run.objects.select_related("trigger").filter(pk__in=[run_id], agent_id=agent_id)
    before = [id_ for run in found for id_ in run.trigger.context.get(CHAIN, [])]
    return (*map(str, before), str(agent_id))


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
