"""Imports: a conversation counts once, whatever is written beside it."""

from __future__ import annotations

import json

import pytest

from governance.domain.errors import InvalidInput
from governance.models import Episode
from governance.runtimes.recorded import parse_line
from governance.services import imports
from tests.factories import BY_SYSTEM

TALK = [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "done"}]


def taken_in(agent, **members):
    line = json.dumps({"messages": TALK, "reward": 1.0, **members})
    return imports.take_in(parse_line(line), agent=agent, by=BY_SYSTEM)


def test_the_same_conversation_with_another_note_adds_nothing(house):
    agent = house.agent("intern")
    assert taken_in(agent).outcome == "succeeded"
    assert [taken_in(agent, note=number, trial=number) for number in range(3)] == [None] * 3
    assert Episode.objects.filter(agent=agent).count() == 1


@pytest.mark.parametrize("reward", [0.0, 99.0, None])
def test_the_same_conversation_with_another_reward_is_a_contradiction(house, reward):
    agent = house.agent("intern")
    taken_in(agent)
    with pytest.raises(InvalidInput, match="there already, with another end"):
        taken_in(agent, reward=reward)
    assert Episode.objects.get(agent=agent).outcome == "succeeded"
