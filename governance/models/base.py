"""What every row shares: a UUIDv7 key, a workspace, a state that only `lifecycle.move` writes."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any, ClassVar, Self, TypeVar, cast

from django.db import models
from django.db.models import Q, Value
from django.db.models.functions import Coalesce
from django.utils import timezone
from uuid_utils.compat import uuid7

from governance.domain.errors import NotFound
from governance.domain.states import Lifecycle

Row = TypeVar("Row", bound=models.Model)


def new_id() -> uuid.UUID:
    """A time-ordered key (UUIDv7, RFC 9562), so that ordering by key is ordering by creation."""
    return uuid7()


class RecordQuerySet(models.QuerySet[Row]):
    """Reads every noun has."""

    def of(self, workspace_id: uuid.UUID) -> Self:
        """The rows of one workspace."""
        return self.filter(workspace_id=workspace_id)

    def locked(self, pk: uuid.UUID) -> Row:
        """The row, locked until the transaction ends where the database can; raises NotFound.

        SQLite has no row locks: there every transaction that gets here holds the write lock.
        """
        row = self.select_for_update(of=("self",), no_key=True).filter(pk=pk).first()
        if row is None:
            name = self.model._meta.verbose_name
            raise NotFound(f"There is no {name} {pk}.")
        return row


class Keyed(models.Model):
    """A row with a key of its own and the time it was written."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        abstract = True

    def get_constraints(self) -> list[tuple[type[models.Model], Sequence[models.BaseConstraint]]]:
        """What full_clean looks at, without the CHECKs where one query tells that all of them hold.

        Django would send three statements for each. Where one fails, it is asked which.
        """
        found = super().get_constraints()
        if not self._meets_every_check():
            return found
        return [(model, [each for each in own if not _is_check(each)]) for model, own in found]

    def _meets_every_check(self) -> bool:
        # A condition that is NULL holds, as it does for the database.
        conditions = [
            Coalesce(Q(each.condition), Value(value=True), output_field=models.BooleanField())
            for each in self._meta.constraints
            if isinstance(each, models.CheckConstraint)
        ]
        values = cast("Any", self)._get_field_expression_map(meta=self._meta)  # noqa: SLF001  what Django's own validation uses
        return not conditions or Q(*conditions).check(values)


def _is_check(constraint: models.BaseConstraint) -> bool:
    return isinstance(constraint, models.CheckConstraint)


class Record(Keyed):
    """A row of one workspace."""

    workspace = models.ForeignKey(
        "governance.Workspace", on_delete=models.PROTECT, related_name="+", editable=False
    )

    class Meta:
        abstract = True


class Stateful(models.Model):
    """A row with a lifecycle. `version` counts its moves, from 1."""

    LIFECYCLE: ClassVar[Lifecycle]

    state = models.CharField(max_length=20, editable=False)
    version = models.PositiveIntegerField(default=1, editable=False)

    class Meta:
        abstract = True


def one_of(column: str, values: Any, *, name: str) -> models.CheckConstraint:
    """CHECK that a column holds one of the known words."""
    return models.CheckConstraint(condition=Q(**{f"{column}__in": list(values)}), name=name)


def state_check(lifecycle: Lifecycle, *, name: str) -> models.CheckConstraint:
    """CHECK that `state` is one of the lifecycle's states."""
    return one_of("state", lifecycle.states, name=name)


def set_exactly_in(
    states: set[str] | frozenset[str], *columns: str, name: str
) -> models.CheckConstraint:
    """CHECK that all `columns` are set in these states, and all are null in the others."""
    inside, outside = Q(state__in=sorted(states)), ~Q(state__in=sorted(states))
    for column in columns:
        inside &= Q(**{f"{column}__isnull": False})
        outside &= Q(**{f"{column}__isnull": True})
    return models.CheckConstraint(condition=inside | outside, name=name)
