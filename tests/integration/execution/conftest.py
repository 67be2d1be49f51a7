"""What the tests of the engine begin with."""

from __future__ import annotations

import pytest

from tests.factories import make_spec


@pytest.fixture
def handle(house, registered):
    """Register a handler: `handle("stamp", function, effect="keyed")`; returns its action type."""

    def register(key, function=None, **values):
        return registered(make_spec(key, handler=function, **values), workspace=house.workspace)

    return register


@pytest.fixture
def seen(handle):
    """What the handler of `show` was given, in order; it returns its params."""
    given = []

    def show(context, params):
        given.append(params)
        return params

    handle("show", show)
    return given
