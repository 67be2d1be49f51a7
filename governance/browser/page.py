"""One page, as the driver drives it: everything that is asked of Playwright, a method each.

Each takes its own params and `ms`, milliseconds, and returns a JSON object. What goes wrong is
raised as it is, and told apart in `driver.py`.
"""

from __future__ import annotations

import base64
import contextlib
import time
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import (
    Browser,
    Download,
    ElementHandle,
    Error,
    Frame,
    Locator,
    Page,
    Request,
    WebSocket,
)

from governance.browser.tables import READ_TABLE

Message = dict[str, Any]

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
SETTLE_SECONDS = 5.0
"""How long a page may go on loading after what was asked of it is done."""

QUIET_SECONDS = 0.3
MAX_ASKED = 200
MAX_TEXT = 200_000
MAX_PICTURE = 2_000_000
"""Bytes."""

QUALITIES = (None, 80, 50, 25)
"""PNG; then JPEG, smaller and smaller."""

MASK = "#7f7f7f"
FIELDS = "input, textarea"


class Failed(Exception):
    """What was asked could not be done; `kind` says why, in one word."""

    def __init__(self, kind: str, **more: Any) -> None:
        super().__init__(kind)
        self.kind, self.more = kind, more


class PageDriver:
    """One page of one browser, and what is known about it."""

    def __init__(self, browser: Browser) -> None:
        self._context = browser.new_context(
            accept_downloads=False,
            permissions=[],
            service_workers="block",
            viewport={"width": 1280, "height": 800},
        )
        self._page: Page = self._context.new_page()
        self._context.on("page", self._refuse_page)
        self._context.on("request", self._started)
        self._context.on("requestfinished", self._ended)
        self._context.on("requestfailed", self._ended)
        self._page.on("websocket", self._watch)
        self._page.on("download", self._refuse_download)
        self._under_way: set[Request] = set()
        self._asked: set[str] = set()
        self._sent, self._failed, self._busy_at = 0, "", time.monotonic()
        self._refused = {"pages": 0, "downloads": 0}
        self._found: ElementHandle | None = None
        self._masked: list[str] = []
        self._secrets: list[str] = []

    def aside(self) -> Message:
        """What goes along with every answer.

        `sent`: how often the page has sent what may change something (not GET, HEAD or OPTIONS).
        `failed`: the URL of a page that could not be loaded since it was last asked for one.
        """
        return {"sent": self._sent, "failed": self._failed}

    def goto(self, *, url: str, ms: float) -> Message:
        """Open a URL. Fails with `navigation` and a code, `download`, `timeout`."""
        self._failed = ""
        self._page.goto(url, wait_until="domcontentloaded", timeout=ms)
        self._settle()
        return self.where()

    def where(self) -> Message:
        """Where the page is now; the hosts it asked for; how much was refused here."""
        return {
            "url": self._page.url,
            "title": self._page.title(),
            "asked": sorted(self._asked),
            **self._refused,
        }

    def aim(self, *, selector: str, ms: float) -> Message:
        """Wait until one element can be clicked; click nothing."""
        self._page.locator(selector).click(trial=True, timeout=ms)
        return {}

    def click(self, *, selector: str, ms: float) -> Message:
        """Click it, and see what comes of it."""
        self._failed = ""
        self._page.locator(selector).click(timeout=ms)
        self._settle()
        return self.where()

    def find(self, *, selector: str, ms: float) -> Message:
        """Wait for one field, and hold on to it; returns the URL of its document, and its type.

        A document that is replaced meanwhile takes its fields with it: what is filled in later
        goes into this document or nowhere.
        """
        locator = self._page.locator(selector)
        locator.wait_for(state="visible", timeout=ms)
        self._found = locator.element_handle(timeout=ms)
        frame = self._found.owner_frame()
        kind = self._found.evaluate("one => [one.tagName, one.type || '']")
        return {
            "url": frame.url if frame else "",
            "tag": str(kind[0]).upper(),
            "type": str(kind[1]).lower(),
        }

    def fill(self, *, selector: str, value: str, secret: bool, tag: str, ms: float) -> Message:
        """Fill in the field that `find` found."""
        if self._found is None:
            raise Failed("gone")
        if secret:
            self._masked.append(selector)
            self._secrets.append(value)
        if tag == "SELECT":
            self._found.select_option(value, timeout=ms)
        else:
            self._found.fill(value, timeout=ms)
        self._settle()
        return self.where()

    def text(self, *, selector: str, ms: float) -> Message:
        """What can be read in one element."""
        locator = self._page.locator(selector)
        locator.wait_for(state="visible", timeout=ms)
        text = locator.inner_text(timeout=ms)
        return {"text": text[:MAX_TEXT], "cut": len(text) > MAX_TEXT}

    def table(self, *, selector: str, ms: float) -> Message:
        """A table's cells: see `tables.py`. Fails with `no_table`."""
        locator = self._page.locator(selector)
        locator.wait_for(state="visible", timeout=ms)
        found = locator.evaluate(READ_TABLE, timeout=ms)
        if not isinstance(found, dict):
            raise Failed("no_table")
        return found

    def picture(self, *, full_page: bool, ms: float) -> Message:
        """A picture of the page without the secrets that were filled in. Fails with `large`."""
        masks = [self._page.locator(selector) for selector in self._masked]
        for frame in self._page.frames:
            masks += _showing(frame, self._secrets)
        content = b""
        for quality in QUALITIES:
            content = self._page.screenshot(
                full_page=full_page,
                type="png" if quality is None else "jpeg",
                quality=quality,
                mask=masks,
                mask_color=MASK,
                animations="disabled",
                timeout=ms,
            )
            if len(content) <= MAX_PICTURE:
                break
        else:
            raise Failed("large")
        return {"content": base64.b64encode(content).decode()}

    # --- What happens in the browser ------------------------------------------------------------

    def _refuse_page(self, page: Page) -> None:
        """Close whatever is not the one page there is."""
        self._refused["pages"] += 1
        with contextlib.suppress(Error):
            page.close()

    def _refuse_download(self, _: Download) -> None:
        """Playwright has cancelled it."""
        self._refused["downloads"] += 1

    def _started(self, request: Request) -> None:
        self._under_way.add(request)
        self._busy_at = time.monotonic()
        self._sent += request.method not in SAFE
        self._note(request.url)

    def _ended(self, request: Request) -> None:
        self._under_way.discard(request)
        self._busy_at = time.monotonic()
        with contextlib.suppress(Error):  # some requests have no frame
            if request.failure and request.frame == self._page.main_frame:
                self._failed = request.url if request.is_navigation_request() else self._failed

    def _note(self, url: str) -> None:
        if len(self._asked) < MAX_ASKED:
            self._asked.add(_host_and_port(url))

    def _watch(self, found: WebSocket) -> None:
        self._note(found.url)
        found.on("framesent", self._count)

    def _count(self, _: Any) -> None:
        self._sent += 1

    def _settle(self) -> None:
        """Let what was begun come to its end: nothing under way for a moment, or long enough."""
        ends_at = time.monotonic() + SETTLE_SECONDS
        self._busy_at = time.monotonic()
        while time.monotonic() < ends_at:
            self._page.wait_for_timeout(50)
            if not self._under_way and time.monotonic() - self._busy_at >= QUIET_SECONDS:
                return


def _host_and_port(url: str) -> str:
    try:
        found = urlsplit(url)
        port = found.port or (443 if found.scheme in {"https", "wss"} else 80)
    except ValueError:
        return ""
    return f"{found.hostname or ''}:{port}"[:300]


def _showing(frame: Frame, secrets: list[str]) -> list[Locator]:
    """The elements of a frame in which one of these can be read, whoever put it there."""
    if not secrets:
        return []
    fields = frame.locator(FIELDS)
    values = fields.evaluate_all("found => found.map(one => String(one.value))")
    held = [
        fields.nth(position)
        for position, value in enumerate(values)
        if any(secret in value for secret in secrets)
    ]
    return [*held, *(frame.get_by_text(secret) for secret in secrets)]
