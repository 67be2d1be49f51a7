"""How the tests call commands: as a person would, and with every row counted."""

from __future__ import annotations

import io
import json
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from typing import Any

import pytest
from django.apps import apps
from django.core.management import CommandError, call_command, execute_from_command_line


@dataclass(frozen=True)
class Result:
    """What a command left on its two outputs, and its exit code."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


def run(name: str, *arguments: str) -> Result:
    """Call a command in this process; a CommandError becomes its exit code and message."""
    out, err = io.StringIO(), io.StringIO()
    try:
        call_command(name, *arguments, stdout=out, stderr=err)
    except CommandError as error:
        return Result(error.returncode, out.getvalue(), err.getvalue() + str(error))
    return Result(0, out.getvalue(), err.getvalue())


def typed(*arguments: str) -> Result:
    """What `manage.py` does with these arguments, from the first to the exit, in this process."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err), pytest.raises(SystemExit) as ended:
        execute_from_command_line(["manage.py", *arguments])
    return Result(int(ended.value.code or 0), out.getvalue(), err.getvalue())


def rows() -> dict[str, int]:
    """How many rows every table of ours holds."""
    return {
        model.__name__: model._default_manager.count()
        for model in apps.get_app_config("governance").get_models()
    }


@pytest.fixture
def command(db):
    return run


@pytest.fixture
def refused(db):
    """Call a command that must refuse: exit 1, one sentence that holds `says`, nothing written."""

    def call(says: str, name: str, *arguments: str) -> Result:
        before = rows()
        result = run(name, *arguments)
        assert result.code == 1, result
        assert says in result.err
        assert len(result.err.strip().splitlines()) == 1, result.err
        assert "Traceback" not in result.err
        assert rows() == before
        return result

    return call
