"""Agents that are Python classes in this process. They run with its rights: trusted code only."""

from __future__ import annotations

import copy
import importlib
from collections.abc import Mapping
from dataclasses import dataclass

from governance.domain.errors import InvalidInput
from governance.domain.values import Json
from governance.runtimes.base import AgentProgram, Finished, Task, Tools, checked


@dataclass(frozen=True, slots=True)
class InProcess:
    """A program and the configuration each of its instances is given."""

    program: type[AgentProgram]
    configuration: Mapping[str, Json]

    def run(self, task: Task, tools: Tools) -> Finished:
        """Run a new instance. Raises Misbehaved, and whatever the program raises."""
        program = self.program(copy.deepcopy(dict(self.configuration)))
        return Finished(succeeded=True, output=checked(program.run(task, tools)))


def load(module_path: str, class_name: str) -> type[AgentProgram]:
    """The named class. Raises InvalidInput saying what to put right."""
    names = [*module_path.split("."), class_name]
    if not all(name.isidentifier() for name in names):
        raise InvalidInput(
            f"{module_path!r} and {class_name!r} do not name a class: write the module as in "
            "package.module, and the class by its name."
        )
    try:
        module = importlib.import_module(module_path)
    except Exception as error:
        # Importing runs the module, which may raise anything; its text may hold anything as well.
        raise InvalidInput(
            f"The module {module_path} does not import here ({_why(error)}): install it where "
            "the workers run, or correct the agent's module_path."
        ) from error
    found = getattr(module, class_name, None)
    if not (isinstance(found, type) and issubclass(found, AgentProgram)):
        raise InvalidInput(
            f"{module_path} has no class {class_name} that is an AgentProgram: derive it from "
            "governance.runtimes.base.AgentProgram, or correct the agent's class_name."
        )
    if getattr(found, "__abstractmethods__", None):
        raise InvalidInput(f"{module_path}.{class_name} does not define `run`.")
    return found


def _why(error: Exception) -> str:
    named = isinstance(error, ModuleNotFoundError) and error.name
    return f"there is no module {error.name}" if named else f"it raised {type(error).__name__}"  # type: ignore[attr-defined]
