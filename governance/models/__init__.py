"""The nouns, one per file. QuerySet methods are the reads; nothing here writes."""

from governance.models.action_type import ActionType
from governance.models.advice import Advice
from governance.models.agent import Agent
from governance.models.allowed_host import AllowedHost
from governance.models.attachment import Attachment
from governance.models.canvas import Canvas, FormAnswer
from governance.models.constitution import ConstitutionRule, ConstitutionVersion
from governance.models.credential import Credential
from governance.models.decision import Decision
from governance.models.device import Device, DeviceCommand
from governance.models.episode import Episode, EpisodeSegment, Violation
from governance.models.exam import Exam, ExamAnswer, ExamCase
from governance.models.execution import Execution, ExecutionStep
from governance.models.grant import Ceiling, Grant
from governance.models.ledger_entry import LedgerEntry
from governance.models.membership import Membership
from governance.models.policy import PolicyRule, PolicyVersion
from governance.models.presence import Presence
from governance.models.proposal import Proposal, Review
from governance.models.run import Run, Trigger
from governance.models.standing import (
    CriteriaRow,
    Evidence,
    EvidenceCounter,
    MaturityChange,
    StintCounter,
)
from governance.models.supervision import Intervention, SessionEvent, SupervisionSession
from governance.models.training import (
    BlockedTrigger,
    TrainingPlan,
    TrainingSession,
    TrainingTask,
    TrainingTopic,
)
from governance.models.workflow import Workflow
from governance.models.workspace import Workspace

__all__ = [
    "ActionType",
    "Advice",
    "Agent",
    "AllowedHost",
    "Attachment",
    "BlockedTrigger",
    "Canvas",
    "Ceiling",
    "ConstitutionRule",
    "ConstitutionVersion",
    "Credential",
    "CriteriaRow",
    "Decision",
    "Device",
    "DeviceCommand",
    "Episode",
    "EpisodeSegment",
    "Evidence",
    "EvidenceCounter",
    "Exam",
    "ExamAnswer",
    "ExamCase",
    "Execution",
    "ExecutionStep",
    "FormAnswer",
    "Grant",
    "Intervention",
    "LedgerEntry",
    "MaturityChange",
    "Membership",
    "PolicyRule",
    "PolicyVersion",
    "Presence",
    "Proposal",
    "Review",
    "Run",
    "SessionEvent",
    "StintCounter",
    "SupervisionSession",
    "TrainingPlan",
    "TrainingSession",
    "TrainingTask",
    "TrainingTopic",
    "Trigger",
    "Violation",
    "Workflow",
    "Workspace",
]
