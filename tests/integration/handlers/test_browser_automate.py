"""What of browser_automate needs no browser; the rest is in tests/browser."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import pytest
from django.conf import settings

from governance.browser import installed, session
from governance.execution import wording
from governance.handlers import browser_automate
from governance.models import ActionType
from governance.policy import plans, schemas
from tests.factories import AllowedHostFactory
from tests.integration.handlers.connecting import carry_out as connect
from tests.integration.handlers.connecting import step_of

SPEC = browser_automate.SPEC


def params(*actions, start="https://example.com/cart"):
    return {"start": start, "actions": list(actions) or [shot()]}


def shot(name="page", **more):
    return {"screenshot": {"name": name, **more}}


def take(selector, name, kind="text"):
    return {"extract": {"selector": selector, "as": kind, "name": name}}


def fill(value):
    return {"fill": {"selector": "#f", "value": value}}


# --- Params ---------------------------------------------------------------------------------------

GOOD = [
    params(),
    params(*[shot(f"page{n}") for n in range(10)]),
    params(*[{"click": {"selector": "#go"}}] * 30),
    params(fill(""), fill({"$secret": "pin"}), fill("x" * 10_000)),
    params(take("table", "prices", "table"), take("text=Total", "total")),
    params({"navigate": {"url": "HTTP://example.com/?q=token"}}),
    params({"click": {"selector": "role=button[name='Save']"}}),
    params(shot(full_page=True)),
]
BAD = [
    {},
    {"start": "https://example.com/"},
    {"start": "https://example.com/", "actions": []},
    {"actions": [shot()]},
    {**params(), "more": 1},
    params(*[{"click": {"selector": "#go"}}] * 31),
    params(*[shot(f"page{n}") for n in range(11)]),
    params(start="ftp://example.com/"),
    params(start="file:///etc/passwd"),
    params(start="javascript:alert(1)"),
    params(start="data:text/html,x"),
    params(start="chrome://version"),
    params(start="example.com"),
    params(start="https://example.com/?access_token=abc"),
    params(start={"$secret": "url"}),
    params({"navigate": {"url": "about:blank"}}),
    params({}),
    params({"click": {"selector": "a"}, "screenshot": {"name": "b"}}),
    params({"click": {}}),
    params({"click": {"selector": ""}}),
    params({"click": {"selector": "x" * 501}}),
    params({"click": {"selector": "iframe >> button"}}),
    params({"click": {"selector": "iframe >> internal:control=enter-frame >> b"}}),
    params({"click": {"selector": "a", "button": "right"}}),
    params({"evaluate": {"script": "1"}}),
    params(fill(3)),
    params(fill({"$secret": "pin", "more": 1})),
    params(fill({"$secret": "../pin"})),
    params(fill("x" * 10_001)),
    params(take("a", "prices", "html")),
    params(take("a", "Prices")),
    params(take("a", "x" * 51)),
    params(shot("../page")),
    params(shot(full_page="yes")),
]


@pytest.mark.parametrize("found", GOOD, ids=range(len(GOOD)))
def test_params_that_can_be_carried_out(found):
    assert schemas.problems(SPEC.params_schema, found) == ()


@pytest.mark.parametrize("found", BAD, ids=range(len(BAD)))
def test_params_that_cannot(found):
    assert schemas.problems(SPEC.params_schema, found)


def test_the_documented_params_can_be_carried_out():
    page = (Path(settings.BASE_DIR) / "docs" / "browsing.md").read_text(encoding="utf-8")
    documented = json.loads(page.split("```json\n")[1].split("```")[0])
    assert schemas.problems(SPEC.params_schema, documented) == ()
    assert len(documented["actions"]) == 7


def test_references_to_earlier_steps_are_looked_at_when_they_are_known():
    later = params(fill({"$cel": "steps.a.output.b"}), start={"$cel": "steps.a.output.url"})
    assert schemas.problems(SPEC.params_schema, later, unresolved=True) == ()


PHRASES = [
    (params(), "Open https://example.com/cart and take a screenshot."),
    (
        params(take(".prices", "prices", "table"), shot(full_page=True)),
        "Open https://example.com/cart, take the table “.prices” and take a picture of all of it.",
    ),
    (
        params(
            fill("Ann"),
            fill({"$secret": "pin"}),
            {"click": {"selector": "#go"}},
            start="http://a.b",
        ),
        "Open http://a.b, fill “Ann” into “#f”, fill the secret “pin” into “#f” and click “#go”.",
    ),
    (
        params({"navigate": {"url": "https://example.com/done"}}, take("h1", "title")),
        "Open https://example.com/cart, go to https://example.com/done and take the text of “h1”.",
    ),
]


@pytest.mark.parametrize(("found", "sentence"), PHRASES, ids=range(len(PHRASES)))
def test_what_people_read(found, sentence):
    plan = plans.parse(plans.single("browser_automate", found))
    assert wording.sentences(plan, {}) == [sentence]


def test_a_sentence_says_what_a_reference_refers_to():
    later = params(fill({"$cel": "steps.a.output.b"}), start={"$cel": "steps.a.output.url"})
    assert "`steps.a.output.url`" in SPEC.phrase(later)
    assert "`steps.a.output.b`" in SPEC.phrase(later)


# --- Before a browser is started ------------------------------------------------------------------


@pytest.fixture
def carry_out(house, monkeypatch, tmp_path):
    """The step's error, of an enabled action type; nothing is left of what was started."""
    ActionType.objects.filter(key="browser_automate").update(enabled=True)
    monkeypatch.setattr(installed, "missing", str)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    AllowedHostFactory(workspace=house.workspace, host="example.com")

    def run(found):
        execution = connect(house, found, action_type="browser_automate")
        assert execution.state == "failed"
        assert list(tmp_path.iterdir()) == []
        return step_of(execution).error

    return run


@pytest.fixture
def _no_driver(monkeypatch):
    def start(*args):
        pytest.fail("a browser was started")

    monkeypatch.setattr(session, "_start", start)


REFUSED = [
    (params(start="https://evil.test/"), "evil.test on port 443 is not on the workspace's list"),
    (params(start="https://example.com:22/"), "example.com on port 22 is not"),
    (params(start="http://2130706433/"), "not an address in its usual form"),
    (params(start="https://user:pw@example.com/"), "user name or password"),
    (params({"navigate": {"url": "https://evil.test/"}}), "evil.test on port 443 is not"),
    (params(shot(), shot()), "Two actions are named 'page'"),
    (params(take("a", "x"), take("b", "x")), "Two actions are named 'x'"),
]


@pytest.mark.usefixtures("_no_driver")
@pytest.mark.parametrize(("found", "says"), REFUSED, ids=range(len(REFUSED)))
def test_what_can_be_known_before_is_refused_before(carry_out, found, says):
    assert says in carry_out(found)


@pytest.mark.usefixtures("_no_driver")
def test_without_playwright_it_fails_and_says_what_to_install(carry_out, monkeypatch):
    monkeypatch.setattr(installed, "missing", lambda: "Playwright is not installed: pip install.")
    assert carry_out(params()) == (
        "No browser can be started here. Playwright is not installed: pip install."
    )


def test_a_browser_that_does_not_start_has_sent_nothing(carry_out, monkeypatch):
    monkeypatch.setattr(session, "DRIVER", ("-c", "raise SystemExit(1)"))
    assert carry_out(params()) == (
        "The browser could not be started: it gave no answer. Nothing was sent."
    )


def test_a_browser_that_takes_too_long_to_start_has_sent_nothing(carry_out, monkeypatch):
    monkeypatch.setattr(session, "DRIVER", ("-c", "import time; time.sleep(60)"))
    monkeypatch.setattr(session, "START_SECONDS", 0.5)
    assert "could not be started" in carry_out(params())


def test_nothing_of_ours_needs_playwright():
    """Where it is not installed, everything else has to work."""
    sources = Path(installed.__file__).parent.parent.rglob("*.py")
    needing = {path.name for path in sources if "from playwright" in path.read_text()}
    assert needing == {"driver.py", "page.py"}
