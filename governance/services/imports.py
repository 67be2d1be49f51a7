"""Imports: recorded conversations become episodes, as history that an agent brings along."""

from __future__ import annotations

from django.db import transaction
from django.utils import timezone

from governance.domain.actors import Actor
from governance.domain.errors import InvalidInput
from governance.domain.roles import Right
from governance.domain.states import StepState
from governance.domain.values import Json
from governance.domain.words import EpisodeOutcome, EpisodeSource, Maturity, SegmentKind
from governance.models import Agent, Episode
from governance.runtimes.recorded import Call, Conversation
from governance.services import episodes, memberships, segments
from governance.services.episodes import Finished
from governance.services.segments import Part

MAX_SAID = 20_000
"""Characters of a message, or of a tool's answer, that are kept: cases are cut from them."""

NO_ANSWER = "The recording holds no answer."


def take_in(
    conversation: Conversation, *, agent: Agent, by: Actor, maturity: str | None = None
) -> Episode | None:
    """Keep a recorded conversation as an episode; None where the agent has it already.

    A reward of 1.0 is a success and less a failure, both verified: the recording measured it.
    Without one nobody knows how it ended, and it counts as abandoned. `maturity`: what it was done
    at, by default the agent's own; it counts for the agent's stint only where that is the same.
    The same conversation with another reward is a contradiction, and refused.

    Raises InvalidInput, NotAllowed.
    """
    if maturity is not None and maturity not in Maturity.values:
        raise InvalidInput(f"The maturity is one of {', '.join(Maturity.values)}.")
    with transaction.atomic():
        memberships.require(by=by, workspace_id=agent.workspace_id, right=Right.GOVERN)
        row = Agent.objects.locked(agent.pk)  # of two imports at once, the second finds it there
        there = Episode.objects.filter(agent=row, external_id=conversation.digest).first()
        if there is not None:
            _check_reward(there, conversation.reward)
            return None
        return episodes.close(_finished(conversation, row, maturity), agent=row, by=by)


def _check_reward(there: Episode, reward: float | None) -> None:
    """What a person corrected since does not matter: the recording said what it said."""
    last = there.segments.order_by("position").last()
    if last is not None and last.data.get("text") != _said_of(reward):
        raise InvalidInput(
            f"This conversation is there already, with another end ({last.data.get('text')}): "
            "it was not taken in again."
        )


def _finished(conversation: Conversation, agent: Agent, maturity: str | None) -> Finished:
    now, reward = timezone.now(), conversation.reward
    outcome = _outcome(reward)
    catalogue = segments.catalogue_of(agent.workspace_id)
    parts = [
        Part(SegmentKind.MESSAGE, now, data={"text": turn.text[:MAX_SAID], "role": turn.role})
        if not isinstance(turn, Call)
        else Part(SegmentKind.ACTION, now, turn.name[:100], _acted(turn, catalogue))
        for turn in conversation.turns
    ]
    result: dict[str, Json] = {"state": str(outcome), "text": _said_of(reward)}
    if conversation.expected is not None:
        result["expected_actions"] = [
            {"name": name, "arguments": given} for name, given in conversation.expected
        ]
    return Finished(
        source=EpisodeSource.IMPORTED,
        external_id=conversation.digest,
        title=conversation.name or conversation.instruction[:200] or "A recorded conversation",
        started_at=now,
        finished_at=now,
        outcome=outcome,
        reported="",
        reported_by="recording",
        verified=reward is not None,
        interventions=0,
        parts=[*parts, Part(SegmentKind.RESULT, now, data=result)] if parts else [],
        maturity=Maturity(maturity or agent.maturity),
        fingerprint=agent.fingerprint,
        counts=maturity is None or maturity == agent.maturity,
    )


def _outcome(reward: float | None) -> EpisodeOutcome:
    if reward is None:
        return EpisodeOutcome.ABANDONED
    return EpisodeOutcome.SUCCEEDED if reward >= 1.0 else EpisodeOutcome.FAILED


def _said_of(reward: float | None) -> str:
    if reward is None:
        return "The recording does not say how it ended."
    return f"Recorded reward: {reward:g}."


def _acted(call: Call, catalogue: dict[str, dict[str, Json]]) -> dict[str, Json]:
    said = {"error" if call.failed else "text": (call.result or NO_ANSWER)[:MAX_SAID]}
    return {
        **catalogue.get(call.name, {}),
        "params": call.arguments,
        "state": str(StepState.FAILED if call.failed else StepState.DONE),
        **said,
    }
