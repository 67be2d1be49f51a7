"""The vocabulary of the application, as closed sets of values."""

from __future__ import annotations

from collections.abc import Iterable

from django.db.models import IntegerChoices, TextChoices


class Maturity(TextChoices):
    """How much autonomy an agent has earned; declared from least to most."""

    STUDENT = "student", "Student"
    INTERN = "intern", "Intern"
    SUPERVISED = "supervised", "Supervised"
    AUTONOMOUS = "autonomous", "Autonomous"

    @property
    def rank(self) -> int:
        """0 (student) to 3 (autonomous)."""
        return list(Maturity).index(self)


class Route(TextChoices):
    """The gate's answer; declared from loosest to strictest."""

    EXECUTION = "execution", "Execution"
    SUPERVISION = "supervision", "Supervision"
    PROPOSAL = "proposal", "Proposal"
    TRAINING = "training", "Training"
    DENIED = "denied", "Denied"

    @property
    def strictness(self) -> int:
        """0 (execution) to 4 (denied)."""
        return list(Route).index(self)

    def within(self, limit: Route) -> bool:
        """Whether this route asks for nothing stricter than `limit`."""
        return self.strictness <= limit.strictness


def strictest(routes: Iterable[Route]) -> Route:
    """The strictest of one or more routes. Raises ValueError when there is none."""
    return max(routes, key=lambda route: route.strictness)


class Complexity(IntegerChoices):
    """What an action touches, from reading to what cannot be taken back."""

    READ = 1, "1 read"
    DRAFT = 2, "2 draft"
    CHANGE = 3, "3 change"
    IRREVERSIBLE = 4, "4 irreversible or costly"


class Reversibility(TextChoices):
    """Whether an effect can be undone."""

    REVERSIBLE = "reversible", "Reversible"
    COMPENSABLE = "compensable", "Compensable"
    IRREVERSIBLE = "irreversible", "Irreversible"


class Mode(TextChoices):
    """Who carries out an action: a handler of ours, or the agent itself."""

    HANDLER = "handler", "Handler"
    AGENT = "agent", "Agent"


class Effect(TextChoices):
    """Where an action's effect lands, and so what can be promised about repeating it."""

    LOCAL = "local", "Local (this database)"
    KEYED = "keyed", "Keyed (the far side dedups)"
    UNKEYED = "unkeyed", "Unkeyed (the far side does not dedup)"


class TriggerSource(TextChoices):
    """What asked an agent to start."""

    MANUAL = "manual", "Manual"
    DATA_SYNC = "data_sync", "Data sync"
    WORKFLOW_ENGINE = "workflow_engine", "Workflow engine"
    AI_COORDINATOR = "ai_coordinator", "AI coordinator"


class ProposalKind(TextChoices):
    """What a proposal is for."""

    ACTION = "action", "Action"
    TRAINING = "training", "Training"
    ANALYSIS = "analysis", "Analysis"


class RunKind(TextChoices):
    """Whether a run is real work or an exam."""

    LIVE = "live", "Live"
    EXAM = "exam", "Exam"


class ReviewVerdict(TextChoices):
    """One person's verdict on one proposal."""

    APPROVE = "approve", "Approve"
    REJECT = "reject", "Reject"
    ABSTAIN = "abstain", "Abstain"


class DecisionKind(TextChoices):
    """Which of the gate's two questions a decision answers."""

    TRIGGER = "trigger", "Trigger"
    ACTION = "action", "Action"


class DeviceKind(TextChoices):
    """What a device can be asked for."""

    CAMERA = "camera", "Camera"
    LOCATION = "location", "Location"
    NOTIFICATION = "notification", "Notification"


class CanvasKind(TextChoices):
    """What a canvas shows."""

    CHART = "chart", "Chart"
    SHEET = "sheet", "Sheet"
    FORM = "form", "Form"
    MARKDOWN = "markdown", "Markdown"
    ORCHESTRATION = "orchestration", "Orchestration"


class FieldType(TextChoices):
    """What a field of a form asks for."""

    TEXT = "text", "Text"
    NUMBER = "number", "Number"
    DATE = "date", "Date"
    CHECKBOX = "checkbox", "Checkbox"
    SELECT = "select", "Select"


class BoardState(TextChoices):
    """How far a step on an orchestration board is."""

    TODO = "todo", "To do"
    DOING = "doing", "Doing"
    DONE = "done", "Done"
    FAILED = "failed", "Failed"


class HostUse(TextChoices):
    """What an allowed host is allowed for."""

    WEB = "web", "Web (requests and browsing)"
    MAIL = "mail", "Mail (recipients' domains)"


class CredentialKind(TextChoices):
    """What a stored secret is."""

    TOKEN = "token", "Token or key"
    PASSWORD = "password", "Password"
    URL = "url", "Secret URL (such as a webhook's)"


class InterventionKind(TextChoices):
    """What a person does to a run they watch."""

    PAUSE = "pause", "Pause"
    RESUME = "resume", "Resume"
    CORRECT = "correct", "Correct"
    TERMINATE = "terminate", "Terminate"


class Availability(TextChoices):
    """Whether a person can be given a run to watch."""

    ONLINE = "online", "Online"
    AWAY = "away", "Away"
    OFFLINE = "offline", "Offline"


class Opinion(TextChoices):
    """What an agent that was asked for advice thinks. Nobody's approval."""

    FOR = "for", "For"
    AGAINST = "against", "Against"
    UNSURE = "unsure", "Unsure"


class EvidenceKind(TextChoices):
    """An outcome that says something about one agent and one action type."""

    CLEAN_APPROVAL = "clean_approval", "Clean approval"
    EDITED_APPROVAL = "edited_approval", "Edited approval"
    REJECTION = "rejection", "Rejection"
    INTERVENTION = "intervention", "Intervention"
    FAILURE = "failure", "Failure"
    VIOLATION = "violation", "Violation"


class EpisodeSource(TextChoices):
    """Where an episode comes from."""

    RUN = "run", "Run"
    PROPOSAL = "proposal", "Decided proposal"
    IMPORTED = "imported", "Imported"


class EpisodeOutcome(TextChoices):
    """How a finished piece of work ended."""

    SUCCEEDED = "succeeded", "Succeeded"
    FAILED = "failed", "Failed"
    ABANDONED = "abandoned", "Abandoned"


class SegmentKind(TextChoices):
    """What one part of an episode is."""

    MESSAGE = "message", "Message"
    ACTION = "action", "Action"
    DECISION = "decision", "Decision"
    INTERVENTION = "intervention", "Intervention"
    RESULT = "result", "Result"


class Severity(TextChoices):
    """How bad a violation is."""

    LOW = "low", "Low"
    MEDIUM = "medium", "Medium"
    HIGH = "high", "High"
    CRITICAL = "critical", "Critical"


class ChangeReason(TextChoices):
    """Why an agent's maturity changed."""

    EXAM = "exam", "Exam passed"
    TRAINING = "training", "Training completed"
    VIOLATION = "violation", "Critical violation"
    GOVERNOR = "governor", "A governor's word"
    FLOOR = "floor", "Evidence below the floor"
    FINGERPRINT = "fingerprint", "Fingerprint changed"
