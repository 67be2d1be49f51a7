"""Advice: ask an autonomous agent what it thinks. Shown to people, and nobody's approval.

A workspace may let advice approve reversible actions of complexity 1 and 2 by itself. It is off by
default, and the ledger says that advice decided, and whose.
"""

from __future__ import annotations

import datetime
import json
import logging
import uuid

from django.conf import settings
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from governance import ledger
from governance.domain.actors import Actor, system
from governance.domain.errors import GovernanceError, InvalidInput, StaleState
from governance.domain.roles import Right
from governance.domain.states import ProposalState, WorkspaceState
from governance.domain.values import Json
from governance.domain.words import Opinion
from governance.execution.deadline import DeadlineExceeded, deadline
from governance.models import Advice, Agent, Proposal, Run, SessionEvent, Workspace
from governance.policy.redaction import clean
from governance.runtimes.base import (
    Finished,
    Misbehaved,
    Result,
    ResultState,
    Stopped,
    Task,
    TaskFailed,
    Unreachable,
)
from governance.services import agents, memberships, programs, reviews

log = logging.getLogger(__name__)

ADVISER = system("adviser")
MAX_REASONS = 4_000
MAX_EVENTS = 50
OVERDUE = datetime.timedelta(seconds=60)

INSTRUCTION = (
    "Say what you think of this. Return an object with `opinion` (for, against or unsure) and "
    "`reasons` (a text). You have no tools, and whatever you say is advice to a person."
)


_OUR_WORDS = (
    GovernanceError,
    DeadlineExceeded,
    Misbehaved,
    Unreachable,
    Stopped,
    TaskFailed,  # the program's own, meant for people
)
"""What says by itself, in words for people, why there is no advice."""


class NoTools:
    """The tools of an adviser: none."""

    def act(self, action_type: str, params: dict[str, Json], *, reasoning: str = "") -> Result:
        """Nothing can be done while giving advice."""
        del action_type, params, reasoning
        return Result("denied", ("An adviser has no tools.",), ResultState.BLOCKED)

    def report(
        self,
        claim: str,
        *,
        outcome: str,
        output: dict[str, Json] | None = None,
        error: str = "",
    ) -> Result:
        """There is no claim to report on."""
        del claim, outcome, output, error
        return Result("denied", ("An adviser has no claims.",), ResultState.BLOCKED)


def ask(
    *, adviser: Agent, by: Actor, proposal: Proposal | None = None, run: Run | None = None
) -> Advice:
    """Ask for advice about exactly one proposal or run; a process of ours brings the answer.

    Raises InvalidInput (not an active autonomous agent of the same workspace, its own work),
    StaleState (the proposal is decided, the agent is being asked already, the workspace is halted),
    NotAllowed.
    """
    with transaction.atomic():
        if proposal is not None and run is None:
            found = Proposal.objects.locked(proposal.pk)
            return _ask(adviser, found, by=by, proposal=found, digest=found.digest)
        if run is not None and proposal is None:
            locked = Run.objects.locked(run.pk)
            return _ask(adviser, locked, by=by, run=locked, digest="")
    raise InvalidInput("Advice is about one proposal or one run.")


def ask_here(*, adviser: Agent, by: Actor, proposal: Proposal) -> Advice:
    """`ask`, then `give` in this process, without leaving it to a worker. Raises as `ask` does."""
    with transaction.atomic():
        advice = ask(adviser=adviser, by=by, proposal=proposal)
        take(advice.pk)  # in the same transaction: no worker can have seen it
    return give(advice_id=advice.pk)


def take(advice_id: uuid.UUID) -> bool:
    """Claim the one attempt at an answer: a conditional UPDATE."""
    # Of this table alone: PostgreSQL would not look at a joined one again after waiting.
    free = Advice.objects.filter(pk=advice_id, taken_at__isnull=True, answered_at__isnull=True)
    return free.update(taken_at=timezone.now()) == 1


def give(*, advice_id: uuid.UUID) -> Advice:
    """Run the adviser here, after `take`, and keep what it says, or why it says nothing."""
    advice = Advice.objects.select_related("adviser", "proposal__agent", "run__agent").get(
        pk=advice_id
    )
    try:
        opinion, reasons = _opinion(_asked(advice))
    except _OUR_WORDS as error:
        return _answer(advice, error=str(error) or "It gave no reason.")
    except (Exception, SystemExit) as error:  # noqa: BLE001  whatever a program raises is its failure
        log.warning("The adviser of advice %s raised %s", advice.pk, type(error).__name__)
        return _answer(advice, error=f"Its program raised {type(error).__name__}.")
    except BaseException:  # such as Ctrl-C: not ours to swallow, and there will be no answer
        _answer(advice, error="It was interrupted before it answered.")
        raise
    return _answer(advice, opinion=opinion, reasons=reasons)


def give_up_silent(*, by: Actor) -> int:
    """Say of advice whose process died that there will be none; returns how many."""
    limit = datetime.timedelta(seconds=settings.GOVERNANCE_AGENT_RUN_SECONDS) + OVERDUE
    silent = Advice.objects.silent(since=timezone.now() - limit)
    for advice in silent:
        _answer(advice, error="The process that asked the adviser died.", by=by)
    return len(silent)


def allow_to_approve(*, workspace: Workspace, allowed: bool, by: Actor) -> Workspace:
    """Let advice approve reversible actions of complexity 1 and 2, or stop it. NotAllowed."""
    with transaction.atomic():
        memberships.require_person(by=by, workspace_id=workspace.pk, right=Right.GOVERN)
        row = Workspace.objects.locked(workspace.pk)
        if row.advice_may_approve != allowed:
            row.advice_may_approve = allowed
            row.save(update_fields=["advice_may_approve"])
            ledger.append(
                kind="workspace.advice_may_approve",
                by=by,
                workspace_id=row.pk,
                subject_id=row.pk,
                data={"allowed": allowed},
            )
    return row


def candidates(subject: Proposal | Run) -> QuerySet[Agent]:
    """Who can be asked about it: advisers of its workspace that we can reach, but its own agent."""
    reachable = Q(configuration__has_key="endpoint") | ~Q(module_path="")
    return agents.advisers(subject.workspace_id).filter(reachable).exclude(pk=subject.agent_id)


def _ask(
    adviser: Agent,
    subject: Proposal | Run,
    *,
    by: Actor,
    digest: str,
    proposal: Proposal | None = None,
    run: Run | None = None,
) -> Advice:
    """Write the question. Needs the lock of what it is about: of two at once, one is asked."""
    user_id = memberships.require_person(
        by=by, workspace_id=subject.workspace_id, right=Right.DECIDE
    )
    _require_adviser(adviser, subject)
    about = {"adviser": adviser, "proposal": proposal, "run": run, "digest": digest}
    if proposal is not None:
        _require_undecided(proposal)
    if Advice.objects.filter(**about, answered_at__isnull=True).exists():
        raise StaleState(f"{adviser.name} is being asked already; wait for its answer.")
    advice = Advice.objects.create(workspace_id=subject.workspace_id, asked_by_id=user_id, **about)
    _record(advice, "advice.asked", by=by, data={"about": str(subject.pk)})
    return advice


def _require_adviser(adviser: Agent, subject: Proposal | Run) -> None:
    if adviser.workspace_id != subject.workspace_id:
        raise InvalidInput("There is no such agent in this workspace.")
    if Workspace.objects.get(pk=subject.workspace_id).state != WorkspaceState.ACTIVE:
        raise StaleState("The workspace is halted; nobody is asked for advice.")
    if not agents.advisers(subject.workspace_id).filter(pk=adviser.pk).exists():
        raise InvalidInput(
            f"{adviser.name} cannot be asked for advice; only an active autonomous agent that no "
            "ceiling holds below that can."
        )
    if adviser.pk == subject.agent_id:
        raise InvalidInput(f"{adviser.name} cannot advise on its own work.")


def _require_undecided(proposal: Proposal) -> None:
    waits = proposal.state == ProposalState.PROPOSED
    if not waits or proposal.expires_at <= timezone.now():
        word = "expired" if waits else proposal.state
        raise StaleState(f"This proposal is {word}; advice would come too late.")


def _asked(advice: Advice) -> Finished:
    task = Task(str(advice.pk), INSTRUCTION, _context(advice))
    with (
        programs.reached(advice.adviser) as runtime,
        deadline(settings.GOVERNANCE_AGENT_RUN_SECONDS),
    ):
        return runtime.run(task, NoTools())


def _context(advice: Advice) -> dict[str, Json]:
    if advice.proposal is not None:
        row = advice.proposal
        shown: dict[str, Json] = {
            "agent": row.agent.name,
            "title": row.title,
            "reasoning": row.reasoning,
            "plan": json.loads(row.plan_in_force),
        }
        return {"proposal": clean(shown)}
    run = advice.run
    events = SessionEvent.objects.filter(session__run=run).order_by("-created_at", "-sequence")
    return {
        "run": {
            "agent": run.agent.name if run else "",
            "events": [{"kind": e.kind, "data": e.data} for e in events[:MAX_EVENTS]][::-1],
        }
    }


def _opinion(finished: Finished) -> tuple[str, str]:
    opinion, reasons = finished.output.get("opinion"), finished.output.get("reasons", "")
    if opinion not in Opinion.values or not isinstance(reasons, str):
        raise InvalidInput(
            "It did not answer with an opinion (for, against or unsure) and reasons."
        )
    return str(opinion), reasons


def _answer(
    advice: Advice,
    *,
    opinion: str = "",
    reasons: str = "",
    error: str = "",
    by: Actor = ADVISER,
) -> Advice:
    """Keep the answer, once; and approve, where the workspace lets advice do that."""
    said = {"opinion": opinion, "reasons": _shown(reasons, MAX_REASONS), "error": _shown(error)}
    with transaction.atomic():
        answered = Advice.objects.filter(pk=advice.pk, answered_at__isnull=True).update(
            answered_at=timezone.now(), **said
        )
        if answered != 1:
            return advice
        _record(advice, "advice.given", by=by, data={**said})
    advice.refresh_from_db()
    if advice.opinion == Opinion.FOR and advice.proposal is not None:
        try:
            reviews.approve_on_advice(advice=advice, by=ADVISER)
        except GovernanceError as refused:
            log.info("Advice %s approves nothing: %s", advice.pk, refused)
    return advice


def _shown(text: str, limit: int = 2_000) -> str:
    return "".join(char for char in text if char.isprintable() or char == "\n")[:limit]


def _record(advice: Advice, kind: str, *, by: Actor, data: dict[str, Json]) -> None:
    ledger.append(
        kind=kind,
        by=by,
        workspace_id=advice.workspace_id,
        subject_id=advice.pk,
        data={"adviser": str(advice.adviser_id), **data},
    )
