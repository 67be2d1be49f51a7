"""Workers killed at every labelled point: nothing lost, nothing local doubled.

SIGKILL leaves a process no chance to clean up, as a power cut or the kernel's memory killer would.
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
import time

import pytest
from django.conf import settings

from governance.execution import failpoints
from governance.models import Canvas, Execution, LedgerEntry
from tests.concurrency.workers import environment, notes, recover
from tests.factories import ProposalFactory, approved

pytestmark = pytest.mark.django_db(transaction=True)

CANVAS = {"kind": "markdown", "title": "Report", "markdown": "# Done"}


def step(action_type: str, name: str = "step1", params: dict | None = None) -> dict:
    return {"id": name, "action_type": action_type, "params": params or {}}


THREE = [step("note", "one"), step("send_keyed", "two"), step("canvas_present", "three", CANVAS)]


def ready(house, *plan: dict) -> Execution:
    return approved(ProposalFactory(run=house.run(), plan=list(plan))).execution


def order(effects, **more) -> dict:
    return {"env": {"CRASH_OUTBOX": str(effects.path)}, **more}


def ending(execution: Execution) -> tuple[str, str, list[str]]:
    """States of the execution, of its proposal and of its steps."""
    execution = Execution.objects.select_related("proposal").get(pk=execution.pk)
    steps = execution.steps.order_by("position").values_list("state", flat=True)
    return execution.state, execution.proposal.state, list(steps)


def outcomes(execution: Execution) -> dict[str, int]:
    """How many outcomes the ledger holds of the execution, and of its steps."""
    steps = execution.steps.values_list("id", flat=True)
    ends = ("done", "failed", "in_doubt")
    return {
        "execution": LedgerEntry.objects.filter(
            subject_id=execution.id, kind__in=[f"execution.{end}" for end in ends]
        ).count(),
        "steps": LedgerEntry.objects.filter(
            subject_id__in=steps, kind__in=[f"execution_step.{end}" for end in ends]
        ).count(),
    }


DONE, DOUBT = ("done", "executed", ["done"]), ("in_doubt", "in_doubt", ["in_doubt"])

# point, how the first worker ends, what becomes of it, messages on the far side
LOCAL = [
    ("claimed", -9, DONE),
    ("cleared", -9, DONE),
    ("sent", 0, DONE),  # a local step is never sent, so nobody dies there
    ("handled", -9, DONE),
    ("recorded", -9, DONE),
    ("before_finish", -9, DONE),
    ("finished", -9, DONE),
]
KEYED = [
    ("claimed", DONE, 1),
    ("cleared", DONE, 1),
    ("sent", DONE, 1),
    ("handled", DONE, 2),  # sent again, under the same key
    ("recorded", DONE, 1),
    ("before_finish", DONE, 1),
    ("finished", DONE, 1),
]
UNKEYED = [
    ("claimed", DONE, 1),
    ("cleared", DONE, 1),
    ("sent", DOUBT, 0),
    ("handled", DOUBT, 1),
    ("recorded", DONE, 1),
    ("before_finish", DONE, 1),
    ("finished", DONE, 1),
]


@pytest.mark.parametrize("table", [LOCAL, KEYED, UNKEYED])
def test_no_labelled_point_is_left_out(table):
    assert tuple(row[0] for row in table) == failpoints.NAMES


@pytest.mark.parametrize(("point", "code", "expected"), LOCAL, ids=[row[0] for row in LOCAL])
def test_a_local_effect_happens_exactly_once(house, effects, nursery, point, code, expected):
    canvas = ready(house, step("canvas_present", params=CANVAS))
    assert nursery.work(**order(effects, failpoint=point)) == code
    noted = ready(house, step("note"))
    assert nursery.work(**order(effects, failpoint=point)) == code
    recover()
    assert [ending(canvas), ending(noted)] == [expected, expected]
    assert Canvas.objects.filter(step__execution=canvas).count() == 1
    assert notes(noted) == 1
    assert outcomes(canvas) == outcomes(noted) == {"execution": 1, "steps": 1}


@pytest.mark.parametrize(("point", "expected", "sent"), KEYED, ids=[row[0] for row in KEYED])
def test_a_keyed_effect_is_sent_again_under_the_same_key(
    house, effects, nursery, point, expected, sent
):
    execution = ready(house, step("send_keyed"))
    assert nursery.work(**order(effects, failpoint=point)) == -9
    recover()
    assert ending(execution) == expected
    assert effects.lines == [f"{execution.id}:step1"] * sent
    assert outcomes(execution) == {"execution": 1, "steps": 1}


@pytest.mark.parametrize(("point", "expected", "sent"), UNKEYED, ids=[row[0] for row in UNKEYED])
def test_an_unkeyed_effect_is_sent_at_most_once_and_doubt_is_said(
    house, effects, nursery, point, expected, sent
):
    execution = ready(house, step("send_unkeyed"))
    assert nursery.work(**order(effects, failpoint=point)) == -9
    recover()
    assert ending(execution) == expected
    assert effects.lines == [f"{execution.id}:step1"] * sent
    assert outcomes(execution) == {"execution": 1, "steps": 1}


# point, passed how often first, messages on the far side (step two sends)
IN_THREE_STEPS = [
    ("claimed", 0, 1),
    ("cleared", 0, 1),
    ("cleared", 1, 1),
    ("cleared", 2, 1),
    ("sent", 0, 1),
    ("handled", 0, 1),
    ("handled", 1, 2),
    ("handled", 2, 1),
    ("recorded", 0, 1),
    ("recorded", 1, 1),
    ("recorded", 2, 1),
    ("before_finish", 0, 1),
    ("finished", 0, 1),
]


@pytest.mark.parametrize(("point", "skip", "sent"), IN_THREE_STEPS)
def test_a_plan_goes_on_where_the_dead_worker_stopped(house, effects, nursery, point, skip, sent):
    execution = ready(house, *THREE)
    assert nursery.work(**order(effects, failpoint=point, skip=skip)) == -9
    recover()
    assert ending(execution) == ("done", "executed", ["done", "done", "done"])
    assert (notes(execution), Canvas.objects.count()) == (1, 1)
    assert effects.lines == [f"{execution.id}:two"] * sent
    assert outcomes(execution) == {"execution": 1, "steps": 3}


def test_a_plan_survives_the_death_of_every_worker_but_the_last(house, effects, nursery):
    """Each dies after one more step: every step is carried out by another process."""
    execution = ready(house, *THREE)
    for _ in range(3):
        assert nursery.work(**order(effects, failpoint="recorded")) == -9
        wait_for_the_lease(execution)
    recover()
    execution.refresh_from_db()
    assert ending(execution) == ("done", "executed", ["done", "done", "done"])
    assert execution.fencing_token == 4
    assert (notes(execution), Canvas.objects.count(), len(effects.lines)) == (1, 1, 1)


def wait_for_the_lease(execution: Execution) -> None:
    execution.refresh_from_db()
    left = execution.lease_expires_at.timestamp() - time.time()  # noqa: TID251  two clocks are compared
    time.sleep(max(0.0, left) + 0.01)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_workers_killed_at_any_time(house, effects, nursery, seed):
    chance = random.Random(seed)
    executions = [ready(house, *THREE) for _ in range(6)]
    doubtful = [ready(house, step("send_unkeyed")) for _ in range(6)]
    codes = [
        nursery.work(**order(effects, killed_after=chance.uniform(0.0, 0.2))) for _ in range(8)
    ]
    assert set(codes) <= {-9, 0}
    assert -9 in codes
    recover()
    for execution in executions:
        assert ending(execution) == ("done", "executed", ["done", "done", "done"])
        assert notes(execution) == 1
        assert Canvas.objects.filter(step__execution=execution).count() == 1
        assert effects.lines.count(f"{execution.id}:two") >= 1
        assert outcomes(execution) == {"execution": 1, "steps": 3}
    for execution in doubtful:
        sent = effects.lines.count(f"{execution.id}:step1")
        assert (ending(execution), sent) in [(DONE, 1), (DOUBT, 1), (DOUBT, 0)]
        assert outcomes(execution) == {"execution": 1, "steps": 1}


def test_control_an_effect_apart_from_its_record_is_done_twice(house, effects, nursery):
    """The same death, the same recovery: only the one transaction makes the difference."""
    execution = ready(house, step("note"))
    assert nursery.work(**order(effects, failpoint="handled", unsafe=True)) == -9
    recover()
    assert ending(execution) == DONE
    assert notes(execution) == 2


@pytest.mark.parametrize(("point", "code"), [("handled", -9), ("", 0)])
def test_the_real_command_dies_and_recovers_likewise(house, effects, point, code):
    execution = ready(house, *THREE)
    command = [sys.executable, "-W", "error", "manage.py", "worker", "--drain", "--json"]
    done = subprocess.run(
        command,
        cwd=settings.BASE_DIR,
        env=environment(GOVERNANCE_FAILPOINT=point),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code, done.stderr
    if not point:
        assert json.loads(done.stdout)["done"] == 1
    recover()
    assert ending(execution) == ("done", "executed", ["done", "done", "done"])
    assert (notes(execution), Canvas.objects.count(), len(effects.lines)) == (1, 1, 1)
