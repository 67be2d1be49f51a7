from __future__ import annotations

import dataclasses

import pytest

from governance.domain.actors import Actor, ActorKind, system


def test_an_actor_says_who_it_is():
    actor = Actor(ActorKind.PERSON, "7", "ada")
    assert actor.as_json() == {"kind": "person", "id": "7", "label": "ada"}
    assert str(actor) == "person ada"


def test_the_system_is_an_explicit_actor():
    actor = system("sweeper")
    assert actor.kind is ActorKind.SYSTEM
    assert actor.as_json() == {"kind": "system", "id": "sweeper", "label": "sweeper"}


def test_there_are_people_agents_devices_and_the_system():
    assert [kind.value for kind in ActorKind] == ["person", "agent", "device", "system"]


def test_an_actor_cannot_be_changed():
    actor = system("worker")
    with pytest.raises(dataclasses.FrozenInstanceError):
        actor.id = "1"
