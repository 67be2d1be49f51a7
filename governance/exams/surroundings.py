"""Surroundings: what a program that is examined is made of, and so may read. Nothing else is there.

What may be imported here may be imported there, but for the settings, and of this application but
for what programs are written against.
"""

from __future__ import annotations

import contextlib
import importlib.util
import sys
import sysconfig
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import governance

OURS = "governance"
OPEN_PARTS = ("domain", "policy", "runtimes")
"""What of this application a program may import: what it is written against."""

SYSTEM = (
    "/lib",
    "/lib64",
    "/usr/lib",
    "/usr/lib64",
    "/usr/local/lib",
    "/usr/share/zoneinfo",
    "/etc/ld.so.cache",
    "/etc/localtime",
    "/etc/mime.types",
    "/etc/os-release",
)
"""Libraries and tables of the machine, in which there are no secrets."""

MODULE_FILES = frozenset({".py", ".so"})


@dataclass(frozen=True, slots=True)
class Surroundings:
    """`packages`: where the packages and modules are that are not installed, by their names.

    `path`: where the installed ones are. `readable`: files, and folders with all in them.
    `listable`: folders of which the names may be seen. `hidden`: modules that may not be imported.
    """

    packages: dict[str, str]
    path: tuple[str, ...]
    readable: tuple[str, ...]
    listable: tuple[str, ...]
    hidden: tuple[str, ...]


def of_program(
    module_path: str, *, project: Collection[str], private: Collection[Path]
) -> Surroundings:
    """What the program of `module_path` is made of, without what is private.

    `project`: the modules that make an application of it all, such as its settings. They are not
    there, nor is the package they are in, unless the program is in it too.
    """
    installed = tuple(_installed())
    packages = dict(_packages(installed)) | _own(_package_of(module_path), installed)
    hidden = {*project, *(_package_of(each) for each in project)} - {_package_of(module_path)}
    packages = {name: place for name, place in packages.items() if name not in hidden}
    ours = Path(governance.__file__).parent
    packages[OURS] = str(ours)
    others = [Path(place) for name, place in packages.items() if name != OURS]
    open_parts = [ours / "__init__.py", *(ours / part for part in OPEN_PARTS)]
    everything = [*map(Path, (*installed, *SYSTEM)), *others, *open_parts]
    everything = [path for path in everything if path.exists()]
    files = [file for module in project for file in _files_of(module)]
    readable, listable = _carved(everything, {path.resolve() for path in [*private, *files]})
    return Surroundings(
        packages=packages,
        path=installed,
        readable=tuple(readable),
        listable=(*listable, str(ours)),
        hidden=(*sorted(hidden), *_closed_parts(ours)),
    )


def _package_of(module: str) -> str:
    return module.partition(".")[0]


def _closed_parts(ours: Path) -> list[str]:
    names = {found.stem for found in ours.iterdir() if not found.name.startswith("_")}
    return sorted(f"{OURS}.{name}" for name in names - set(OPEN_PARTS))


def _installed() -> Iterator[str]:
    """Where the standard library and installed packages are, of those on the path here."""
    roots = [Path(sys.prefix).resolve() / "lib", Path(sys.base_prefix).resolve() / "lib"]
    roots += [Path(place).resolve() for place in sysconfig.get_paths().values()]
    for entry in sys.path:
        place = Path(entry).resolve()
        if entry and place.is_dir() and any(place.is_relative_to(root) for root in roots):
            yield str(place)


def _packages(installed: Sequence[str]) -> Iterator[tuple[str, str]]:
    """What can be imported from elsewhere along the path: the first of a name, as in any import."""
    seen: set[str] = set()
    for entry in sys.path:
        place = Path(entry or ".").resolve()
        if str(place) in installed or not place.is_dir():
            continue
        for found in sorted(place.iterdir()):
            name = found.name.split(".")[0]
            if name not in seen and name.isidentifier() and _importable(found):
                seen.add(name)
                yield name, str(found)


def _own(package: str, installed: Sequence[str]) -> dict[str, str]:
    """Where the program's own package is, however it is found here; nothing, if it is installed."""
    spec = None
    with contextlib.suppress(ImportError, ValueError):  # ValueError: it has no spec, or no name
        spec = importlib.util.find_spec(package)
    if spec is None:
        return {}
    place = next(iter(spec.submodule_search_locations or ()), spec.origin or "")
    there = Path(place).resolve()
    inside = any(there.is_relative_to(root) for root in installed)
    return {} if inside or not there.exists() else {package: str(there)}


def _importable(found: Path) -> bool:
    try:
        if found.is_dir():
            return (found / "__init__.py").is_file()
        return found.suffix in MODULE_FILES and found.is_file()
    except PermissionError:
        return False


def _files_of(module: str) -> list[Path]:
    """A module's source, and what it was compiled to."""
    with contextlib.suppress(ImportError, ValueError):  # ValueError: it has no spec
        spec = importlib.util.find_spec(module)
        if spec is not None and spec.has_location and spec.origin:
            source = Path(spec.origin)
            return [source, *source.parent.glob(f"__pycache__/{source.stem}.*")]
    return []


def _carved(paths: Iterable[Path], closed: Collection[Path]) -> tuple[list[str], list[str]]:
    """The paths without what is closed: a folder that holds such a thing is named part by part."""
    readable: list[str] = []
    listable: list[str] = []
    waiting = [path.resolve() for path in paths]
    while waiting:
        path = waiting.pop()
        if any(path.is_relative_to(each) for each in closed):
            continue
        if any(each.is_relative_to(path) for each in closed):
            listable.append(str(path))
            waiting += path.iterdir()
        else:
            readable.append(str(path))
    return readable, listable
