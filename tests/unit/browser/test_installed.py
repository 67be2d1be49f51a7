"""Whether a browser can be run on this machine, and what to do if not."""

from __future__ import annotations

from pathlib import Path

import pytest

import governance
from governance.browser import installed


@pytest.fixture
def programs(tmp_path, monkeypatch, settings):
    """A PATH with nothing on it but what the test puts there."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(installed, "find_spec", lambda name: object())
    settings.GOVERNANCE_BROWSER = ""

    def add(name):
        (tmp_path / name).write_text("#!/bin/sh\n")
        (tmp_path / name).chmod(0o755)
        return str(tmp_path / name)

    return add


def test_the_first_that_is_found(programs):
    assert installed.executable() is None
    assert "GOVERNANCE_BROWSER" in installed.missing()
    chrome = programs("google-chrome")
    assert installed.executable() == chrome
    assert installed.missing() == ""
    chromium = programs("chromium")
    assert installed.executable() == chromium


def test_a_path_that_is_given_is_not_replaced_by_another(programs, settings):
    programs("chromium")
    settings.GOVERNANCE_BROWSER = programs("mine")
    assert installed.executable() == settings.GOVERNANCE_BROWSER
    settings.GOVERNANCE_BROWSER = "/nowhere/chromium"
    assert installed.executable() is None
    assert "no program at /nowhere/chromium" in installed.missing()


def test_without_playwright(programs, monkeypatch):
    programs("chromium")
    monkeypatch.setattr(installed, "find_spec", lambda name: None)
    assert "requirements-browser.txt" in installed.missing()
    assert installed.import_paths() == [str(Path(governance.__file__).parent.parent)]
