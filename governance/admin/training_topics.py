"""Training topics: the table from which training plans are made. Governors keep it."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.utils.safestring import SafeString

from governance.admin.facts import Facts, bullets, code, draw, fact, link, page_of, when
from governance.admin.filters import WorkspaceFilter
from governance.admin.forms import InWorkspaceForm, TextField, line
from governance.admin.pages import AddPage, FactsAdmin, RowPage, Section, token_of
from governance.domain.actors import Actor
from governance.domain.errors import StaleState
from governance.models import TrainingTopic
from governance.services import curricula

HOW_IT_IS_USED = (
    "When a trigger of a student is blocked, its training is planned from the rows that fit: those "
    "of its category or of any, and of the trigger's action types or of any. A capability that the "
    "agent already lists, or has learned, is left out. Plans already made stay as they are."
)


class TasksField(TextField):
    """One task a line."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(rows=6, **kwargs)

    def prepare_value(self, value: Any) -> Any:
        """A list is shown a line each; what was typed is shown as it was typed."""
        return "\n".join(map(str, value)) if isinstance(value, list) else value

    def clean(self, value: Any) -> Any:
        """The lines that are not empty."""
        tasks = [task.strip() for task in super().clean(value).splitlines() if task.strip()]
        if len(tasks) > curricula.MAX_TASKS:
            raise forms.ValidationError(f"At most {curricula.MAX_TASKS} tasks; join some of them.")
        if any(len(task) > curricula.MAX_TASK for task in tasks):
            raise forms.ValidationError(f"A task has at most {curricula.MAX_TASK} characters.")
        return tasks


class ContentForm(forms.Form):
    """What is to be learned, and how."""

    objective = forms.CharField(
        max_length=300,
        widget=line(),
        help_text="What it knows or does once it has learned this. It gets a score from 0 to 1.",
    )
    tasks = TasksField(
        help_text="One a line: what to work through. They are ticked off as the training goes."
    )


class TopicForm(InWorkspaceForm, ContentForm):
    """A new row."""

    capability = forms.CharField(
        max_length=100,
        widget=line(),
        help_text="What the agent lacks until this is among its capabilities, word for word.",
    )
    category = forms.CharField(
        max_length=100,
        required=False,
        widget=line(),
        help_text="For agents of this category only. Empty: of any.",
    )
    action_type = forms.CharField(
        max_length=100,
        required=False,
        widget=line(spellcheck="false", autocapitalize="off"),
        help_text=(
            "For triggers that concern this action type only: those that list it in their context "
            'at "action_types", or that list none. Empty: for any.'
        ),
    )

    field_order = ("workspace", "capability", "objective", "tasks", "category", "action_type")


class AddTopicPage(AddPage):
    """A new row of the table."""

    form_class = TopicForm
    title = "Add a training topic"
    explanation = HOW_IT_IS_USED
    submit = "Add"
    done = "The topic is in the table."

    def save(self, data: Any, by: Actor) -> str:
        """Write it; a row that is there already is changed on its own page."""
        key = {name: data[name] for name in ("category", "action_type", "capability")}
        if TrainingTopic.objects.of(data["workspace"].pk).filter(**key).exists():
            raise StaleState(
                "There is a row of this capability, category and action type already; change that "
                "one on its page."
            )
        return page_of(curricula.define(**data, by=by))


class EditTopicPage(RowPage):
    """Change what a row says."""

    slug, label = "edit", "Change"
    form_class = ContentForm
    title = "Change"
    explanation = (
        "The capability, the category and the action type say which row this is: to change those, "
        "remove it and add another."
    )
    done = "The topic is changed."

    def initial(self) -> dict[str, Any]:
        """As it is."""
        return {"objective": self.row.objective, "tasks": self.row.tasks}

    def token(self, row: Any) -> str:
        """What the form changes."""
        return token_of(row, ("objective", "tasks"))

    def save(self, data: Any, by: Actor) -> str:
        """Change it."""
        row = self.row
        curricula.define(
            workspace=row.workspace,
            capability=row.capability,
            category=row.category,
            action_type=row.action_type,
            by=by,
            **data,
        )
        return page_of(row)


class RemoveTopicPage(RowPage):
    """Take a row out of the table."""

    slug, label = "remove", "Remove"
    title = submit = "Remove"
    explanation = "Later plans are made without it. Plans already made stay as they are."
    danger = True
    done = "The topic is out of the table."

    def token(self, row: Any) -> str:
        """What it said."""
        return token_of(row, ("objective", "tasks"))

    def save(self, data: Any, by: Actor) -> str:
        """Remove it."""
        curricula.remove(topic=self.row, by=by)
        return super(RowPage, self).cancel_url()


@admin.register(TrainingTopic)
class TrainingTopicAdmin(FactsAdmin):
    """The tables of one's workspaces."""

    list_display = ("shown", "shown_objective", "shown_category", "shown_action_type", "many")
    list_filter = (WorkspaceFilter,)
    search_fields = ("capability", "objective", "category", "action_type")
    search_help_text = "In capabilities, objectives, categories and action types"
    pages = (EditTopicPage, RemoveTopicPage)
    add_page = AddTopicPage

    @admin.display(description="Capability")
    def shown(self, row: TrainingTopic) -> SafeString:
        """What an agent lacks."""
        return draw(row.capability)

    @admin.display(description="Objective")
    def shown_objective(self, row: TrainingTopic) -> SafeString:
        """What is to be learned."""
        return draw(row.objective)

    @admin.display(description="Category")
    def shown_category(self, row: TrainingTopic) -> SafeString:
        """Of which agents."""
        return draw(row.category or "any")

    @admin.display(description="Action type")
    def shown_action_type(self, row: TrainingTopic) -> SafeString:
        """Of which triggers."""
        return code(row.action_type) if row.action_type else draw("any")

    @admin.display(description="Tasks")
    def many(self, row: TrainingTopic) -> int:
        """How many tasks."""
        return len(row.tasks)

    def sections(self, request: HttpRequest, row: TrainingTopic) -> list[Section]:
        """The row, and how it is used."""
        facts = [
            fact("Capability", row.capability),
            fact("Objective", row.objective),
            fact("Tasks", bullets(row.tasks)),
            fact("For agents of the category", row.category or "any"),
            fact("For triggers of the action type", self.shown_action_type(row)),
            fact("Workspace", link(row.workspace)),
            fact("Since", when(row.created_at)),
            fact("How it is used", HOW_IT_IS_USED),
        ]
        return [Facts("Training topic", facts)]
