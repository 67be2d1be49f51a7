"""Loading handlers: every installed application's, and which of them do not import.

Used before there are models, so it knows none.
"""

from __future__ import annotations

import importlib.util
import traceback
from importlib import import_module

from django.core.exceptions import ImproperlyConfigured

_BROKEN: dict[str, str] = {}


def load(module: str) -> None:
    """Import a handlers module, if it exists; remember the error, the file and the line."""
    if importlib.util.find_spec(module) is None:
        return
    try:
        import_module(module)
    except Exception as error:  # noqa: BLE001  whatever a module raises is its author's to mend
        frames = [
            frame
            for frame in traceback.extract_tb(error.__traceback__)
            if "importlib" not in frame.filename and frame.filename != __file__
        ]
        where = f" ({frames[-1].filename}, line {frames[-1].lineno})" if frames else ""
        _BROKEN[module] = f"{type(error).__name__}: {error}{where}"


def broken() -> dict[str, str]:
    """The handlers modules that did not import, and why."""
    return dict(_BROKEN)


def require_whole() -> None:
    """Raise ImproperlyConfigured while a handlers module does not import.

    A worker without some of its handlers would fail whatever they are for.
    """
    for module, why in _BROKEN.items():
        raise ImproperlyConfigured(f"The handlers in {module} do not import: {why}.")
