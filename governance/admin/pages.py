"""The pages of a row: one that states the facts, and one for each thing that can be done to it.

Doing something is a page of its own: GET shows a form and changes nothing, POST hands it to a
service. What the service refuses is said on the same page, with everything still there as typed.
"""

from __future__ import annotations

from typing import Any, ClassVar

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import models, transaction
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.views.generic import View

from governance.admin.base import RecordAdmin, actor, ledger_url, may, workspaces_of
from governance.admin.facts import Button, Facts, Table, page_of
from governance.admin.forms import ReasonForm
from governance.admin.frame import status_of
from governance.admin.rendering.visible import revealed, visible
from governance.domain.actors import Actor
from governance.domain.errors import GovernanceError, StaleState
from governance.domain.roles import Right
from governance.domain.values import digest

Section = Facts | Table


class ServicePage(View):
    """A form, and the service that takes it. Subclasses say which, in `save`."""

    http_method_names = ["get", "head", "post"]
    template: ClassVar[str] = "admin/governance/service_page.html"
    form_class: ClassVar[Any] = forms.Form
    right: ClassVar[Right] = Right.GOVERN
    title: ClassVar[str] = ""
    explanation: ClassVar[str] = ""
    submit: ClassVar[str] = "Save"
    danger: ClassVar[bool] = False
    done: ClassVar[str] = "Saved."

    admin: Any = None  # the ModelAdmin; given to as_view()

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        """Nothing is shown or done before it is known that this person may."""
        self.prepare(request, **kwargs)
        return super().dispatch(request, *args, **kwargs)

    def get(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        """Show the form."""
        return self.show(self.form())

    def post(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        """Hand a valid form to the service, and say what became of it."""
        form = self.form(request.POST)
        if not form.is_valid():
            return self.show(form, status=400)
        try:
            with transaction.atomic():
                self.check()
                saved = self.save(self.cleaned(form), actor(request))
        except GovernanceError as error:
            return self.show(form, error)
        return self.answer(saved)

    def form(self, data: QueryDict | None = None) -> Any:
        """The form, filled with `data` or with what the row holds."""
        return self.form_class(data, **self.form_kwargs())

    def form_kwargs(self) -> dict[str, Any]:
        """What the form is made with."""
        return {"initial": self.initial()}

    def initial(self) -> dict[str, Any]:
        """What the form begins with."""
        return {}

    def cleaned(self, form: Any) -> Any:
        """What a valid form holds."""
        return form.cleaned_data

    def prepare(self, request: HttpRequest, **kwargs: Any) -> None:
        """Find what the page is about. Raises Http404 and PermissionDenied."""
        raise NotImplementedError

    def check(self) -> None:
        """Raise StaleState unless all is as the person saw it. Inside the transaction."""

    def save(self, data: Any, by: Actor) -> Any:
        """Call the service; returns the address to go to, or what `answer` makes of it."""
        raise NotImplementedError

    def answer(self, saved: Any) -> HttpResponse:
        """Say that it is done, and go on."""
        messages.success(self.request, self.done)
        return redirect(saved)

    def cancel_url(self) -> str:
        """Where somebody goes who changes their mind."""
        return reverse(f"admin:governance_{self.admin.opts.model_name}_changelist")

    def context(self) -> dict[str, Any]:
        """What a subclass's template needs besides."""
        return {}

    def show(
        self, form: Any, error: GovernanceError | None = None, *, status: int = 200
    ) -> HttpResponse:
        """The page; what a service refused is said at its top."""
        context = {
            **self.admin.admin_site.each_context(self.request),
            "opts": self.admin.opts,
            "title": self.title,
            "page": self,
            "form": form,
            "error": visible(str(error)) if error else "",
            "stale": isinstance(error, StaleState),
            "cancel_url": self.cancel_url(),
            "read_again_url": self.request.get_full_path(),
            **self.context(),
        }
        status = status_of(error) if error else status
        return TemplateResponse(self.request, self.template, context, status=status)


class AddPage(ServicePage):
    """Something new, in one of the workspaces where this person has the right."""

    def prepare(self, request: HttpRequest, **kwargs: Any) -> None:
        """Raises PermissionDenied."""
        self.workspaces = workspaces_of(request, self.right)
        if not self.workspaces:
            raise PermissionDenied

    def form_kwargs(self) -> dict[str, Any]:
        """The form offers only those workspaces."""
        return {**super().form_kwargs(), "workspaces": self.workspaces}


class RowPage(ServicePage):
    """Something done to one row, as the person saw it.

    The form carries a token of what was seen. With the row locked it is compared with what is
    there now, so of two people at once the second is told.
    """

    slug: ClassVar[str] = ""
    label: ClassVar[str] = ""

    row: Any

    @classmethod
    def offered(cls, row: Any) -> bool:  # noqa: ARG003  subclasses look at it
        """Whether this makes sense for the row as it is."""
        return True

    def prepare(self, request: HttpRequest, **kwargs: Any) -> None:
        """Raises Http404 for what this person cannot see, PermissionDenied without the right."""
        self.row = self.admin.find(request, str(kwargs["object_id"]))
        if not may(request, self.row, self.right):
            raise PermissionDenied

    def get(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        """Show the form, or say why there is none."""
        if self.offered(self.row):
            return super().get(request, **kwargs)
        return self.show(
            self.form(),
            StaleState(f"“{self.label}” is not possible: this {self.noun} is {self.standing}."),
        )

    @property
    def noun(self) -> str:
        """What the row is called."""
        return str(self.admin.opts.verbose_name)

    @property
    def standing(self) -> str:
        """What stands in the way, in a word."""
        return str(getattr(self.row, "state", "as it is"))

    def token(self, row: Any) -> str:
        """What must be as the person saw it; of a row with a lifecycle, its version."""
        return str(row.version)

    def check(self) -> None:
        """Lock the row and compare."""
        row = type(self.row)._default_manager.locked(self.row.pk)
        if self.request.POST.get("seen") != self.token(row):
            raise StaleState(
                f"This {self.noun} was changed after you opened this page, and nothing was done. "
                "Read it again, then decide; anything you wrote is still below."
            )
        self.row = row

    def cancel_url(self) -> str:
        """The row's page."""
        return page_of(self.row)

    def context(self) -> dict[str, Any]:
        """The row, and the token: what was sent comes back, so that a stale page stays stale."""
        sent = self.request.POST.get("seen")
        return {
            "original": Headed(self.row),
            "title": f"{self.title} {revealed(str(self.row))}",
            "seen": self.token(self.row) if sent is None else sent,
        }


class ReasonPage(RowPage):
    """A move along the row's lifecycle that wants a reason."""

    form_class = ReasonForm
    to: ClassVar[str] = ""

    @classmethod
    def offered(cls, row: Any) -> bool:
        """Whether the lifecycle allows the move."""
        return bool(row.LIFECYCLE.allows(row.state, cls.to))

    def save(self, data: Any, by: Actor) -> str:
        """Give the reason to the service."""
        self.move(data["reason"], by)
        return page_of(self.row)

    def move(self, reason: str, by: Actor) -> None:
        """Call the service."""
        raise NotImplementedError


class FactsAdmin(RecordAdmin):
    """A row's page states facts; each of `pages` is offered there to those who may use it."""

    pages: ClassVar[tuple[type[RowPage], ...]] = ()
    add_page: ClassVar[type[AddPage] | None] = None
    page_template: ClassVar[str] = "admin/governance/facts_page.html"
    # Whether ledger entries are about such rows.
    has_trail: ClassVar[bool] = True

    def sections(self, request: HttpRequest, row: Any) -> list[Section]:
        """What the page says."""
        raise NotImplementedError

    def links(self, request: HttpRequest, row: Any) -> list[Button]:
        """Further buttons, besides those of `pages`."""
        return []

    def beside(self, request: HttpRequest, row: Any) -> dict[str, Any]:
        """What a template of its own needs, besides the sections and the buttons."""
        return {}

    def get_urls(self) -> list[URLPattern]:
        """The pages come first: Django's own patterns would take their addresses."""
        name = f"governance_{self.opts.model_name}"
        own = [
            path(
                f"<uuid:object_id>/{page.slug}/",
                self.admin_site.admin_view(page.as_view(admin=self)),
                name=f"{name}_{page.slug}",
            )
            for page in self.pages
        ]
        return own + list(super().get_urls())

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Where there is a page for it, those with its right in some workspace."""
        return self.add_page is not None and bool(workspaces_of(request, self.add_page.right))

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """The page for something new."""
        if self.add_page is None:
            raise PermissionDenied
        view: Any = self.add_page.as_view(admin=self)
        response: HttpResponse = view(request)
        return response

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """The facts. Nothing is changed here: each change has a page of its own."""
        row = self.find(request, object_id)
        if request.method not in {"GET", "HEAD"}:
            raise PermissionDenied
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "original": Headed(row),
            "title": revealed(str(row)),
            "shown": visible(str(row)),
            "sections": self.sections(request, row),
            "buttons": self._buttons(request, row),
            **self.beside(request, row),
        }
        return TemplateResponse(request, self.page_template, context)

    def _buttons(self, request: HttpRequest, row: Any) -> list[Button]:
        offered = [page for page in self.pages if page.offered(row)]
        held = {r for r in {page.right for page in offered} if may(request, row, r)}
        buttons = [
            Button(page.label, self._url(row, page), page.danger)
            for page in offered
            if page.right in held
        ]
        trail = [Button("Ledger", ledger_url(row))] if self.has_trail else []
        return [*self.links(request, row), *buttons, *trail]

    def _url(self, row: Any, page: type[RowPage]) -> str:
        return reverse(f"admin:governance_{self.opts.model_name}_{page.slug}", args=[row.pk])


class Headed:
    """A row as unfold's page header wants it, its name with nothing hidden in it."""

    def __init__(self, row: models.Model) -> None:
        self._meta = row._meta
        self.pk = row.pk
        self.name = revealed(str(row))

    def __str__(self) -> str:
        return self.name


def token_of(row: models.Model, fields: tuple[str, ...]) -> str:
    """A digest of some fields of a row, to see whether anybody changed them in between."""
    values = {name: getattr(row, name) for name in fields}
    return digest({name: v if isinstance(v, dict) else str(v) for name, v in values.items()})
