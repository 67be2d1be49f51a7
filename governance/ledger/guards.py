"""Triggers in the database itself: what is recorded or published refuses to change.

They stop accidents and ordinary code, not the database's owner; against that, see the ledger's
checkpoints.
"""

from __future__ import annotations

from django.db.backends.base.base import BaseDatabaseWrapper

LEDGER = "governance_ledgerentry"
POLICY = "governance_policyversion"
RULE = "governance_policyrule"

_LEDGER_SAYS = "the ledger is append-only"
_POLICY_SAYS = "a published policy version does not change"
_PUBLISHED_RULE = (
    f"EXISTS (SELECT 1 FROM {POLICY} p WHERE p.id = {{row}}.policy_id AND p.state = 'published')"  # noqa: S608  constants only
)
_PUBLISHED_EITHER = f"{_PUBLISHED_RULE.format(row='OLD')} OR {_PUBLISHED_RULE.format(row='NEW')}"

GUARDS = {
    "ledger_no_update": (LEDGER, "UPDATE", "", _LEDGER_SAYS),
    "ledger_no_delete": (LEDGER, "DELETE", "", _LEDGER_SAYS),
    "policy_no_update": (POLICY, "UPDATE", "OLD.state = 'published'", _POLICY_SAYS),
    "policy_no_delete": (POLICY, "DELETE", "OLD.state = 'published'", _POLICY_SAYS),
    "rule_no_insert": (RULE, "INSERT", _PUBLISHED_RULE.format(row="NEW"), _POLICY_SAYS),
    "rule_no_update": (RULE, "UPDATE", _PUBLISHED_EITHER, _POLICY_SAYS),
    "rule_no_delete": (RULE, "DELETE", _PUBLISHED_RULE.format(row="OLD"), _POLICY_SAYS),
}
"""Name: table, operation, condition (empty: always), what the error says."""


def install(connection: BaseDatabaseWrapper) -> None:
    """Create every guard. Raises NotSupportedError on a database we have no triggers for."""
    create = {"sqlite": _sqlite, "postgresql": _postgresql}[connection.vendor]
    with connection.cursor() as cursor:
        for name, (table, operation, condition, says) in GUARDS.items():
            for statement in create(name, table, operation, condition, says):
                cursor.execute(statement)


def remove(connection: BaseDatabaseWrapper) -> None:
    """Drop every guard; migrations backwards and test tear-downs need it."""
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            for name in GUARDS:
                cursor.execute(f"DROP TRIGGER IF EXISTS {name}")
            return
        for name, (table, *_) in GUARDS.items():
            for each in {name, _no_truncate(name)}:
                cursor.execute(f"DROP TRIGGER IF EXISTS {each} ON {table}")
                cursor.execute(f"DROP FUNCTION IF EXISTS {each}()")


def _sqlite(name: str, table: str, operation: str, condition: str, says: str) -> list[str]:
    when = f"WHEN {condition}" if condition else ""
    body = f"BEGIN SELECT RAISE(ABORT, '{says}'); END"
    return [f"CREATE TRIGGER {name} BEFORE {operation} ON {table} {when} {body}"]


def _postgresql(name: str, table: str, operation: str, condition: str, says: str) -> list[str]:
    # A WHEN clause may not hold a subquery here, so the condition is tested in the function.
    row = "OLD" if operation == "DELETE" else "NEW"
    body = f"IF {condition or 'TRUE'} THEN {_raise(says)} END IF; RETURN {row};"
    events = f"BEFORE {operation} ON {table} FOR EACH ROW"
    found = _function_and_trigger(name, body=body, events=events)
    if operation == "DELETE":  # TRUNCATE deletes rows without saying so to their triggers
        events = f"BEFORE TRUNCATE ON {table} FOR EACH STATEMENT"
        found += _function_and_trigger(_no_truncate(name), body=_raise(says), events=events)
    return found


def _no_truncate(name: str) -> str:
    return name.replace("_no_delete", "_no_truncate")


def _raise(says: str) -> str:
    return f"RAISE EXCEPTION '{says}' USING ERRCODE = '23001';"


def _function_and_trigger(name: str, *, body: str, events: str) -> list[str]:
    return [
        f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {body} END $$",
        f"CREATE TRIGGER {name} {events} EXECUTE FUNCTION {name}()",
    ]
