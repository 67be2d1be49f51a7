"""Action types, and temporary handlers for them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import factory

from governance.domain.words import Complexity, Effect, Mode, Reversibility
from governance.execution import registry
from governance.execution.registry import ActionSpec
from governance.models import ActionType, Workspace
from governance.services import action_types
from tests.factories.base import ServiceFactory
from tests.factories.people import BY_SYSTEM

ANY_PARAMS = {"type": "object"}


class ActionTypeFactory(ServiceFactory):
    """In agent mode, complexity 3, any params: an intern has to propose it."""

    class Meta:
        model = ActionType

    workspace = factory.SubFactory("tests.factories.workspaces.WorkspaceFactory")
    key = factory.Sequence(lambda n: f"act_{n}")

    @classmethod
    def make(cls, *, workspace, key, by=BY_SYSTEM, **values):
        # An unknown keyword raises InvalidInput in the service.
        values = {
            "title": key.replace("_", " ").capitalize(),
            "complexity": Complexity.CHANGE,
            "reversibility": Reversibility.REVERSIBLE,
            "mode": Mode.AGENT,
            "effect": Effect.UNKEYED,
            "params_schema": ANY_PARAMS,
            **values,
        }
        action_types.define(workspace=workspace, key=key, values=values, by=by)
        return ActionType.objects.get(workspace=workspace, key=key)


def make_spec(key: str = "test_action", *, handler=None, **values: Any) -> ActionSpec:
    """What a handler says of itself; by default local, complexity 3, and it echoes its params."""
    values = {
        "title": key.replace("_", " ").capitalize(),
        "description": "A handler of the tests.",
        "complexity": Complexity.CHANGE,
        "reversibility": Reversibility.REVERSIBLE,
        "effect": Effect.LOCAL,
        "params_schema": ANY_PARAMS,
        **values,
    }
    return ActionSpec(key=key, handler=handler or (lambda context, params: params), **values)


@contextmanager
def registered_handler(
    spec: ActionSpec, *, workspace: Workspace | None = None
) -> Iterator[ActionType | None]:
    """Register a handler for a while, and define its action type in the workspace, if given."""
    registry.register(spec)
    try:
        if workspace is None:
            yield None
        else:
            action_types.install_builtin(workspace=workspace, by=BY_SYSTEM)
            yield ActionType.objects.get(workspace=workspace, key=spec.key)
    finally:
        registry.unregister(spec.key)
