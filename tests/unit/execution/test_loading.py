"""Handlers that do not import: said by the system check, and no task is run without them."""

from __future__ import annotations

import importlib

import pytest
from django.core import checks as django_checks
from django.core.exceptions import ImproperlyConfigured

from governance import checks, tasks
from governance.execution import loading

BROKEN = '"""Handlers."""\n\nimport nothing_of_this_name\n'


@pytest.fixture
def house_of_handlers(tmp_path, monkeypatch):
    """Make a package with handlers of this text; the check knows of no other broken ones."""

    def make(name: str, text: str | None) -> str:
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").touch()
        if text is not None:
            (tmp_path / name / "handlers.py").write_text(text)
        importlib.invalidate_caches()
        return f"{name}.handlers"

    monkeypatch.setattr(loading, "_BROKEN", {})
    monkeypatch.syspath_prepend(tmp_path)
    return make


@pytest.mark.parametrize("text", [None, "", "fine = True\n"])
def test_handlers_that_import_or_are_not_there_are_no_error(house_of_handlers, text):
    loading.load(house_of_handlers(f"whole_{len(text or 'none')}", text))
    assert loading.broken() == {}
    assert checks.handlers_import(None) == []
    loading.require_whole()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (BROKEN, "ModuleNotFoundError: No module named 'nothing_of_this_name'"),
        ("\n\nraise RuntimeError('no key')\n", "RuntimeError: no key"),
    ],
)
def test_handlers_that_do_not_import_are_an_error_with_the_line(house_of_handlers, text, says):
    name = f"broken_{len(text)}"
    loading.load(house_of_handlers(name, text))
    [error] = checks.handlers_import(None)
    assert (error.id, error.is_serious()) == ("governance.E006", True)
    assert error.msg.startswith(f"The handlers in {name}.handlers do not import: {says} (")
    assert error.msg.endswith(f"{name}/handlers.py, line 3).")
    assert "INSTALLED_APPS" in error.hint


@pytest.mark.django_db
def test_django_runs_the_check(house_of_handlers):
    loading.load(house_of_handlers("broken_check", BROKEN))
    assert "governance.E006" in [message.id for message in django_checks.run_checks()]


def test_no_task_is_run_without_some_of_the_handlers(house_of_handlers):
    loading.load(house_of_handlers("broken_task", BROKEN))
    with pytest.raises(ImproperlyConfigured, match=r"broken_task\.handlers do not import"):
        importlib.reload(tasks)
