"""What waits for one reviewer, oldest first: which comes next, and how many there are."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Exists, OuterRef, Q
from django.http import HttpRequest
from django.utils import timezone

from governance.admin.base import workspaces_of
from governance.domain.roles import Right
from governance.domain.words import ReviewVerdict
from governance.models import Proposal, Review
from governance.models.proposal import ProposalQuerySet


@dataclass(frozen=True, slots=True)
class Place:
    """Where a proposal stands in the queue. `number` is 0 for one that is not in it."""

    number: int
    total: int
    previous: Proposal | None
    following: Proposal | None


def waiting_for(request: HttpRequest) -> ProposalQuerySet:
    """What this person may still decide and has not reviewed yet, oldest first."""
    rows = Proposal.objects.filter(workspace_id__in=workspaces_of(request, Right.DECIDE))
    return rows.pending(now=timezone.now()).exclude(
        Exists(
            Review.objects.filter(
                proposal_id=OuterRef("pk"), digest=OuterRef("digest"), reviewer_id=request.user.pk
            ).exclude(verdict=ReviewVerdict.ABSTAIN)
        )
    )


def place(request: HttpRequest, row: Proposal) -> Place:
    """The place of a proposal, with its neighbours."""
    queue = waiting_for(request)
    before, after = queue.filter(_earlier(row)), queue.filter(_later(row))
    inside = queue.filter(pk=row.pk).exists()
    return Place(
        number=before.count() + 1 if inside else 0,
        total=queue.count(),
        previous=before.last(),
        following=after.first(),
    )


def following(request: HttpRequest, row: Proposal) -> Proposal | None:
    """What to look at after this one: the next in the queue, or else its start."""
    queue = waiting_for(request).exclude(pk=row.pk)
    return queue.filter(_later(row)).first() or queue.first()


def _earlier(row: Proposal) -> Q:
    return Q(created_at__lt=row.created_at) | Q(created_at=row.created_at, id__lt=row.pk)


def _later(row: Proposal) -> Q:
    return Q(created_at__gt=row.created_at) | Q(created_at=row.created_at, id__gt=row.pk)
