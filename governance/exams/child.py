"""The first lines of a process in which a program is examined. Run as a script, never imported.

It is started with `python -I`, so nothing of ours is on its path: the plan it reads says which
packages there are, and where. The rest is in `inside`.
"""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.util
import json
import os
import sys
from collections.abc import Mapping, Sequence
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import IO, Any

MAX_PLAN = 4_000_000
BEFORE_PATHS = 2
"""Where in sys.meta_path: after what is built in, before what is found along sys.path."""


class Packages(importlib.abc.MetaPathFinder):
    """Finds the packages and modules of the plan where it says they are, and none beside them."""

    def __init__(self, places: Mapping[str, str]) -> None:
        self._places = places

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None,
        target: ModuleType | None = None,  # noqa: ARG002  the protocol's signature
    ) -> ModuleSpec | None:
        """Only what is not inside another package."""
        place = self._places.get(fullname) if path is None else None
        if place is None:
            return None
        if not Path(place).is_dir():
            return importlib.util.spec_from_file_location(fullname, place)
        first = Path(place) / "__init__.py"
        if first.exists():
            return importlib.util.spec_from_file_location(
                fullname, first, submodule_search_locations=[place]
            )
        bare = ModuleSpec(fullname, None, is_package=True)  # a namespace package
        bare.submodule_search_locations = [place]
        return bare


def main() -> None:
    """Read the plan, make its packages importable, and do what it says."""
    incoming, outgoing = os.fdopen(os.dup(0), "rb"), os.dup(1)
    silence = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):  # what a program prints is no answer of its
        os.dup2(silence, descriptor)
    try:
        inside = _prepared(incoming)
    except Exception as error:  # noqa: BLE001  ours, and told to whoever started it
        os.write(outgoing, json.dumps({"broken": repr(error)[:2_000]}).encode() + b"\n")
        sys.exit(1)
    inside(incoming, outgoing)


def _prepared(incoming: IO[bytes]) -> Any:
    plan = json.loads(incoming.readline(MAX_PLAN))
    sys.meta_path.insert(BEFORE_PATHS, Packages(plan["packages"]))
    sys.path += [place for place in plan["path"] if place not in sys.path]
    return importlib.import_module("governance.exams.inside").prepared(plan)


if __name__ == "__main__":
    main()
