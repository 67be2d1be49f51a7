"""A visit: one step's actions on a site, one after the other, and what was read on the way."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from urllib.parse import urlsplit

from governance.browser.session import Answer, BrowserFailed, Session
from governance.domain.actors import system
from governance.domain.errors import GovernanceError
from governance.domain.values import Json
from governance.execution.registry import StepContext
from governance.handlers.browsing import params as words
from governance.handlers.browsing.readings import Readings
from governance.outbound import HostRule, permit
from governance.services import attachments
from governance.services.secrets import resolve_secrets

ACTION_SECONDS = 20.0
"""What one action may take, as far as the step's time lasts."""

LAST_LOOK = "when it stopped"
"""The name of a picture that no plan asked for."""

MAX_URL = 2_000
MAX_TITLE = 500
MAX_REFUSED = 20

WHY = {
    "closed": "the page crashed",
    "download": "the address is a download, and downloads are refused",
    "gone": "the page replaced itself meanwhile",
    "large": "the picture is larger than 2 MB; take what fits into the window",
    "no_table": "the element neither is nor holds a table",
    "selector": "the selector cannot be read",
    "several": "more than one element matches the selector; make it exact",
    "silent": "the browser gave no answer in time",
    "timeout": "in all the time it had, the page or the one element that is meant was not there",
    "unfillable": "it is no field that takes this value",
}
"""What `BrowserFailed.kind` means, for people."""


class Stopped(GovernanceError):
    """The visit cannot go on. str() names no secret."""

    code = "visit_stopped"


class Visit:
    """`revealed`: the secrets that were looked up. `doubtful`: something may have taken effect."""

    def __init__(
        self, context: StepContext, *, browser: Session, rules: tuple[HostRule, ...]
    ) -> None:
        self.revealed: list[str] = []
        self._context, self._browser, self._rules = context, browser, rules
        self._readings = Readings(self.revealed)
        self._pictures: list[Json] = []
        self._where: Answer = {}
        self._clicked, self._sent_before_filling, self._unanswered = False, -1, False

    @property
    def doubtful(self) -> bool:
        """Whether anything was clicked, or the page may have sent something once it was filled in.

        Opening and reading pages changes nothing (RFC 9110, 9.2.1).
        """
        filled = self._sent_before_filling >= 0
        sent = self._unanswered or self._browser.sent > self._sent_before_filling
        return self._clicked or (filled and sent)

    def carry_out(self, params: dict[str, Json]) -> dict[str, Json]:
        """All actions, in order; returns the step's output. Raises Stopped."""
        try:
            for action in [{"navigate": {"url": params["start"]}}, *params["actions"]]:
                ((name, values),) = action.items()
                with self._explaining(words.describe(action)):
                    _VERBS[name](self, values)
            with self._explaining("see where it ended"):
                return self._output()
        except Stopped:
            self._look_once_more()
            raise

    def navigate(self, values: dict[str, Json]) -> None:
        """Open a page."""
        permit(values["url"], self._rules)
        self._look(self._ask("goto", url=values["url"]))

    def click(self, values: dict[str, Json]) -> None:
        """Click, once there is something to click: what is not there can have no effect."""
        self._ask("aim", selector=values["selector"])
        self._clicked = True
        self._look(self._ask("click", selector=values["selector"]))

    def fill(self, values: dict[str, Json]) -> None:
        """Fill in a field; a secret only where its credential may be sent."""
        field, value = self._ask("find", selector=values["selector"]), values["value"]
        secret = isinstance(value, dict)
        if secret:
            value = self._reveal(value, page=field["url"])
        elif field["type"] == "password":
            raise Stopped(
                'a password is named, never written into a plan: store a credential, {"$secret": '
                '"name"}.'
            )
        if self._sent_before_filling < 0:
            self._sent_before_filling = self._browser.sent
        self._look(
            self._ask(
                "fill", selector=values["selector"], value=value, secret=secret, tag=field["tag"]
            )
        )

    def extract(self, values: dict[str, Json]) -> None:
        """Read a text or a table."""
        name = values["name"]
        if values["as"] == "table":
            found = self._ask("table", selector=values["selector"])
            columns, rows = _strings(found["columns"]), [_strings(row) for row in found["rows"]]
            self._readings.table(name, columns, rows, cut=bool(found["cut"]))
        else:
            found = self._ask("text", selector=values["selector"])
            self._readings.text(name, str(found["text"]), cut=bool(found["cut"]))

    def screenshot(self, values: dict[str, Json]) -> None:
        """Take a picture and keep it at once: whatever follows, it shows what was seen."""
        found = self._ask("picture", full_page=values.get("full_page", False))
        row = attachments.keep(
            step_id=self._context.step_id,
            name=values["name"],
            content=base64.b64decode(found["content"]),
            by=system("worker"),
        )
        self._pictures.append({"name": row.name, "sha256": row.sha256})

    def _look_once_more(self) -> None:
        """Keep what the page shows, for whoever has to find out what came of it."""
        if self.doubtful and not self._unanswered:
            with suppress(GovernanceError):
                self.screenshot({"name": LAST_LOOK})

    @contextmanager
    def _explaining(self, doing: str) -> Iterator[None]:
        try:
            yield
        except BrowserFailed as error:
            raise Stopped(f"Could not {doing}: {self._explain(error)}.") from None
        except GovernanceError as error:
            raise Stopped(f"Could not {doing}: {error}") from None

    def _ask(self, do: str, **more: Json) -> Answer:
        self._unanswered = True
        try:
            answer = self._browser.ask(do, seconds=ACTION_SECONDS, **more)
        except BrowserFailed as error:
            self._unanswered = error.kind == "silent"
            raise
        self._unanswered = False
        return answer

    def _reveal(self, reference: dict[str, Json], *, page: str) -> str:
        """The secret, if it may be sent to the host of the page that holds the field."""
        host = permit(page, self._rules).host
        secret, revealed = resolve_secrets(reference, self._context.workspace_id, hosts=[host])
        self.revealed.extend(revealed)
        return str(secret)

    def _look(self, where: Answer) -> None:
        """Note where the page is now, and that it is where it may be."""
        self._where = where
        if where["url"].startswith("chrome-error:"):
            raise BrowserFailed("navigation", {"code": "", "failed": self._browser.failed})
        permit(where["url"], self._rules)

    def _explain(self, error: BrowserFailed) -> str:
        place = _host_and_port(error.answer.get("failed", ""))
        for problem in reversed(self._browser.proxy.problems):
            if problem.where == "" or (error.kind == "navigation" and problem.where == place):
                return problem.why.removesuffix(".")
        if error.kind != "navigation":
            return WHY.get(error.kind, "the browser could not do it")
        return f"{place or 'the page'} could not be loaded ({error.answer.get('code') or 'failed'})"

    def _output(self) -> dict[str, Json]:
        where = self._ask("where")
        self._look(where)
        asked = set(where["asked"])
        problems = [one.where for one in self._browser.proxy.problems if one.where in asked]
        return {
            "url": self._readings.line(where["url"], most=MAX_URL),
            "title": self._readings.line(where["title"], most=MAX_TITLE),
            "extracted": self._readings.found,
            "truncated": self._readings.truncated,
            "screenshots": self._pictures,
            "refused": {
                "hosts": list(dict.fromkeys(problems))[:MAX_REFUSED],
                "pages": where["pages"],
                "downloads": where["downloads"],
            },
            "isolation": {
                "network": self._browser.own_network,
                "sandbox": self._browser.sandboxed,
            },
        }


_VERBS = {
    "navigate": Visit.navigate,
    "click": Visit.click,
    "fill": Visit.fill,
    "extract": Visit.extract,
    "screenshot": Visit.screenshot,
}


def _strings(found: Json) -> list[str]:
    """A page can answer with anything at all."""
    if not isinstance(found, list) or not all(isinstance(one, str) for one in found):
        raise BrowserFailed("no_table")
    return found


def _host_and_port(url: str) -> str:
    try:
        found = urlsplit(url)
        port = found.port or (443 if found.scheme == "https" else 80)
    except ValueError:
        return ""
    return f"{found.hostname}:{port}" if found.hostname else ""
