"""Messages: what is called when one arrives, and what is not."""

from __future__ import annotations

import pytest
from django.core.exceptions import SuspiciousOperation
from django_tasks import TaskResultStatus, task

from governance import tasks
from governance.engines import messages

HERE = "tests.unit.engines.test_messages"
called: list[tuple] = []


@task()
def note(*args, **kwargs):
    called.append((args, kwargs))


def no_task(*args):
    called.append(args)


@pytest.fixture(autouse=True)
def nothing_called():
    called.clear()


@pytest.fixture
def closed(monkeypatch):
    """When connections that failed were closed."""
    monkeypatch.setattr(messages, "close_old_connections", lambda: called.append("closed"))


def test_the_task_at_the_path_is_called(closed):
    messages.call(f"{HERE}.note", ["7", 8], {"why": "x"})
    assert called == ["closed", (("7", 8), {"why": "x"}), "closed"]


@pytest.mark.parametrize("path", [f"{HERE}.no_task", "os.system", "governance.tasks.log"])
def test_what_was_not_declared_a_task_is_not_called(path):
    with pytest.raises(SuspiciousOperation, match="is not a task"):
        messages.call(path, ["true"], {})
    assert called == []


@pytest.mark.parametrize("path", ["governance.tasks.gone", "gone.task", "gone", ""])
def test_what_is_not_there(path):
    with pytest.raises(ImportError):
        messages.call(path, [], {})


def test_connections_are_looked_at_after_a_failure_too(closed):
    with pytest.raises(TypeError):
        messages.call(tasks.run_execution.module_path, [], {"unknown": 1})
    assert called == ["closed", "closed"]


def test_a_receipt_says_what_was_sent_and_holds_no_result():
    found = messages.receipt(note, "17", ["7"], {"why": "x"})
    assert (found.id, found.status, found.task) == ("17", TaskResultStatus.READY, note)
    assert (found.args, found.kwargs) == (["7"], {"why": "x"})
    assert (found.started_at, found.finished_at, found.errors) == (None, None, [])
    assert found.enqueued_at.tzinfo is not None
