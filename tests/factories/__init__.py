"""Rows for tests, made by the services only, so that no impossible row can be made.

Factories take the services' own keywords; an unknown one raises. A row in a later state is a row
in its first state, moved there: `approved(ProposalFactory())`, `paused(AgentFactory())`.
"""

from tests.factories.agents import AgentFactory, CeilingFactory, GrantFactory
from tests.factories.catalogue import ActionTypeFactory, make_spec, registered_handler
from tests.factories.devices import DeviceCommandFactory, DeviceFactory, RegistrationFactory
from tests.factories.exams import (
    ExamAnswerFactory,
    ExamCaseFactory,
    ExamFactory,
    ExamineeFactory,
    sat,
)
from tests.factories.house import House
from tests.factories.moves import (
    abandoned,
    approved,
    cancelled,
    claimed,
    discarded,
    executed,
    expired,
    failed,
    finished,
    halted,
    in_doubt,
    lifted,
    paused,
    published,
    rejected,
    resumed,
    retired,
    revoked,
    run_worker,
)
from tests.factories.outside import AllowedHostFactory, CredentialFactory
from tests.factories.people import (
    BY_SYSTEM,
    PASSWORD,
    MembershipFactory,
    UserFactory,
    by,
    member_of,
)
from tests.factories.policies import PolicyVersionFactory, publish_rules, rule
from tests.factories.records import CanvasFactory, DecisionFactory, LedgerEntryFactory
from tests.factories.runs import QueuedRunFactory, RunFactory, TriggerFactory
from tests.factories.waiting import (
    ExecutionFactory,
    ExecutionStepFactory,
    ProposalFactory,
    ReviewFactory,
)
from tests.factories.workspaces import EmptyWorkspaceFactory, WorkspaceFactory

__all__ = [
    "BY_SYSTEM",
    "PASSWORD",
    "ActionTypeFactory",
    "AgentFactory",
    "AllowedHostFactory",
    "CanvasFactory",
    "CeilingFactory",
    "CredentialFactory",
    "DecisionFactory",
    "DeviceCommandFactory",
    "DeviceFactory",
    "EmptyWorkspaceFactory",
    "ExamAnswerFactory",
    "ExamCaseFactory",
    "ExamFactory",
    "ExamineeFactory",
    "ExecutionFactory",
    "ExecutionStepFactory",
    "GrantFactory",
    "House",
    "LedgerEntryFactory",
    "MembershipFactory",
    "PolicyVersionFactory",
    "ProposalFactory",
    "QueuedRunFactory",
    "RegistrationFactory",
    "ReviewFactory",
    "RunFactory",
    "TriggerFactory",
    "UserFactory",
    "WorkspaceFactory",
    "abandoned",
    "approved",
    "by",
    "cancelled",
    "claimed",
    "discarded",
    "executed",
    "expired",
    "failed",
    "finished",
    "halted",
    "in_doubt",
    "lifted",
    "make_spec",
    "member_of",
    "paused",
    "publish_rules",
    "published",
    "registered_handler",
    "rejected",
    "resumed",
    "retired",
    "revoked",
    "rule",
    "run_worker",
    "sat",
]
