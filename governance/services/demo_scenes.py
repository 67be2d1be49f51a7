"""Demo scenes: what the demo leaves behind for people to try by themselves."""

from __future__ import annotations

from collections.abc import Callable

from django.contrib.auth.base_user import AbstractBaseUser

from governance.domain.actors import Actor
from governance.domain.words import Maturity, TriggerSource
from governance.models import Agent, Run, Workspace
from governance.services import agents, maturity, promotions, triggers

GUIDE = "guide-bot"
PAUSE_SECONDS = 20
"""Before each of the guide's steps: time to read it, to pause it and to correct it."""


def a_run_to_watch(
    workspace: Workspace, owner: AbstractBaseUser, *, by: Actor, say: Callable[[str], None]
) -> None:
    """Leave a run that begins once somebody watches it, unless one waits from last time."""
    agent = _guide(workspace, owner, by=by)
    waiting = Run.objects.waiting_for_supervisor().filter(agent=agent)
    if not waiting.exists():
        triggers.fire(agent=agent, source=TriggerSource.DATA_SYNC, type="newcomer_arrived", by=by)
    if waiting.exists():  # unless the agent was paused, retired or demoted since
        say(
            f"7. A run of {agent.name} is queued. It begins once a supervisor is there: as soon as "
            "you have signed in. Under Live now it can be paused, corrected and terminated."
        )


def _guide(workspace: Workspace, owner: AbstractBaseUser, *, by: Actor) -> Agent:
    found = Agent.objects.of(workspace.id).filter(name=GUIDE).first()
    return found or agents.register(
        workspace=workspace,
        name=GUIDE,
        owner=owner,
        maturity=Maturity.SUPERVISED,
        category="onboarding",
        description="Writes a tour of this application, one page at a time, while you watch.",
        module_path="governance.runtimes.samples",
        class_name="TourGuide",
        configuration={"capabilities": ["tours"], "pause_seconds": PAUSE_SECONDS},
        by=by,
    )


def what_was_earned(agent: Agent, *, say: Callable[[str], None]) -> None:
    """Say what an agent has shown so far, and what it lacks: one good afternoon promotes nobody."""
    agent.refresh_from_db()
    if maturity.next_after(Maturity(agent.maturity)) is None:
        return
    found = promotions.prospect(agent)
    shown = found.readiness.shown
    say(
        f"8. What {agent.name} has shown: {shown.successful} of {shown.episodes} episodes "
        f"succeeded, {found.readiness.score:.0f} of 100 points for {found.target.value}. Its "
        f"page, under Standing, says what it lacks: {found.wanting[0]}."
        if found.wanting
        else f"8. {agent.name} is ready for {found.target.value}: its page has Promote."
    )
