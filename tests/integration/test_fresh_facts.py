"""Rules see a run and a trigger the same way, fresh from the service or read from the database."""

from __future__ import annotations

import pytest

from governance.models import Run
from governance.policy.rules import RuleSource
from governance.services import actions

CONDITIONS = [
    'run.kind == "live" && run.state == "running" && run.maturity == "autonomous"',
    'trigger.source == "manual"',
]


@pytest.mark.parametrize("condition", CONDITIONS)
@pytest.mark.parametrize("read_again", [False, True])
def test_a_rule_about_the_run_is_evaluated(house, condition, read_again):
    house.action_type("note_write", complexity=1)
    house.publish(RuleSource("live-notes", "note_write", condition, "proposal", "because"))
    run = house.run("autonomous")
    if read_again:
        run = Run.objects.get(pk=run.pk)
    answer = actions.request(run=run, action_type="note_write", params={}, by=run.agent.actor)
    assert answer.decision is not None
    assert [match["error"] for match in answer.decision.matched_rules] == [""]
