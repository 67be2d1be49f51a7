"""Lists that page by key: a page begins after a row, so a late page costs what the first one does.

Nothing is counted and nothing is skipped: both would read the whole table.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.contrib.admin.options import IncorrectLookupParameters
from django.core.exceptions import ValidationError
from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest
from unfold.views import ChangeList

AFTER, BEFORE = "after", "before"
"""The query parameters: the key of the row that the page begins after, or ends before."""


def beyond(row: Model, order: Sequence[str]) -> Q:
    """The rows that come after `row` in `order`: columns that are never null, the last unique."""
    behind, level = Q(), Q()
    for term in order:
        name, comparison = term.removeprefix("-"), "lt" if term.startswith("-") else "gt"
        value = getattr(row, name)
        behind |= level & Q(**{f"{name}__{comparison}": value})
        level &= Q(**{name: value})
    first = order[0].removeprefix("-")
    bound = "lte" if order[0].startswith("-") else "gte"
    # Implied by the rest, and what lets a database find the place in its index.
    return Q(**{f"{first}__{bound}": getattr(row, first)}) & behind


class KeysetChangeList(ChangeList):
    """A change list in its one order, a page at a time."""

    next_url = ""
    previous_url = ""

    def get_queryset(
        self, request: HttpRequest, exclude_parameters: list[str | None] | None = None
    ) -> QuerySet[Any]:
        """The filtered rows; the page's place is no filter."""
        for name in (AFTER, BEFORE):
            self.params.pop(name, None)
            self.filter_params.pop(name, None)
        rows: QuerySet[Any] = super().get_queryset(request, exclude_parameters)
        return rows

    def get_ordering(self, request: HttpRequest, queryset: QuerySet[Any]) -> list[str]:
        """The model's order, which has an index; the address cannot ask for another."""
        own = self.model_admin.get_ordering(request) or self._get_default_ordering()
        ordering: list[str] = self._get_deterministic_ordering(list(own))
        return ordering

    def get_results(self, request: HttpRequest) -> None:
        """Read one page, and whether there is another on either side."""
        rows = self._page(request)
        self.result_list = rows
        # Of this page only: how many there are in all is not known.
        self.result_count = self.full_result_count = len(rows)
        self.show_full_result_count = self.show_admin_actions = False
        self.can_show_all = self.multi_page = False
        self.paginator = None

    @property
    def newest_first(self) -> bool:
        """Whether the list runs backwards in time, so that its next page is an older one."""
        return bool(self.queryset.query.order_by[0].startswith("-"))

    def _page(self, request: HttpRequest) -> list[Any]:
        before, after = self._cursor(request, BEFORE), self._cursor(request, AFTER)
        if before is not None:
            rows, more = self._read(before, backwards=True)
            if more:
                rows.reverse()
                self._link(rows, previous=True, following=True)
                return rows
            after = None  # that is the first page: show all of it
        rows, more = self._read(after, backwards=False)
        self._link(rows, previous=after is not None, following=more)
        return rows

    def _cursor(self, request: HttpRequest, name: str) -> Any:
        key = request.GET.get(name)
        if key is None:
            return None
        try:
            row = self.root_queryset.filter(pk=key).first()
        except (ValidationError, ValueError) as error:
            raise IncorrectLookupParameters(error) from error
        if row is None:
            raise IncorrectLookupParameters(name)
        return row

    def _read(self, cursor: Any, *, backwards: bool) -> tuple[list[Any], bool]:
        order = list(self.queryset.query.order_by)
        if backwards:
            order = [_reversed(term) for term in order]
        rows = self.queryset.order_by(*order)
        if cursor is not None:
            rows = rows.filter(beyond(cursor, order))
        found = list(rows[: self.list_per_page + 1])
        return found[: self.list_per_page], len(found) > self.list_per_page

    def _link(self, rows: list[Any], *, previous: bool, following: bool) -> None:
        if following:
            self.next_url = self.get_query_string({AFTER: rows[-1].pk})
        if previous:
            # With nothing on this page there is no row to end before: back to the start.
            self.previous_url = self.get_query_string({BEFORE: rows[0].pk} if rows else {})


def _reversed(term: str) -> str:
    return term.removeprefix("-") if term.startswith("-") else f"-{term}"
