"""What a browser needs on this machine, and whether it is here."""

from __future__ import annotations

import shutil
from importlib.util import find_spec
from pathlib import Path

from django.conf import settings

import governance

NAMES = ("chromium", "chromium-browser", "google-chrome")


def executable() -> str | None:
    """The path of Chromium: GOVERNANCE_BROWSER, or the first found on the PATH; None: none is.

    A path that is given and leads nowhere is not replaced by another.
    """
    names = [settings.GOVERNANCE_BROWSER] if settings.GOVERNANCE_BROWSER else NAMES
    return next((found for name in names if (found := shutil.which(name))), None)


def missing() -> str:
    """What has to be installed before a browser can be run here; empty when nothing."""
    if find_spec("playwright") is None:
        return "Playwright is not installed: pip install -r requirements-browser.txt."
    if executable() is None and settings.GOVERNANCE_BROWSER:
        return f"There is no program at {settings.GOVERNANCE_BROWSER} (GOVERNANCE_BROWSER)."
    if executable() is None:
        return "Chromium is not found: install it, or give its path in GOVERNANCE_BROWSER."
    return ""


def import_paths() -> list[str]:
    """Where another Python finds this application's modules, and Playwright."""
    found = find_spec("playwright")
    beside = Path(found.origin).parent.parent if found and found.origin else None
    folders = [Path(governance.__file__).parent.parent, beside]
    return [str(folder) for folder in folders if folder]
