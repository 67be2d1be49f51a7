"""A hundred recorded conversations as an intern's history: counted, judged, and not enough."""

from __future__ import annotations

import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from governance.models import Episode, EpisodeSegment
from governance.runtimes.recorded import parse_line
from governance.services import action_types, promotions, standings
from tests.factories import BY_SYSTEM


@pytest.fixture
def airport(house, airline):
    entries = json.loads((airline / "actions.json").read_text())
    action_types.load(workspace=house.workspace, entries=entries, by=BY_SYSTEM)
    return house


def run(command, *arguments, code=0):
    out = StringIO()
    try:
        call_command(command, *arguments, "--json", stdout=out, stderr=StringIO())
        ended = 0
    except CommandError as error:
        ended = error.returncode
    assert ended == code
    return json.loads(out.getvalue())


@pytest.fixture
def intern(airport, airline):
    agent = airport.agent("intern", name="airline-bot")
    imported = run("import_episodes", str(airline / "episodes.jsonl"), "--agent", "airline-bot")
    assert imported == {
        "episodes": 100,
        "succeeded": 43,
        "failed": 57,
        "abandoned": 0,
        "there_already": 0,
        "lines_skipped": 0,
    }
    return agent


def test_readiness_for_supervised_is_refused_in_numbers(intern, airline):
    told = run("readiness", "airline-bot", "--target", "supervised", code=1)
    assert (told["target"], told["ready"]) == ("supervised", False)
    assert (told["episodes"], told["successful"]) == (100, 43)
    assert round(told["success_lower_bound"], 4) == 0.3515
    assert told["intervention_rate"] == 0.0
    assert told["points"] == {"episodes": 40.0, "interventions": 30.0, "constitution": 30.0}
    final = {"cancel_reservation", "send_certificate"}  # 10 hundredths each: nobody approved them
    done = sum(
        call.name in final and not call.failed
        for line in (airline / "episodes.jsonl").read_text().splitlines()
        for call in parse_line(line).calls
    )
    assert done == 38
    assert told["constitution"] == 0.962
    [gap] = told["gaps"]
    assert gap == (
        "43 of 100 episodes succeeded, which shows a share of 0.3515 at least (95%), and 0.5000 is "
        "required"
    )


def test_the_same_file_again_adds_nothing(intern, airline):
    again = run("import_episodes", str(airline / "episodes.jsonl"), "--agent", "airline-bot")
    assert (again["episodes"], again["there_already"]) == (0, 100)
    assert Episode.objects.count() == 100


def test_an_import_that_was_interrupted_is_run_again(airport, airline, tmp_path):
    airport.agent("intern", name="airline-bot")
    lines = (airline / "episodes.jsonl").read_text().splitlines()
    begun = tmp_path / "begun.jsonl"
    begun.write_text("\n".join(lines[:30]))
    run("import_episodes", str(begun), "--agent", "airline-bot")
    rest = run("import_episodes", str(airline / "episodes.jsonl"), "--agent", "airline-bot")
    assert (rest["episodes"], rest["there_already"]) == (70, 30)
    assert standings.shown(Episode.objects.first().agent).episodes == 100


def test_bad_lines_are_reported_and_skipped(airport, airline, tmp_path):
    airport.agent("intern", name="airline-bot")
    lines = (airline / "episodes.jsonl").read_text().splitlines()
    bad = tmp_path / "bad.jsonl"
    bad.write_text("\n".join([lines[0], "{not json", '{"messages": 5}', lines[1]]))
    out, err = StringIO(), StringIO()
    with pytest.raises(CommandError, match="2 lines were skipped") as refused:
        call_command(
            "import_episodes", str(bad), "--agent", "airline-bot", "--json", stdout=out, stderr=err
        )
    assert refused.value.returncode == 1
    assert json.loads(out.getvalue())["episodes"] == 2
    said = err.getvalue().splitlines()
    assert [line.split(" skipped")[0] for line in said if "skipped:" in line] == [
        "line 2",
        "line 3",
    ]


def test_what_was_done_at_another_maturity_is_kept_and_does_not_count(airport, airline, tmp_path):
    agent = airport.agent("intern", name="airline-bot")
    one = tmp_path / "one.jsonl"
    one.write_text((airline / "episodes.jsonl").read_text().splitlines()[0])
    run("import_episodes", str(one), "--agent", "airline-bot", "--maturity", "autonomous")
    episode = Episode.objects.get()
    assert (episode.maturity, episode.stint) == ("autonomous", None)
    assert standings.shown(agent).episodes == 0


def test_segments_are_in_order_and_say_everything(intern):
    episode = Episode.objects.get(title="Task 0, trial 0")
    kinds = list(episode.segments.order_by("position").values_list("kind", "action_type")[:7])
    assert kinds[0] == ("message", "")
    assert ("action", "get_user_details") in kinds
    last = episode.segments.order_by("position").last()
    assert (last.kind, last.data["state"]) == ("result", "failed")
    assert last.data["expected_actions"][0]["name"] == "book_reservation"
    positions = list(episode.segments.values_list("position", flat=True))
    assert positions == list(range(len(positions)))
    assert not EpisodeSegment.objects.filter(kind="action", action_type="").exists()


def test_a_bad_history_demotes_nobody_by_itself_and_promotes_nobody(intern):
    intern.refresh_from_db()
    assert (intern.maturity, intern.stint) == ("intern", 0)
    assert not promotions.prospect(intern).readiness.ready
