"""Rules of the house that no linter knows, read from the syntax of the source."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import governance

ROOT = Path(governance.__file__).parent
SOURCES = sorted(
    path for path in ROOT.rglob("*.py") if "migrations" not in path.relative_to(ROOT).parts
)
TREES = {path: ast.parse(path.read_text(encoding="utf-8")) for path in SOURCES}
SERVICES = [path for path in SOURCES if path.parent == ROOT / "services"]


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def every(*kinds: type[ast.AST]) -> Iterator[tuple[Path, ast.AST]]:
    for path, tree in TREES.items():
        for node in ast.walk(tree):
            if isinstance(node, kinds):
                yield path, node


def called(node: ast.Call) -> str:
    """The last part of what is called: `update` in `rows.filter(...).update(...)`."""
    function = node.func
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def keywords(node: ast.Call) -> set[str]:
    return {keyword.arg for keyword in node.keywords if keyword.arg}


def strings(nodes: list[ast.expr]) -> set[str]:
    found = set()
    for node in nodes:
        inner = (child for child in ast.walk(node) if isinstance(child, ast.Constant))
        found |= {child.value for child in inner if isinstance(child.value, str)}
    return found


def test_there_is_something_to_look_at():
    seen = {name(path) for path in SOURCES}
    assert {"lifecycle.py", "gate.py", "services/reviews.py", "domain/states.py"} <= seen
    assert len(SERVICES) > 10


# --- One function writes states -------------------------------------------------------------------

WRITES = {"update", "update_or_create", "aupdate"}
WRITES_FIELDS = {"bulk_update", "save", "bulk_create"}


def writes_state(node: ast.Call) -> bool:
    if called(node) in WRITES:
        defaults = [k.value for k in node.keywords if k.arg in {"defaults", "create_defaults"}]
        return "state" in keywords(node) | strings(defaults)
    if called(node) in WRITES_FIELDS:
        # A new row may name its initial state; a list of fields to write may not name it.
        named = [k.value for k in node.keywords if k.arg in {"fields", "update_fields"}]
        return "state" in strings([*named, *(node.args[1:] if called(node) != "save" else [])])
    return False


def test_only_lifecycle_writes_a_state():
    guilty = {name(path) for path, node in every(ast.Call) if writes_state(node)}
    assert guilty <= {"lifecycle.py"}


def test_only_lifecycle_assigns_a_state():
    guilty = set()
    for path, node in every(ast.Assign, ast.AugAssign, ast.AnnAssign):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        if any(isinstance(t, ast.Attribute) and t.attr == "state" for t in targets):
            guilty.add(name(path))
    assert guilty == {"lifecycle.py"}


def test_state_is_not_written_under_another_name():
    # lifecycle's own {"state": to} and the queries' Q(state=...) are the only forms there are.
    for path, node in every(ast.Call):
        if called(node) == "setattr" and len(node.args) > 1 and name(path) != "lifecycle.py":
            assert "state" not in strings([node.args[1]]), name(path)


SAMPLES = {
    "rows.filter(pk=1).update(state='done')": True,
    "rows.update(version=2, state=x)": True,
    "rows.update_or_create(pk=1, defaults={'state': 'done'})": True,
    "rows.bulk_update(found, ['state'])": True,
    "rows.bulk_update(found, fields=['error', 'state'])": True,
    "row.save(update_fields=['state'])": True,
    "rows.bulk_create([Row(state='initial')])": False,
    "rows.bulk_create(found, update_conflicts=True, update_fields=['state'])": True,
    "rows.filter(state='done').update(error='')": False,
    "row.save(update_fields=['error'])": False,
    "row.save()": False,
}


@pytest.mark.parametrize(("code", "expected"), SAMPLES.items())
def test_the_search_finds_what_it_is_for(code, expected):
    (call,) = [
        node
        for node in ast.walk(ast.parse(code))
        if isinstance(node, ast.Call) and called(node) in WRITES | WRITES_FIELDS
    ]
    assert writes_state(call) is expected


def test_sql_that_writes_is_only_in_the_guards():
    verbs = ("INSERT INTO", "UPDATE ", "DELETE FROM", "REPLACE INTO", "TRUNCATE ", "DROP ")
    guilty = {
        name(path)
        for path, node in every(ast.Constant)
        if isinstance(node.value, str) and node.value.lstrip().startswith(verbs)
    }
    assert guilty <= {"ledger/guards.py"}


# --- Imports --------------------------------------------------------------------------------------


def test_no_import_inside_a_function():
    guilty = [
        f"{name(path)}:{inner.lineno}"
        for path, function in every(ast.FunctionDef, ast.AsyncFunctionDef)
        for inner in ast.walk(function)
        if isinstance(inner, ast.Import | ast.ImportFrom)
    ]
    assert guilty == []


def test_no_relative_import():
    guilty = [name(path) for path, node in every(ast.ImportFrom) if node.level]
    assert guilty == []


def imported(part: str) -> set[tuple[str, str]]:
    """What the modules of one part import: module and name."""
    found = set()
    for path, node in every(ast.Import, ast.ImportFrom):
        if ROOT / part in path.parents:
            module = node.module if isinstance(node, ast.ImportFrom) else None
            found |= {(module or alias.name, alias.name) for alias in node.names}
    return found


def test_domain_takes_nothing_from_django_but_choices():
    from_django = {(m, n) for m, n in imported("domain") if m.split(".")[0] == "django"}
    assert from_django == {
        ("django.db.models", "TextChoices"),
        ("django.db.models", "IntegerChoices"),
    }


def test_domain_imports_nothing_from_the_rest():
    own = {m for m, _ in imported("domain") if m.split(".")[0] == "governance"}
    assert all(module.startswith("governance.domain") for module in own)


def test_policy_imports_domain_and_no_django():
    modules = {module for module, _ in imported("policy")}
    assert not any(module.split(".")[0] == "django" for module in modules)
    own = {module for module in modules if module.split(".")[0] == "governance"}
    assert own
    assert all(m.startswith(("governance.domain", "governance.policy")) for m in own)


def test_no_signals():
    guilty = [
        name(path)
        for path, node in every(ast.ImportFrom)
        if node.module in {"django.dispatch", "django.db.models.signals"}
    ]
    assert guilty == []


# --- Services -------------------------------------------------------------------------------------

WRITING_CALLS = {
    "append",  # to the ledger
    "atomic",
    "begin",
    "bulk_create",
    "bulk_update",
    "claim_next",
    "create",
    "delete",
    "move",
    "save",
    "sweep",
    "update_or_create",
}
EXCEPTIONS = {
    "executions.py: settle",  # called back by the engine: execution and actor, in their places
    "device_commands.py: report",  # the device is who does it, and whose word it is
    "demos.py: build",  # a story that plays every part itself
    "watching.py: append",  # an event says by itself who did it
}


def public_functions() -> Iterator[tuple[Path, ast.FunctionDef]]:
    for path in SERVICES:
        for node in TREES[path].body:
            if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
                yield path, node


def writes(function: ast.FunctionDef) -> bool:
    return any(
        isinstance(node, ast.Call)
        and called(node) in WRITING_CALLS
        # `found.append(...)` on a list is no entry in the ledger
        and not (called(node) == "append" and "ledger" not in ast.unparse(node.func))
        for node in ast.walk(function)
    )


def by_of(function: ast.FunctionDef) -> tuple[bool, bool]:
    """Whether `by` is keyword-only, and whether it is required."""
    given = dict(
        zip((a.arg for a in function.args.kwonlyargs), function.args.kw_defaults, strict=True)
    )
    return "by" in given, given.get("by") is None


def test_every_public_verb_that_writes_requires_by_as_a_keyword():
    writers = [(path, node) for path, node in public_functions() if writes(node)]
    assert len(writers) > 25
    guilty = {f"{path.name}: {node.name}" for path, node in writers if by_of(node) != (True, True)}
    assert guilty <= EXCEPTIONS


def test_by_never_has_a_default_and_is_an_actor():
    for path, node in public_functions():
        for argument in [*node.args.args, *node.args.kwonlyargs]:
            if argument.arg == "by":
                assert ast.unparse(argument.annotation) == "Actor", f"{name(path)}: {node.name}"
        has, required = by_of(node)
        assert required or not has, f"{name(path)}: {node.name}"


# --- Size -----------------------------------------------------------------------------------------


def test_no_function_is_longer_than_sixty_lines():
    guilty = [
        f"{name(path)}: {node.name} ({node.end_lineno - node.lineno + 1})"
        for path, node in every(ast.FunctionDef, ast.AsyncFunctionDef)
        if node.end_lineno - node.lineno + 1 > 60
    ]
    assert guilty == []


@pytest.mark.parametrize("path", SOURCES, ids=name)
def test_no_file_is_longer_than_about_four_hundred_lines(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 420
