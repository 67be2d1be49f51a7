"""What the commands about one proposal share."""

from __future__ import annotations

import uuid
from typing import Any

from governance.domain.errors import InvalidInput, NotFound
from governance.management.command import workspace_of
from governance.models import Proposal


def proposal_of(options: dict[str, Any]) -> Proposal:
    """The proposal named by the argument `proposal`. Raises InvalidInput, NotFound."""
    try:
        key = uuid.UUID(options["proposal"])
    except ValueError as error:
        raise InvalidInput(f"{options['proposal']!r} is not the id of a proposal.") from error
    found = Proposal.objects.of(workspace_of(options).id).filter(pk=key).first()
    if found is None:
        raise NotFound(f"There is no proposal {key} here.")
    return found


def shown(proposal: Proposal) -> dict[str, Any]:
    """What a decision made of it."""
    return {
        "proposal": str(proposal.id),
        "state": proposal.state,
        "digest": proposal.digest,
        "edit": proposal.edit,
    }
