"""What can be done to a training: start it, complete it with its result, fail it, cancel it."""

from __future__ import annotations

from typing import Any

from django import forms

from governance.admin.facts import Facts, Table, draw, fact, page_of
from governance.admin.forms import TextField, line, number
from governance.admin.pages import ReasonPage, RowPage
from governance.admin.rendering.visible import revealed
from governance.admin.training_facts import hours
from governance.domain.actors import Actor
from governance.domain.roles import Right
from governance.domain.states import TrainingState
from governance.models import TrainingSession
from governance.policy.confidence import BEST_TRAINING_GAIN, TRAINING_GAINS
from governance.policy.training import MAX_HOURS
from governance.services import trainings

SCORE = "score-"
"""Begins the name of every score; its number is the objective's."""


class SessionPage(RowPage):
    """Something done to a training, by those who accompany it."""

    right = Right.SUPERVISE

    @classmethod
    def offered(cls, row: Any) -> bool:
        """Whether the lifecycle allows it."""
        return bool(row.LIFECYCLE.allows(row.state, cls.to))

    to = ""


class StartPage(SessionPage):
    """It begins."""

    slug, label, to = "start", "Start", TrainingState.IN_PROGRESS
    title, submit = "Start the", "Start"
    explanation = "From now on its tasks can be ticked off, and it can be completed."
    done = "The training is under way."

    def save(self, data: Any, by: Actor) -> str:
        """Start it."""
        trainings.start(session=self.row, by=by)
        return page_of(self.row)


class ResultForm(forms.Form):
    """How it went: a score for each objective, and the rest."""

    errors_made = forms.IntegerField(
        label="Errors",
        min_value=0,
        max_value=trainings.MAX_ERRORS,
        initial=0,
        widget=number(min=0),
        help_text="How many the agent made while it was trained.",
    )
    hours_spent = forms.FloatField(
        label="Hours spent",
        widget=line(inputmode="decimal"),
        help_text="In all, such as 26.5. Later estimates learn from it.",
    )
    feedback = TextField(max_length=trainings.MAX_TEXT, required=False)

    def __init__(self, *args: Any, session: TrainingSession, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.capabilities = [str(found["capability"]) for found in session.plan.objectives]
        for position, found in enumerate(session.plan.objectives):
            self.fields[f"{SCORE}{position}"] = forms.FloatField(
                label=f"Score: {revealed(found['capability'])}",
                min_value=0.0,
                max_value=1.0,
                widget=line(inputmode="decimal"),
                help_text=f"0 to 1. {revealed(found['objective'])}",
            )
        self.order_fields([f"{SCORE}{n}" for n in range(len(self.capabilities))])

    def clean_hours_spent(self) -> float:
        """As the service would say it, beside the field."""
        spent: float = self.cleaned_data["hours_spent"]
        if not 0.0 < spent <= MAX_HOURS:
            raise forms.ValidationError(f"Above 0, and at most {MAX_HOURS:,g}.")
        return spent

    def result(self) -> dict[str, Any]:
        """What the service takes."""
        data = self.cleaned_data
        scores = {name: data[f"{SCORE}{n}"] for n, name in enumerate(self.capabilities)}
        return {
            "scores": scores,
            "errors": data["errors_made"],
            "hours_spent": data["hours_spent"],
            "feedback": data["feedback"],
        }


class CompletePage(SessionPage):
    """It ended well or badly, and it ended."""

    slug, label, to = "complete", "Complete", TrainingState.COMPLETED
    form_class = ResultForm
    title, submit = "Complete the", "Complete"
    explanation = (
        "Confidence moves by the mean of the scores; maturity stays as it is. The triggers that "
        "wait for this training can be retried afterwards."
    )
    done = "The training is completed."

    def form_kwargs(self) -> dict[str, Any]:
        """The objectives to score."""
        return {**super().form_kwargs(), "session": self.row}

    def cleaned(self, form: Any) -> Any:
        """Scores by capability, and the rest."""
        return form.result()

    def context(self) -> dict[str, Any]:
        """What there is to know before the scores are given."""
        return {**super().context(), "sections": [_before(self.row), _worth()]}

    def save(self, data: Any, by: Actor) -> str:
        """Complete it."""
        trainings.complete(session=self.row, by=by, **data)
        return page_of(self.row)


class FailPage(ReasonPage):
    """It led nowhere."""

    slug, label, to = "fail", "Fail", TrainingState.FAILED
    right = Right.SUPERVISE
    title, submit = "Fail the", "Fail"
    explanation = (
        "Nothing is added to the agent's confidence, and what waits for this training stays "
        "blocked. The next blocked trigger makes a new plan, and completing that frees these too."
    )
    danger = True
    done = "The training has failed."

    def move(self, reason: str, by: Actor) -> None:
        """Fail it."""
        trainings.fail(session=self.row, reason=reason, by=by)


class CancelPage(ReasonPage):
    """It will not be held."""

    slug, label, to = "cancel", "Cancel", TrainingState.CANCELLED
    right = Right.SUPERVISE
    title, submit = "Cancel the", "Cancel the training"
    explanation = "What waits for this training stays blocked. The next blocked trigger plans anew."
    danger = True
    done = "The training is cancelled."

    def move(self, reason: str, by: Actor) -> None:
        """Cancel it."""
        trainings.cancel(session=self.row, reason=reason, by=by)


PAGES = (StartPage, CompletePage, FailPage, CancelPage)


def _before(row: TrainingSession) -> Facts:
    tasks = row.tasks.count()
    done = row.tasks.filter(done_at__isnull=False).count()
    return Facts(
        "Before you complete it",
        [
            fact("Tasks ticked off", f"{done} of {tasks}"),
            fact("Hours planned", hours(row.hours)),
        ],
    )


def _worth() -> Table:
    """What each performance adds, from the rule itself."""
    lows = (0.0, *(below for below, _ in TRAINING_GAINS))
    gains = (*(gain for _, gain in TRAINING_GAINS), BEST_TRAINING_GAIN)
    highs = (*(f"and below {below:g}" for below, _ in TRAINING_GAINS), "and up")
    return Table(
        "What it will be worth",
        ("Mean of the scores", "Adds to confidence"),
        [
            (draw(f"{low:g} {high}"), draw(f"+{gain:.2f}, up to 1"))
            for low, high, gain in zip(lows, highs, gains, strict=True)
        ],
    )
