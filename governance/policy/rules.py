"""A policy version, compiled: for each action type, only the rules that can touch it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase

from governance.domain.errors import InvalidInput
from governance.domain.values import digest
from governance.domain.words import Route
from governance.policy.conditions import Condition, Facts, check_members

SCOPE = re.compile(r"[a-z0-9_.*?-]+")
"""What may stand in a scope: the characters of action-type keys, and two wildcards."""

TIGHTENING = (Route.SUPERVISION, Route.PROPOSAL, Route.TRAINING, Route.DENIED)
"""The routes a rule may name: rules only tighten."""


@dataclass(frozen=True, slots=True)
class RuleSource:
    """A rule as a governor writes it. `scope` is a glob over action-type keys."""

    key: str
    scope: str
    condition: str
    route: str
    reason: str

    def as_json(self) -> dict[str, str]:
        """For digests, diffs and the ledger."""
        return {
            "key": self.key,
            "scope": self.scope,
            "condition": self.condition,
            "route": self.route,
            "reason": self.reason,
        }


@dataclass(frozen=True, slots=True)
class Match:
    """A rule that matched. `error` is set when it matched because it could not be evaluated."""

    rule: str
    route: Route
    reason: str
    error: str = ""

    def as_json(self) -> dict[str, str]:
        """For Decision rows and the ledger."""
        return {
            "rule": self.rule,
            "route": self.route.value,
            "reason": self.reason,
            "error": self.error,
        }


@dataclass(frozen=True, slots=True)
class Rule:
    """A compiled rule. Without a condition (one that no longer compiles) it always matches."""

    key: str
    scope: str
    condition: Condition | None
    route: Route
    reason: str

    def match(self, facts: Facts) -> Match | None:
        """The match, if any; a condition that fails to evaluate counts as matched."""
        if self.condition is None:
            return Match(self.key, self.route, self.reason, "the condition does not compile")
        outcome = self.condition.evaluate(facts)
        if outcome.true or outcome.error:
            return Match(self.key, self.route, self.reason, outcome.error)
        return None


class CompiledPolicy:
    """One immutable policy version, safe to cache by its id and to share between threads."""

    def __init__(self, *, id: str, number: int, rules: Iterable[RuleSource]) -> None:  # noqa: A002
        self.id = id
        self.number = number
        self._rules = tuple(_compile(source) for source in rules)
        self._by_action: dict[str, tuple[Rule, ...]] = {}

    def rules_for(self, action_type: str) -> tuple[Rule, ...]:
        """The rules whose scope covers this action type, in the version's order."""
        rules = self._by_action.get(action_type)
        if rules is None:
            rules = tuple(rule for rule in self._rules if fnmatchcase(action_type, rule.scope))
            self._by_action[action_type] = rules
        return rules


def check_rule(source: RuleSource) -> None:
    """Raise InvalidInput, naming the rule, unless it can be published as it is."""
    if source.route not in TIGHTENING:
        allowed = ", ".join(TIGHTENING)
        raise InvalidInput(f"Rule {source.key}: the route must be one of {allowed}.")
    if not SCOPE.fullmatch(source.scope):
        raise InvalidInput(
            f"Rule {source.key}: the scope can match no action type; use a-z, 0-9, _ . - and the "
            "wildcards * and ?."
        )
    try:
        check_members(source.condition)
        Condition(source.condition)
    except InvalidInput as error:
        raise InvalidInput(f"Rule {source.key}: {error}") from error


def seal(sources: Iterable[RuleSource]) -> str:
    """The digest (SHA-256) a version is published with, over its rules in order."""
    return digest([source.as_json() for source in sources], what="policy")


def changes(old: Iterable[RuleSource], new: Iterable[RuleSource]) -> list[dict[str, object]]:
    """What publishing `new` over `old` changes: `{"rule", "change", "before", "after"}`, by key."""
    before, after = ({rule.key: rule.as_json() for rule in rules} for rules in (old, new))
    found: list[dict[str, object]] = []
    for key in sorted(before.keys() | after.keys()):
        if before.get(key) == after.get(key):
            continue
        change = "changed" if key in before and key in after else "added"
        found.append(
            {
                "rule": key,
                "change": "removed" if key not in after else change,
                "before": before.get(key),
                "after": after.get(key),
            }
        )
    return found


def _compile(source: RuleSource) -> Rule:
    try:
        condition, route = Condition(source.condition), Route(source.route)
    except (InvalidInput, ValueError):
        # Only a row changed behind our back gets here; it tightens all the way.
        condition, route = None, Route.DENIED
    return Rule(source.key, source.scope, condition, route, source.reason)
