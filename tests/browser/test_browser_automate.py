"""browser_automate in a real Chromium, on a real site: approved by a person, done by a worker."""

from __future__ import annotations

import contextlib
import json
import os
import ssl
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from governance.browser import processes, session
from governance.models import ActionType, Attachment, Canvas, Execution, LedgerEntry
from governance.outbound.proxy import ProxyLimits
from governance.services import attachments
from tests.browser.site import listening_for_datagrams, pixels, serving
from tests.factories import AllowedHostFactory, CredentialFactory, House, approved, run_worker
from tests.integration.handlers.connecting import everything_stored
from tests.unit.outbound.test_client import _certificate

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

SECRET = "correct-horse-battery"
WITHOUT_NETWORK = """
from governance.browser import driver, isolation
isolation._works = lambda **_: False
driver.main()
"""
WITHOUT_ANYTHING = WITHOUT_NETWORK.replace("driver.main", "driver.FLAGS = ()\ndriver.main")
SHARED_NETWORK = ("-c", WITHOUT_NETWORK)
"""A driver on a machine that permits no network of its own."""


@pytest.fixture
def folder(monkeypatch):
    """Where the browsers of a test keep their files; pytest's own is too deep for their sockets."""
    with tempfile.TemporaryDirectory(prefix="b-") as folder:
        monkeypatch.setattr(tempfile, "tempdir", folder)
        yield folder


@pytest.fixture
def house(transactional_db, settings, folder):
    settings.GOVERNANCE_BROWSER = ""
    house = House.build()
    ActionType.objects.filter(key="browser_automate").update(enabled=True)
    return house


@pytest.fixture
def allow(house):
    def add(site, *, host="127.0.0.1"):
        AllowedHostFactory(workspace=house.workspace, host=host, port=site.port, allow_private=True)
        return site

    return add


@pytest.fixture(params=["own network", "shared network"])
def network(request, monkeypatch):
    """What must not depend on whether the kernel helps."""
    if request.param == "shared network":
        monkeypatch.setattr(session, "DRIVER", SHARED_NETWORK)
    return request.param


def visit(house, start, *actions, timeout=None):
    """Propose, approve, carry out; the execution."""
    proposal = house.proposal(
        action_type="browser_automate", params={"start": start, "actions": list(actions)}
    )
    execution = approved(proposal).execution
    if timeout:
        execution.steps.update(timeout_seconds=timeout)
    run_worker()
    return Execution.objects.get(pk=execution.pk)


def output_of(execution):
    step = execution.steps.get()
    assert step.state == "done", step.error
    return json.loads(step.output)


def failed(execution):
    assert execution.state == "failed", execution.steps.get().output
    return execution.steps.get().error


def text(selector, name="text"):
    return {"extract": {"selector": selector, "as": "text", "name": name}}


def table(selector, name="table"):
    return {"extract": {"selector": selector, "as": "table", "name": name}}


def click(selector):
    return {"click": {"selector": selector}}


def fill(selector, value):
    return {"fill": {"selector": selector, "value": value}}


def picture(name, **more):
    return {"screenshot": {"name": name, **more}}


FORM = """
<!doctype html><title>Sign in</title>
<style>input, p { position: absolute; left: 100px; width: 300px; height: 40px; margin: 0 }
#user { top: 100px } #pin { top: 200px } #go { top: 300px }</style>
<form method=post action=/welcome>
<input id=user name=user><input id=pin name=pin autocomplete=off><button id=go>Go</button>
</form>
"""
WELCOME = "<!doctype html><title>Hello</title><p id=said>{body}</p>"


def test_sign_in_read_and_take_pictures(house, allow):
    CredentialFactory(workspace=house.workspace, name="pin", secret=SECRET, hosts=["127.0.0.1"])
    with serving(form=FORM, welcome=WELCOME) as site:
        allow(site)
        execution = visit(
            house,
            site.url("/form"),
            fill("#user", "ann"),
            fill("#pin", {"$secret": "pin"}),
            picture("filled_in"),
            click("#go"),
            text("#said"),
            picture("after", full_page=True),
        )
    assert site.seen == [("GET", "/form", ""), ("POST", "/welcome", f"user=ann&pin={SECRET}")]
    output = output_of(execution)
    assert execution.proposal.state == "executed"
    assert output["url"] == site.url("/welcome")
    assert output["title"] == "Hello"
    assert output["extracted"] == {"text": "user=ann&pin=[redacted]"}
    assert output["truncated"] == []
    assert output["refused"] == {"hosts": [], "pages": 0, "downloads": 0}

    step = execution.steps.get()
    kept = {row.name: row for row in Attachment.objects.filter(step=step)}
    assert output["screenshots"] == [
        {"name": name, "sha256": kept[name].sha256} for name in ("filled_in", "after")
    ]
    assert [row.media_type for row in kept.values()] == ["image/png", "image/png"]
    entries = LedgerEntry.objects.filter(kind="attachment.kept").order_by("created_at")
    assert [json.loads(bytes(entry.body))["data"]["name"] for entry in entries] == [
        "filled_in",
        "after",
    ]
    assert SECRET not in everything_stored()


def covered(rows, *, left=104, top, width=280, height=32):
    """Whether this part of a picture is of the one colour that covers secrets."""
    found = {rows[y][x] for y in range(top, top + height) for x in range(left, left + width)}
    return found == {(127, 127, 127)}


def picture_of(name):
    return pixels(bytes(Attachment.objects.get(name=name).content))


ECHO = """
<!doctype html><style>* { position: absolute; left: 100px; width: 300px; height: 40px; margin: 0 }
html, body { left: 0; top: 0; width: 800px } #again { top: 100px } #told { top: 200px }
#other { top: 300px }</style>
<input id=again value="{body}"><p id=told>You said {body}</p><p id=other>nothing at all</p>
"""


def test_a_secret_is_covered_in_every_picture_wherever_the_site_shows_it(house, allow, caplog):
    CredentialFactory(workspace=house.workspace, name="pin", secret=SECRET)
    with serving(form=FORM, welcome=ECHO) as site:
        allow(site)
        execution = visit(
            house,
            site.url("/form"),
            fill("#user", "a visible name"),
            fill("#pin", {"$secret": "pin"}),
            picture("before"),
            click("#go"),
            picture("after"),
            text("#told"),
        )
    assert (
        output_of(execution)["extracted"]["text"] == "You said user=a+visible+name&pin=[redacted]"
    )
    before, after = picture_of("before"), picture_of("after")
    assert not covered(before, top=104)
    assert covered(before, top=204)
    assert covered(after, top=104)
    assert covered(after, top=204)
    assert not covered(after, top=304)
    assert SECRET not in everything_stored() + caplog.text


PRICES = """
<!doctype html><title>Prices</title>
<table class=prices>
<thead><tr><th>Product<th>Price<th></tr></thead>
<tr><td rowspan=2>Tea<td>3.50<td>007</tr>
<tr><td>12<td>a <b>b</b>
  c</tr>
<tr style="display: none"><td>Hidden<td>1<td>x</tr>
<tr><td colspan=2>Sold out</tr>
</table>
"""


def test_a_table_goes_straight_into_a_sheet_and_a_chart(house, allow):
    with serving(prices=PRICES) as site:
        allow(site)
        params = {"start": site.url("/prices"), "actions": [table(".prices", "prices")]}
        found = "steps.fetch.output.extracted.prices"
        sheet = {"columns": {"$cel": f"{found}.columns"}, "rows": {"$cel": f"{found}.rows"}}
        priced = f"{found}.rows.filter(r, type(r[1]) != string)"
        chart = {
            "type": "bar",
            "labels": {"$cel": f"{priced}.map(r, r[0])"},
            "series": [{"name": "Price", "values": {"$cel": f"{priced}.map(r, r[1])"}}],
        }
        plan = [
            {"id": "fetch", "action_type": "browser_automate", "params": params},
            {
                "id": "show",
                "action_type": "canvas_present",
                "params": {"kind": "sheet", "title": "Prices", "sheet": sheet},
            },
            {
                "id": "plot",
                "action_type": "canvas_present",
                "params": {"kind": "chart", "title": "Prices", "chart": chart},
            },
        ]
        execution = approved(house.proposal(plan=plan)).execution
        run_worker()
    execution.refresh_from_db()
    assert execution.state == "done", execution.error
    shown = {canvas.kind: canvas.content[canvas.kind] for canvas in Canvas.objects.all()}
    assert shown["sheet"] == {
        "columns": ["Product", "Price", "Column 3"],
        "rows": [
            ["Tea", 3.5, "007"],
            ["Tea", 12, "a b c"],
            ["Sold out", "Sold out", None],
        ],
    }
    assert shown["chart"]["labels"] == ["Tea", "Tea"]
    assert shown["chart"]["series"] == [{"name": "Price", "values": [3.5, 12]}]


# --- Nothing but the allowed host -----------------------------------------------------------------


def test_a_redirect_to_a_host_that_is_not_allowed_is_refused(house, allow, network):
    with serving(page="x") as elsewhere, serving() as site:
        allow(site)
        execution = visit(
            house, site.url(f"/redirect?{elsewhere.url('/page')}"), picture("nothing")
        )
    assert f"127.0.0.1 on port {elsewhere.port} is not on the workspace's list" in failed(execution)
    assert "only read" in failed(execution)
    assert elsewhere.seen == []
    assert not Attachment.objects.exists()


INTO_THE_OPEN = """
<!doctype html><title>Hostile</title>
<link rel=dns-prefetch href="//leak.example"><link rel=preconnect href="OUT">
<link rel=prefetch href="OUT/prefetch"><link rel=stylesheet href="OUT/style">
<img src="OUT/image"><iframe src="OUT/frame"></iframe><script src="OUT/script"></script>
<video src="OUT/video" autoplay></video><object data="OUT/object"></object>
<body><p id=tried>no</p><script>
const tries = [
  () => fetch("OUT/fetch", {mode: "no-cors"}),
  () => fetch("https://localhost:PORT/tls"),
  () => navigator.sendBeacon("OUT/beacon", "x"),
  () => new WebSocket("ws://127.0.0.1:PORT/socket"),
  () => new EventSource("OUT/events"),
  () => new Worker(URL.createObjectURL(new Blob(["fetch('OUT/worker')"]))),
  () => navigator.serviceWorker.register("/worker"),
  () => new WebTransport("https://127.0.0.1:PORT/transport"),
  () => document.body.appendChild(Object.assign(document.createElement("form"),
          {action: "OUT/form", method: "post", target: "_blank"})).submit(),
  () => window.open("OUT/popup"),
  () => {
    const call = new RTCPeerConnection({iceServers: [
      {urls: "stun:127.0.0.1:UDP"},
      {urls: "turn:127.0.0.1:UDP", username: "a", credential: "b"},
      {urls: "turn:127.0.0.1:PORT?transport=tcp", username: "a", credential: "b"},
    ]});
    call.createDataChannel("x");
    call.createOffer().then(offer => call.setLocalDescription(offer));
  },
];
for (const one of tries) { try { const done = one(); done?.catch?.(() => 0); } catch (error) {} }
setTimeout(() => document.getElementById("tried").textContent = "all " + tries.length, 2000);
</script>
"""


def test_nothing_that_a_page_tries_reaches_another_host(house, allow, network):
    with (
        serving() as elsewhere,
        serving() as site,
        listening_for_datagrams() as (udp, datagrams),
    ):
        allow(site)
        page = INTO_THE_OPEN.replace("OUT", elsewhere.url("")).replace("PORT", str(elsewhere.port))
        site.pages["/hostile"] = page.replace("UDP", str(udp))
        site.pages["/worker"] = "self.onfetch = () => 0"
        execution = visit(house, site.url("/hostile"), text("#tried"), text("text=all", "tried"))
    output = output_of(execution)
    assert output["extracted"]["tried"] == "all 11"
    assert output["url"] == site.url("/hostile")
    assert f"127.0.0.1:{elsewhere.port}" in output["refused"]["hosts"]
    assert output["isolation"]["network"] is (network == "own network")
    assert elsewhere.seen == []
    assert datagrams == []
    assert site.asked() == ["/hostile"]


def test_without_all_that_a_datagram_would_get_out(house, allow, monkeypatch):
    """The control of the test above: it would see one."""
    monkeypatch.setattr(session, "DRIVER", ("-c", WITHOUT_ANYTHING))
    with serving() as site, listening_for_datagrams() as (udp, datagrams):
        allow(site)
        page = INTO_THE_OPEN.replace("OUT", site.url("")).replace("PORT", str(site.port))
        site.pages["/hostile"] = page.replace("UDP", str(udp))
        visit(house, site.url("/hostile"), text("#tried"), text("text=all", "tried"))
    assert datagrams
    assert "/fetch" in site.asked()
    assert "/frame" in site.asked()


TALKING = """
<!doctype html><p id=p>nothing</p><script>
const talk = new WebSocket("ws://" + location.host + "/socket");
talk.onopen = () => document.getElementById("p").textContent = "open";
</script>
"""


def test_a_socket_to_the_allowed_host_opens(house, allow, network):
    """Through a tunnel, so that the browser's way through the proxy is tried for those as well."""
    with serving(talking=TALKING) as site:
        allow(site)
        execution = visit(house, site.url("/talking"), text("text=open"))
    assert output_of(execution)["extracted"] == {"text": "open"}


def test_a_certificate_that_nobody_vouches_for_is_refused(house, allow, tmp_path):
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(_certificate(tmp_path, "127.0.0.1"))
    with serving(page="x", tls=tls) as site:
        allow(site)
        execution = visit(house, f"https://127.0.0.1:{site.port}/page", text("body"))
    assert "ERR_CERT_AUTHORITY_INVALID" in failed(execution)
    assert site.seen == []


def test_a_name_that_leads_inside_is_refused(house, allow, network, monkeypatch):
    """Its owner could let it lead anywhere, or somewhere else at the second look."""
    monkeypatch.setattr("governance.outbound.guard.system_resolver", lambda *_: ["127.0.0.1"])
    with serving(page="x") as site:
        AllowedHostFactory(workspace=house.workspace, host="rebound.example", port=site.port)
        execution = visit(house, site.url("/page", host="rebound.example"), text("body"))
    assert "rebound.example leads to 127.0.0.1, an address inside" in failed(execution)
    assert site.seen == []


def test_an_allowed_name_is_reached_and_is_the_host_of_its_page(house, allow, monkeypatch):
    monkeypatch.setattr("governance.outbound.guard.system_resolver", lambda *_: ["127.0.0.1"])
    with serving(page="<p id=p>inside</p>") as site:
        allow(site, host="inside.example")
        execution = visit(house, site.url("/page", host="inside.example"), text("#p"))
    assert output_of(execution)["extracted"] == {"text": "inside"}


LEAVING = """
<!doctype html><title>Links</title>
<a id=file href="file:///etc/passwd">file</a> <a id=data href="data:text/html,x">data</a>
<a id=chrome href="chrome://version">chrome</a> <a id=view href="view-source:x">source</a>
<button id=blob onclick="location = window.URL.createObjectURL(new Blob(['x']))">b</button>
<button id=blank onclick="location = 'about:blank'">b</button>
"""


def test_links_that_leave_the_web_lead_nowhere(house, allow):
    with serving(links=LEAVING) as site:
        allow(site)
        clicks = [click(f"#{link}") for link in ("file", "data", "chrome", "view")]
        execution = visit(house, site.url("/links"), *clicks, text("body"))
    output = output_of(execution)
    assert output["url"] == site.url("/links")
    assert "file" in output["extracted"]["text"]


@pytest.mark.parametrize("link", ["blob", "blank"])
def test_a_page_that_leaves_the_web_by_itself_ends_the_visit(house, allow, link):
    with serving(links=LEAVING) as site:
        allow(site)
        execution = visit(house, site.url("/links"), click(f"#{link}"), text("body"))
    assert execution.state == "in_doubt"
    assert "The URL" in execution.steps.get().error


OPENING = """
<!doctype html><title>Opening</title><button id=b onclick="window.open('/popup')">open</button>
<a id=a href="/popup" target=_blank>open</a><p id=p>still here</p>
"""


@pytest.mark.parametrize("what", ["#a", "#b"])
def test_another_page_is_closed(house, allow, what):
    with serving(opening=OPENING, popup="<p>popup</p>") as site:
        allow(site)
        execution = visit(house, site.url("/opening"), click(what), text("#p"))
    output = output_of(execution)
    assert output["extracted"] == {"text": "still here"}
    assert output["url"] == site.url("/opening")
    assert output["refused"]["pages"] == 1


def test_a_download_is_refused(house, allow):
    with serving(links="<a id=a href=/file>take it</a><p id=p>still here</p>") as site:
        allow(site)
        execution = visit(house, site.url("/file"), text("#p"))
        assert "downloads are refused" in failed(execution)
        execution = visit(house, site.url("/links"), click("#a"), text("#p"))
    output = output_of(execution)
    assert output["extracted"] == {"text": "still here"}
    assert output["refused"]["downloads"] == 1


# --- Secrets --------------------------------------------------------------------------------------


def test_a_secret_is_not_filled_in_on_a_host_it_is_not_for(house, allow):
    CredentialFactory(workspace=house.workspace, name="pin", secret=SECRET, hosts=["bank.example"])
    with serving(form=FORM) as site:
        allow(site)
        execution = visit(house, site.url("/form"), fill("#pin", {"$secret": "pin"}))
    assert "may be sent to bank.example only" in failed(execution)
    assert site.seen == [("GET", "/form", "")]


def test_a_secret_follows_the_page_and_not_the_plan(house, allow, monkeypatch):
    """The plan opened the right host; the page has moved on to another."""
    monkeypatch.setattr("governance.outbound.guard.system_resolver", lambda *_: ["127.0.0.1"])
    CredentialFactory(workspace=house.workspace, name="pin", secret=SECRET, hosts=["bank.example"])
    with serving(form=FORM) as site:
        for host in ("bank.example", "evil.example"):
            allow(site, host=host)
        onward = site.url("/form", host="evil.example")
        site.pages["/bank"] = f"<script>location = '{onward}'</script>"
        start = site.url("/bank", host="bank.example")
        execution = visit(house, start, text("#go"), fill("#pin", {"$secret": "pin"}))
        assert "may be sent to bank.example only" in failed(execution)
        start = site.url("/form", host="bank.example")
        execution = visit(house, start, fill("#pin", {"$secret": "pin"}))
        assert output_of(execution)["url"] == start


def test_a_password_is_never_written_into_a_plan(house, allow):
    with serving(form="<input type=password id=p>") as site:
        allow(site)
        execution = visit(house, site.url("/form"), fill("#p", "hunter2"))
    assert "store a credential" in failed(execution)


SENDS_BY_ITSELF = """
<!doctype html><input id=i oninput="fetch('/saved', {method: 'POST', body: this.value})">
"""


def test_errors_of_a_filled_in_page_name_no_secret(house, allow, caplog):
    CredentialFactory(workspace=house.workspace, name="pin", secret=SECRET)
    page = "<input id=i oninput=\"location = '/gone?' + this.value\"><input id=n type=number>"
    with serving(form=page) as site:
        allow(site)
        execution = visit(
            house,
            site.url("/form"),
            fill("#n", {"$secret": "pin"}),
        )
        assert "takes this value" in failed(execution)
        execution = visit(house, site.url("/form"), fill("#i", {"$secret": "pin"}))
    assert output_of(execution)["url"].endswith("/gone?[redacted]")
    assert SECRET not in everything_stored() + caplog.text


# --- What went wrong, and what it means -----------------------------------------------------------


def test_a_page_that_never_answers_fails_in_time_and_leaves_nothing(house, allow, network):
    with serving() as site:
        allow(site)
        began = time.monotonic()
        execution = visit(house, site.url("/hang"), text("body"), timeout=25)
        assert time.monotonic() - began < 40
    assert "Could not go to" in failed(execution)
    assert left_behind() == []


def test_a_slow_page_is_waited_for(house, allow):
    with serving() as site:
        allow(site)
        execution = visit(house, site.url("/slow"), text("#late"))
    assert output_of(execution)["extracted"] == {"text": "at last"}


BUTTONS = """
<!doctype html><title>Buttons</title>
<form method=post action=/hang><button id=hang>x</button></form>
<form method=post action="/redirect?AWAY"><button id=away>x</button></form>
<button id=loop onclick="while (true) {}">x</button>
<button class=two>x</button><button class=two>x</button>
<p id=not-a-table>x</p>
"""

BEFORE_A_CLICK = [
    (text("#nowhere"), "was not there"),
    (text(".two"), "more than one element"),
    (click("#nowhere"), "was not there"),
    (click(".two"), "more than one element"),
    (click("div["), "cannot be read"),
    (table("#not-a-table"), "neither is nor holds a table"),
    (fill("#not-a-table", "x"), "takes this value"),
    ({"navigate": {"url": "http://127.0.0.1:1/"}}, "not on the workspace's list"),
]


@pytest.mark.parametrize(("action", "says"), BEFORE_A_CLICK, ids=range(len(BEFORE_A_CLICK)))
def test_what_goes_wrong_before_a_click_has_failed(house, allow, monkeypatch, action, says):
    monkeypatch.setattr("governance.handlers.browsing.visit.ACTION_SECONDS", 2.0)
    with serving(buttons=BUTTONS) as site:
        allow(site)
        execution = visit(house, site.url("/buttons"), action)
    assert says in failed(execution)


@pytest.mark.parametrize(
    ("button", "pictures"),
    [
        ("#away", ["seen", "when it stopped"]),
        ("#not-a-table", ["seen", "when it stopped"]),  # and then looks for a table
        ("#hang", ["seen"]),  # no picture while a page is awaited
        ("#loop", ["seen"]),  # nobody there to ask
    ],
)
def test_what_goes_wrong_after_a_click_is_in_doubt(house, allow, monkeypatch, button, pictures):
    monkeypatch.setattr("governance.handlers.browsing.visit.ACTION_SECONDS", 3.0)
    monkeypatch.setattr("governance.browser.session.GRACE_SECONDS", 6.0)
    with serving() as elsewhere, serving() as site:
        allow(site)
        site.pages["/buttons"] = BUTTONS.replace("AWAY", elsewhere.url())
        execution = visit(house, site.url("/buttons"), picture("seen"), click(button), table("p"))
    assert execution.state == "in_doubt"
    assert "was acted on: look there" in execution.steps.get().error
    assert [row.name for row in Attachment.objects.order_by("name")] == pictures
    assert elsewhere.seen == []
    assert left_behind() == []


def test_filling_in_is_reading_unless_the_page_sends_by_itself(house, allow, monkeypatch):
    monkeypatch.setattr("governance.handlers.browsing.visit.ACTION_SECONDS", 2.0)
    with serving(quiet="<input id=i>", saving=SENDS_BY_ITSELF) as site:
        allow(site)
        execution = visit(house, site.url("/quiet"), fill("#i", "x"), click("#nowhere"))
        assert "only read" in failed(execution)
        execution = visit(house, site.url("/saving"), fill("#i", "x"), click("#nowhere"))
    assert execution.state == "in_doubt"
    assert ("POST", "/saved", "x") in site.seen


def test_a_page_larger_than_the_limit_is_cut_off(house, allow, monkeypatch):
    monkeypatch.setattr("governance.browser.session.LIMITS", ProxyLimits(max_bytes=1_000_000))
    monkeypatch.setattr("governance.handlers.browsing.visit.ACTION_SECONDS", 3.0)
    with serving() as site:
        allow(site)
        execution = visit(house, site.url("/large"), text("body"))
    assert "More than 1,000,000 bytes" in failed(execution)


def test_a_text_longer_than_can_be_kept_is_cut_and_says_so(house, allow):
    with serving() as site:
        allow(site)
        execution = visit(house, site.url("/large"), text("body", "long"))
    output = output_of(execution)
    assert len(output["extracted"]["long"]) == 40_000
    assert output["truncated"] == ["long"]


def test_a_step_that_is_cut_off_leaves_nothing_running(house, allow, monkeypatch):
    """The deadline strikes in the middle, as when everything else has failed to end it."""
    monkeypatch.setattr("governance.handlers.browser_automate.TO_END_SECONDS", -60.0)
    with serving(page="<p>x</p>") as site:
        allow(site)
        execution = visit(house, site.url("/page"), text("#never"), timeout=8)
    assert "DeadlineExceeded" in failed(execution)
    assert left_behind() == []


ON_ITS_OWN = """
import sys
from django.conf import settings
settings.configure(GOVERNANCE_BROWSER="")
from governance.browser.session import Session
from governance.outbound import HostRule
with Session([HostRule("127.0.0.1", int(sys.argv[1]), True)], seconds=60) as browser:
    browser.ask("goto", seconds=30, url=f"http://127.0.0.1:{sys.argv[1]}/hang")
"""


def test_a_worker_that_is_killed_takes_its_browser_along(folder):
    with serving() as site:
        worker = subprocess.Popen(
            [sys.executable, "-c", ON_ITS_OWN, str(site.port)],
            env={**os.environ, "TMPDIR": folder},
        )
        wait_until(lambda: site.asked() == ["/hang"])
        assert len(left_behind()) > 3
        worker.kill()
        worker.wait()
        wait_until(lambda: left_behind() == [])


def wait_until(true, *, seconds=30):
    ends_at = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < ends_at
        time.sleep(0.1)


def test_the_browser_knows_nothing_of_our_environment_and_is_sandboxed(house, allow, monkeypatch):
    monkeypatch.setenv("DATABASE_PASSWORD_OF_THE_TESTS", "very-secret")
    seen = []

    def look(*args, **more):
        seen.extend(map(look_at, processes.descendants(os.getpid())))
        return keep(*args, **more)

    keep = attachments.keep
    monkeypatch.setattr(attachments, "keep", look)
    with serving(page="<p>x</p>") as site:
        allow(site)
        execution = visit(house, site.url("/page"), picture("one"))
    isolation = output_of(execution)["isolation"]
    browsers = [one for one in seen if "--type=renderer" in one.command]
    assert browsers
    assert not [one for one in seen if "very-secret" in one.environment]
    assert [one.seccomp for one in browsers] == ["2"] * len(browsers)
    assert isolation == {"network": True, "sandbox": True}
    assert left_behind() == []


@dataclass
class Process:
    command: str
    environment: str
    seccomp: str


def look_at(pid):
    folder = Path("/proc") / str(pid)
    status = dict(line.split(":\t", 1) for line in (folder / "status").read_text().splitlines())
    return Process(
        (folder / "cmdline").read_text().replace("\0", " "),
        (folder / "environ").read_text(),
        status["Seccomp"].strip(),
    )


def left_behind():
    """Processes and folders of browsers that should be gone."""
    ours, commands = tempfile.gettempdir(), []
    for entry in Path("/proc").glob("[0-9]*/environ"):
        with contextlib.suppress(OSError):
            if f"{ours}/governance-browser-".encode() in entry.read_bytes():
                commands.append((entry.parent / "cmdline").read_text())
    return commands + [str(one) for one in Path(ours).glob("governance-browser-*")]
