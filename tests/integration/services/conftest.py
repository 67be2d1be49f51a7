"""What the tests of agents' runs begin with."""

from __future__ import annotations

import pytest

from governance.domain.words import Complexity, Effect, Mode
from tests.factories import make_spec


@pytest.fixture
def things(house, registered):
    """An action type of each kind, carried out by handlers that echo their params."""
    for name, complexity in (
        ("read", Complexity.READ),
        ("change", Complexity.CHANGE),
        ("burn", Complexity.IRREVERSIBLE),
    ):
        spec = make_spec(f"thing_{name}", complexity=complexity)
        registered(spec, workspace=house.workspace)
    house.action_type("thing_do", complexity=1, mode=Mode.AGENT, effect=Effect.UNKEYED)
    return house


@pytest.fixture
def agent_of(house):
    def make(class_name, maturity="autonomous", **values):
        values = {"module_path": "tests.agents", "class_name": class_name, **values}
        return house.agent(maturity, **values)

    return make
