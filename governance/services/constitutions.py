"""Constitutions: draft, publish, discard; and judge an episode by the one in force."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from django.db import transaction
from django.db.models import Max
from django.utils import timezone

from governance import ledger, lifecycle
from governance.domain.actors import Actor, ActorKind
from governance.domain.errors import InvalidInput
from governance.domain.roles import Right
from governance.domain.states import ConstitutionState
from governance.domain.values import Json, require_text
from governance.models import ConstitutionRule, ConstitutionVersion, Workspace
from governance.policy import constitution
from governance.policy.constitution import RuleSource, Segment, Verdict, Work
from governance.services import memberships
from governance.services.validation import cleaned

MAX_RULES = 200


def install(*, workspace: Workspace, by: Actor) -> ConstitutionVersion | None:
    """Publish the default rules where nothing is published; None where something is."""
    with transaction.atomic():
        if ConstitutionVersion.objects.newest(workspace.id) is not None:
            return None
        version = draft(
            workspace=workspace, rules=constitution.DEFAULTS, note="The defaults.", by=by
        )
        return publish(version=version, by=by)


def draft(
    *, workspace: Workspace, rules: Iterable[RuleSource], by: Actor, note: str = ""
) -> ConstitutionVersion:
    """Write a draft with these rules, in order. Raises InvalidInput, NotAllowed."""
    require_text(note, what="note", max_length=2_000)
    sources = _checked(rules)
    with transaction.atomic():
        memberships.require(by=by, workspace_id=workspace.id, right=Right.GOVERN)
        version = ConstitutionVersion(workspace=workspace, note=note)
        lifecycle.begin(version, by=by, data={"rules": len(sources)})
        _write(version, sources)
    return version


def change(
    *, version: ConstitutionVersion, rules: Iterable[RuleSource], note: str, by: Actor
) -> ConstitutionVersion:
    """Put other rules into a draft. Raises InvalidInput, StaleState, NotAllowed."""
    require_text(note, what="note", max_length=2_000)
    sources = _checked(rules)
    with transaction.atomic():
        memberships.require(by=by, workspace_id=version.workspace_id, right=Right.GOVERN)
        row = ConstitutionVersion.objects.locked(version.pk)
        if row.state != ConstitutionState.DRAFT:
            raise InvalidInput(f"This version is {row.state}; write a new draft.")
        row.rules.all().delete()
        _write(row, sources)
        row.note = note
        row.save(update_fields=["note"])
        ledger.append(
            kind="constitution_version.changed",
            by=by,
            workspace_id=row.workspace_id,
            subject_id=row.pk,
            data={"rules": [source.as_json() for source in sources]},
        )
    return row


def publish(*, version: ConstitutionVersion, by: Actor) -> ConstitutionVersion:
    """Put a draft in force: episodes that end from now on are judged by it.

    Raises InvalidInput, StaleState, NotAllowed.
    """
    with transaction.atomic():
        memberships.require(by=by, workspace_id=version.workspace_id, right=Right.GOVERN)
        Workspace.objects.select_for_update(no_key=True).get(pk=version.workspace_id)
        row = ConstitutionVersion.objects.locked(version.pk)
        sources = _checked(sources_of(row))
        published = ConstitutionVersion.objects.of(row.workspace_id)
        last = published.aggregate(last=Max("number"))["last"] or 0
        sealed = constitution.seal(sources)
        lifecycle.move(
            row,
            to=ConstitutionState.PUBLISHED,
            by=by,
            fields={
                "number": last + 1,
                "digest": sealed,
                "published_at": timezone.now(),
                "published_by_id": int(by.id) if by.kind is ActorKind.PERSON else None,
            },
            data={
                "number": last + 1,
                "digest": sealed,
                "rules": [source.as_json() for source in sources],
            },
        )
    return row


def discard(*, version: ConstitutionVersion, by: Actor) -> None:
    """Give a draft up. Raises StaleState, NotAllowed."""
    with transaction.atomic():
        memberships.require(by=by, workspace_id=version.workspace_id, right=Right.GOVERN)
        lifecycle.move(version, to=ConstitutionState.DISCARDED, by=by)


def sources_of(version: ConstitutionVersion) -> list[RuleSource]:
    """Its rules as the pure core takes them, in order."""
    return [
        RuleSource(
            rule.key,
            rule.severity,
            rule.condition,
            rule.reason,
            detector=rule.detector,
            domain=rule.domain,
        )
        for rule in version.rules.all()
    ]


def judge(version: ConstitutionVersion | None, segments: Sequence[Segment], run: Work) -> Verdict:
    """The verdict of a version on an episode; without a version nothing is scored."""
    if version is None:
        return Verdict((), None)
    return constitution.judge(sources_of(version), segments, run)


def _checked(rules: Iterable[RuleSource]) -> list[RuleSource]:
    sources = list(rules)
    if not 1 <= len(sources) <= MAX_RULES:
        raise InvalidInput(f"A constitution has 1 to {MAX_RULES} rules.")
    keys = [source.key for source in sources]
    twice = next((key for key in keys if keys.count(key) > 1), None)
    if twice is not None:
        raise InvalidInput(f"Two rules have the key {twice!r}; give each its own.")
    for source in sources:
        constitution.check_rule(source)
    return sources


def _write(version: ConstitutionVersion, sources: list[RuleSource]) -> None:
    for position, source in enumerate(sources):
        values: dict[str, Json] = dict(source.as_json())
        rule = ConstitutionRule(
            workspace_id=version.workspace_id, constitution=version, position=position, **values
        )
        cleaned(rule)
        rule.save()
