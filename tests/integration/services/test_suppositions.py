"""What if: the last decisions of an agent again, the worst action types first."""

from __future__ import annotations

import pytest

from governance.domain.errors import InvalidInput
from governance.domain.words import Maturity
from governance.models import Decision, LedgerEntry
from governance.services import actions, policies, suppositions
from tests.factories import BY_SYSTEM, House, RunFactory, rule

pytestmark = pytest.mark.django_db


@pytest.fixture
def run(house):
    """An intern's: 3 payments proposed, 2 refused by a rule, 1 reading."""
    house.action_type("pay", complexity=3)
    house.action_type("wipe", complexity=4)
    house.action_type("look", complexity=1)
    house.publish(rule("too-much", scope="pay", condition="params.n > 500", route="denied"))
    found = RunFactory(agent=house.agent("intern"))
    for key, n in [("pay", 1), ("pay", 2), ("pay", 3), ("pay", 600), ("pay", 700), ("look", 1)]:
        actions.request(run=found, action_type=key, params={"n": n}, by=found.agent.actor)
    actions.request(run=found, action_type="wipe", params={}, by=found.agent.actor)
    return found


def told(found):
    return [(one.action_type, one.decisions, one.alone, dict(one.after)) for one in found]


def test_another_maturity(run):
    found = suppositions.suppose(agent=run.agent, maturity=Maturity.AUTONOMOUS)
    assert told(found) == [
        ("pay", 5, 3, {"execution": 3, "denied": 2}),
        ("wipe", 1, 1, {"execution": 1}),
        ("look", 1, 0, {"execution": 1}),
    ]
    assert dict(found[0].before) == {"proposal": 3, "denied": 2}
    lower = suppositions.suppose(agent=run.agent, maturity=Maturity.STUDENT)
    assert {one.action_type: dict(one.after) for one in lower}["pay"] == {
        "training": 3,
        "denied": 2,
    }


def test_nothing_is_written(run):
    before = Decision.objects.count(), LedgerEntry.objects.count()
    suppositions.suppose(agent=run.agent, maturity=Maturity.AUTONOMOUS)
    assert (Decision.objects.count(), LedgerEntry.objects.count()) == before


def test_a_draft_of_the_policy(house, run):
    draft = policies.draft(workspace=house.workspace, by=BY_SYSTEM, note="")
    strict = [rule("no-pay", scope="pay", route="denied")]
    policies.set_rules(version=draft, rules=strict, by=BY_SYSTEM)
    found = suppositions.suppose(agent=run.agent, policy=draft)
    assert {one.action_type: dict(one.after) for one in found}["pay"] == {"denied": 5}


def test_only_the_last(run):
    found = suppositions.suppose(agent=run.agent, maturity=Maturity.AUTONOMOUS, last=2)
    assert [one.action_type for one in found] == ["wipe", "look"]


@pytest.mark.parametrize("last", [0, -1, 10_001])
def test_how_many(run, last):
    with pytest.raises(InvalidInput, match="Between 1 and 10,000"):
        suppositions.suppose(agent=run.agent, last=last)


def test_not_by_the_policy_of_others(run):
    other = House.build()
    draft = policies.draft(workspace=other.workspace, by=BY_SYSTEM, note="")
    with pytest.raises(InvalidInput, match="another workspace"):
        suppositions.suppose(agent=run.agent, policy=draft)
