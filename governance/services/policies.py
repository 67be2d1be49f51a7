"""Policies: draft rules, check them, publish an immutable version."""

from __future__ import annotations

from collections.abc import Iterable

from django.db import transaction
from django.db.models import Max
from django.utils import timezone

from governance import ledger, lifecycle
from governance.domain.actors import Actor, ActorKind
from governance.domain.errors import InvalidInput, StaleState
from governance.domain.roles import Right
from governance.domain.states import PolicyState
from governance.domain.values import Json, require_text
from governance.models import PolicyRule, PolicyVersion, Workspace
from governance.policy.rules import RuleSource, changes, check_rule, seal
from governance.services import memberships
from governance.services.validation import cleaned

MAX_RULES = 500


def draft(*, workspace: Workspace, by: Actor, note: str = "") -> PolicyVersion:
    """A new draft that begins with the rules in force."""
    with transaction.atomic():
        memberships.require(by=by, workspace_id=workspace.id, right=Right.GOVERN)
        require_text(note, what="note", max_length=2_000)
        version = PolicyVersion(workspace=workspace, note=note)
        lifecycle.begin(version, by=by)
        newest = PolicyVersion.objects.newest(workspace.id)
        _write(version, newest.sources() if newest else [])
    return version


def set_rules(*, version: PolicyVersion, rules: Iterable[RuleSource], by: Actor) -> None:
    """Replace all rules of a draft; each is checked as for publishing.

    Raises InvalidInput (naming the rule), StaleState when it is no draft any more, NotAllowed.
    """
    with transaction.atomic():
        memberships.require(by=by, workspace_id=version.workspace_id, right=Right.GOVERN)
        row = _locked_draft(version)
        sources = list(rules)
        _check(sources)
        row.rules.all().delete()
        _write(row, sources)
        ledger.append(
            kind="policy_version.rules_set",
            by=by,
            workspace_id=row.workspace_id,
            subject_id=row.id,
            data={"digest": seal(sources), "rules": [rule.as_json() for rule in sources]},
        )


def changes_if_published(version: PolicyVersion) -> list[dict[str, Json]]:
    """What publishing this draft now would change in the rules in force."""
    newest = PolicyVersion.objects.newest(version.workspace_id)
    return changes(newest.sources() if newest else [], version.sources())


def publish(*, version: PolicyVersion, by: Actor, replaces: int | None) -> PolicyVersion:
    """Publish a draft as the next number; from then on it is in force and never changes.

    `replaces` is the number of the version that was in force when the changes were looked at
    (None: none was). Raises StaleState when that is no longer so, InvalidInput, NotAllowed.
    """
    with transaction.atomic():
        memberships.require(by=by, workspace_id=version.workspace_id, right=Right.GOVERN)
        Workspace.objects.select_for_update(no_key=True).get(
            pk=version.workspace_id
        )  # one publisher at a time
        row = _locked_draft(version)
        newest = PolicyVersion.objects.newest(row.workspace_id)
        in_force = newest.number if newest else None
        if in_force != replaces:
            message = (
                f"Policy version {in_force} is in force now, and the changes were shown against "
                f"{replaces or 'none'}; look at them again."
            )
            raise StaleState(message)
        sources = row.sources()
        _check(sources)
        last = PolicyVersion.objects.of(row.workspace_id).aggregate(last=Max("number"))["last"]
        fields = {
            "number": (last or 0) + 1,
            "digest": seal(sources),
            "published_at": timezone.now(),
            "published_by_id": int(by.id) if by.kind is ActorKind.PERSON else None,
        }
        lifecycle.move(
            row,
            to=PolicyState.PUBLISHED,
            by=by,
            fields=fields,
            data={
                "number": fields["number"],
                "digest": fields["digest"],
                "changes": changes(newest.sources() if newest else [], sources),
            },
        )
    return row


def discard(*, version: PolicyVersion, by: Actor) -> None:
    """Give up a draft."""
    with transaction.atomic():
        memberships.require(by=by, workspace_id=version.workspace_id, right=Right.GOVERN)
        lifecycle.move(version, to=PolicyState.DISCARDED, by=by)


def _locked_draft(version: PolicyVersion) -> PolicyVersion:
    row = PolicyVersion.objects.locked(version.pk)
    if row.state != PolicyState.DRAFT:
        raise StaleState(f"This policy version is {row.state}, and only a draft can change.")
    return row


def _check(sources: list[RuleSource]) -> None:
    if len(sources) > MAX_RULES:
        raise InvalidInput(
            f"A policy holds at most {MAX_RULES} rules, and this has {len(sources)}."
        )
    seen: set[str] = set()
    for source in sources:
        if source.key in seen:
            raise InvalidInput(f"Two rules have the key {source.key!r}; make keys unique.")
        seen.add(source.key)
        check_rule(source)


def _write(version: PolicyVersion, sources: list[RuleSource]) -> None:
    for position, source in enumerate(sources):
        rule = PolicyRule(
            workspace_id=version.workspace_id,
            policy=version,
            position=position,
            key=source.key,
            scope=source.scope,
            condition=source.condition,
            route=source.route,
            reason=source.reason,
        )
        cleaned(rule)
        rule.save()
