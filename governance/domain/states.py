"""Every lifecycle as one table: from each state, the states a row may move to.

`governance.lifecycle.move` is the only code that moves a row, and the diagrams in
`docs/states.md` are generated from these tables.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from django.db.models import TextChoices


class WorkspaceState(TextChoices):
    """A halted workspace denies everything."""

    ACTIVE = "active", "Active"
    HALTED = "halted", "Halted"


class AgentState(TextChoices):
    """Only an active agent may do anything."""

    ACTIVE = "active", "Active"
    PAUSED = "paused", "Paused"
    RETIRED = "retired", "Retired"


class PolicyState(TextChoices):
    """A draft may change; a published version never does."""

    DRAFT = "draft", "Draft"
    PUBLISHED = "published", "Published"
    DISCARDED = "discarded", "Discarded"


class GrantState(TextChoices):
    """A grant also ends when it expires, without changing state."""

    ACTIVE = "active", "Active"
    REVOKED = "revoked", "Revoked"


class CeilingState(TextChoices):
    """At most one ceiling of an agent is active."""

    ACTIVE = "active", "Active"
    LIFTED = "lifted", "Lifted"


class RunState(TextChoices):
    """A queued run waits for a person."""

    QUEUED = "queued", "Queued"
    RUNNING = "running", "Running"
    SUCCEEDED = "succeeded", "Succeeded"
    FAILED = "failed", "Failed"
    ABANDONED = "abandoned", "Abandoned"

    @property
    def standing(self) -> str:
        """What goes behind "the run" in a sentence."""
        return _RUN_STANDING[self]


_RUN_STANDING = {
    RunState.QUEUED: "has not begun",
    RunState.RUNNING: "is running",
    RunState.SUCCEEDED: "has succeeded",
    RunState.FAILED: "has failed",
    RunState.ABANDONED: "was abandoned",
}


class ProposalState(TextChoices):
    """What became of a plan that waits for people."""

    PROPOSED = "proposed", "Proposed"
    APPROVED = "approved", "Approved"
    REJECTED = "rejected", "Rejected"
    CANCELLED = "cancelled", "Cancelled"
    EXPIRED = "expired", "Expired"
    EXECUTED = "executed", "Executed"
    FAILED = "failed", "Failed"
    IN_DOUBT = "in_doubt", "In doubt"


class ExecutionState(TextChoices):
    """In doubt: something was sent, and nobody knows whether it took effect."""

    READY = "ready", "Ready"
    CLAIMED = "claimed", "Claimed"
    DONE = "done", "Done"
    FAILED = "failed", "Failed"
    IN_DOUBT = "in_doubt", "In doubt"
    CANCELLED = "cancelled", "Cancelled"


class StepState(TextChoices):
    """A local step goes from pending to its end in one transaction and is never `sent`."""

    PENDING = "pending", "Pending"
    SENT = "sent", "Sent"
    DONE = "done", "Done"
    FAILED = "failed", "Failed"
    IN_DOUBT = "in_doubt", "In doubt"
    SKIPPED = "skipped", "Skipped"
    NOT_RUN = "not_run", "Not run"


class DeviceState(TextChoices):
    """A retired device's key opens nothing."""

    ACTIVE = "active", "Active"
    RETIRED = "retired", "Retired"


class DeviceCommandState(TextChoices):
    """Expired: no device ever saw it. In doubt: one claimed it and did not report in time."""

    WAITING = "waiting", "Waiting"
    CLAIMED = "claimed", "Claimed"
    DONE = "done", "Done"
    FAILED = "failed", "Failed"
    IN_DOUBT = "in_doubt", "In doubt"
    EXPIRED = "expired", "Expired"


class SupervisionState(TextChoices):
    """Paused: the run's next action waits."""

    RUNNING = "running", "Running"
    PAUSED = "paused", "Paused"
    COMPLETED = "completed", "Completed"
    TERMINATED = "terminated", "Terminated"
    FAILED = "failed", "Failed"


class TrainingState(TextChoices):
    """How an agent's training goes."""

    SCHEDULED = "scheduled", "Scheduled"
    IN_PROGRESS = "in_progress", "In progress"
    COMPLETED = "completed", "Completed"
    FAILED = "failed", "Failed"
    CANCELLED = "cancelled", "Cancelled"


class ExamState(TextChoices):
    """Only a passed exam can promote; an aborted one says nothing about the agent."""

    RUNNING = "running", "Running"
    PASSED = "passed", "Passed"
    FAILED = "failed", "Failed"
    ABORTED = "aborted", "Aborted"


class ConstitutionState(TextChoices):
    """A draft may change; a published version never does."""

    DRAFT = "draft", "Draft"
    PUBLISHED = "published", "Published"
    DISCARDED = "discarded", "Discarded"


@dataclass(frozen=True)
class Lifecycle:
    """One lifecycle: its initial state and, from each state, where a row may go."""

    name: str
    initial: str
    moves: Mapping[str, frozenset[str]]

    @property
    def states(self) -> tuple[str, ...]:
        """Every state, in the order the table declares them."""
        return tuple(self.moves)

    @property
    def terminal(self) -> frozenset[str]:
        """The states nothing leaves."""
        return frozenset(state for state, targets in self.moves.items() if not targets)

    def allows(self, source: str, target: str) -> bool:
        """Whether a row may move from `source` to `target`; unknown states never may."""
        return target in self.moves.get(source, frozenset())


def _lifecycle(name: str, initial: str, moves: Mapping[str, set[str]]) -> Lifecycle:
    return Lifecycle(name, initial, {str(s): frozenset(map(str, t)) for s, t in moves.items()})


WORKSPACE = _lifecycle(
    "workspace",
    WorkspaceState.ACTIVE,
    {
        WorkspaceState.ACTIVE: {WorkspaceState.HALTED},
        WorkspaceState.HALTED: {WorkspaceState.ACTIVE},
    },
)

AGENT = _lifecycle(
    "agent",
    AgentState.ACTIVE,
    {
        AgentState.ACTIVE: {AgentState.PAUSED, AgentState.RETIRED},
        AgentState.PAUSED: {AgentState.ACTIVE, AgentState.RETIRED},
        AgentState.RETIRED: set(),
    },
)

POLICY = _lifecycle(
    "policy version",
    PolicyState.DRAFT,
    {
        PolicyState.DRAFT: {PolicyState.PUBLISHED, PolicyState.DISCARDED},
        PolicyState.PUBLISHED: set(),
        PolicyState.DISCARDED: set(),
    },
)

GRANT = _lifecycle(
    "grant",
    GrantState.ACTIVE,
    {GrantState.ACTIVE: {GrantState.REVOKED}, GrantState.REVOKED: set()},
)

CEILING = _lifecycle(
    "ceiling",
    CeilingState.ACTIVE,
    {CeilingState.ACTIVE: {CeilingState.LIFTED}, CeilingState.LIFTED: set()},
)

RUN = _lifecycle(
    "run",
    RunState.QUEUED,
    {
        RunState.QUEUED: {RunState.RUNNING, RunState.ABANDONED},
        RunState.RUNNING: {RunState.SUCCEEDED, RunState.FAILED, RunState.ABANDONED},
        RunState.SUCCEEDED: set(),
        RunState.FAILED: set(),
        RunState.ABANDONED: set(),
    },
)

PROPOSAL = _lifecycle(
    "proposal",
    ProposalState.PROPOSED,
    {
        ProposalState.PROPOSED: {
            ProposalState.APPROVED,
            ProposalState.REJECTED,
            ProposalState.CANCELLED,
            ProposalState.EXPIRED,
        },
        ProposalState.APPROVED: {
            ProposalState.EXECUTED,
            ProposalState.FAILED,
            ProposalState.IN_DOUBT,
            ProposalState.CANCELLED,
        },
        ProposalState.IN_DOUBT: {ProposalState.EXECUTED, ProposalState.FAILED},
        ProposalState.REJECTED: set(),
        ProposalState.CANCELLED: set(),
        ProposalState.EXPIRED: set(),
        ProposalState.EXECUTED: set(),
        ProposalState.FAILED: set(),
    },
)

EXECUTION = _lifecycle(
    "execution",
    ExecutionState.READY,
    {
        ExecutionState.READY: {ExecutionState.CLAIMED, ExecutionState.CANCELLED},
        ExecutionState.CLAIMED: {
            ExecutionState.READY,  # the lease expired and nothing is in doubt
            ExecutionState.DONE,
            ExecutionState.FAILED,
            ExecutionState.IN_DOUBT,
        },
        ExecutionState.IN_DOUBT: {ExecutionState.DONE, ExecutionState.FAILED},  # reconciled
        ExecutionState.DONE: set(),
        ExecutionState.FAILED: set(),
        ExecutionState.CANCELLED: set(),
    },
)

STEP = _lifecycle(
    "execution step",
    StepState.PENDING,
    {
        StepState.PENDING: {
            StepState.SENT,
            StepState.DONE,
            StepState.FAILED,
            StepState.SKIPPED,
            StepState.NOT_RUN,
        },
        StepState.SENT: {StepState.DONE, StepState.FAILED, StepState.IN_DOUBT},
        StepState.IN_DOUBT: {StepState.DONE, StepState.FAILED},
        StepState.DONE: set(),
        StepState.FAILED: set(),
        StepState.SKIPPED: set(),
        StepState.NOT_RUN: set(),
    },
)

DEVICE = _lifecycle(
    "device",
    DeviceState.ACTIVE,
    {DeviceState.ACTIVE: {DeviceState.RETIRED}, DeviceState.RETIRED: set()},
)

DEVICE_COMMAND = _lifecycle(
    "device command",
    DeviceCommandState.WAITING,
    {
        DeviceCommandState.WAITING: {DeviceCommandState.CLAIMED, DeviceCommandState.EXPIRED},
        DeviceCommandState.CLAIMED: {
            DeviceCommandState.DONE,
            DeviceCommandState.FAILED,
            DeviceCommandState.IN_DOUBT,
        },
        DeviceCommandState.IN_DOUBT: {  # reported late
            DeviceCommandState.DONE,
            DeviceCommandState.FAILED,
        },
        DeviceCommandState.DONE: set(),
        DeviceCommandState.FAILED: set(),
        DeviceCommandState.EXPIRED: set(),
    },
)

SUPERVISION = _lifecycle(
    "supervision session",
    SupervisionState.RUNNING,
    {
        SupervisionState.RUNNING: {
            SupervisionState.PAUSED,
            SupervisionState.COMPLETED,
            SupervisionState.TERMINATED,
            SupervisionState.FAILED,
        },
        SupervisionState.PAUSED: {
            SupervisionState.RUNNING,
            SupervisionState.COMPLETED,
            SupervisionState.TERMINATED,
            SupervisionState.FAILED,
        },
        SupervisionState.COMPLETED: set(),
        SupervisionState.TERMINATED: set(),
        SupervisionState.FAILED: set(),
    },
)

TRAINING = _lifecycle(
    "training session",
    TrainingState.SCHEDULED,
    {
        TrainingState.SCHEDULED: {TrainingState.IN_PROGRESS, TrainingState.CANCELLED},
        TrainingState.IN_PROGRESS: {
            TrainingState.COMPLETED,
            TrainingState.FAILED,
            TrainingState.CANCELLED,
        },
        TrainingState.COMPLETED: set(),
        TrainingState.FAILED: set(),
        TrainingState.CANCELLED: set(),
    },
)

EXAM = _lifecycle(
    "exam",
    ExamState.RUNNING,
    {
        ExamState.RUNNING: {ExamState.PASSED, ExamState.FAILED, ExamState.ABORTED},
        ExamState.PASSED: set(),
        ExamState.FAILED: set(),
        ExamState.ABORTED: set(),
    },
)

CONSTITUTION = _lifecycle(
    "constitution version",
    ConstitutionState.DRAFT,
    {
        ConstitutionState.DRAFT: {ConstitutionState.PUBLISHED, ConstitutionState.DISCARDED},
        ConstitutionState.PUBLISHED: set(),
        ConstitutionState.DISCARDED: set(),
    },
)

ALL = (
    WORKSPACE,
    AGENT,
    POLICY,
    GRANT,
    CEILING,
    RUN,
    PROPOSAL,
    EXECUTION,
    STEP,
    DEVICE,
    DEVICE_COMMAND,
    SUPERVISION,
    TRAINING,
    EXAM,
    CONSTITUTION,
)
