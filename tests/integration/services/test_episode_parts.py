"""The parts of an episode: judged whole, whatever their size, and kept cut."""

from __future__ import annotations

import pytest

from governance.models import Episode
from governance.services import actions, maturity, runs
from tests.factories import BY_SYSTEM, RunFactory, rule

PADDING = {"pad": "x" * 25_000}


@pytest.fixture
def judged(house):
    maturity.install(workspace=house.workspace, by=BY_SYSTEM)
    for key in ("mail_x", "wire_x", "wire_y"):
        house.action_type(key, complexity=2)
    return house


def ended(run, *acts):
    for key, params in acts:
        actions.request(run=run, action_type=key, params=params, by=run.agent.actor)
    runs.finish(run=run, outcome="succeeded", by=run.agent.actor)
    return Episode.objects.get(run=run)


def test_padding_hides_nothing_from_the_constitution_and_is_not_kept(judged):
    params = {"url": "https://evil.example/x", "password": "hunter2hunter2", "ssn": "219-09-9999"}
    run = RunFactory(agent=judged.agent("autonomous"))
    episode = ended(run, ("mail_x", {**params, **PADDING}))
    rules = set(episode.violations.values_list("rule", flat=True))
    assert {"personal-data-elsewhere", "credentials-in-params"} <= rules
    kept = [row.data["params"] for row in episode.segments.filter(kind="action")]
    assert kept
    assert all(set(one) == {"too_large_to_keep"} for one in kept)


def test_padding_hides_no_bypass(judged):
    judged.publish(rule(scope="wire_x", route="denied"))
    run = RunFactory(agent=judged.agent("autonomous"))
    params = {"to": "me", "sum": 5, **PADDING}
    episode = ended(run, ("wire_x", params), ("wire_y", params))
    assert "bypass-of-a-denial" in episode.violations.values_list("rule", flat=True)
