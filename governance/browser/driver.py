"""The program that drives the browser, in a process of its own (`python -m`).

It knows no database, no settings and no plan: it does one thing after the other as it is told, one
JSON object a line each way. Its arguments are the number of the socket on which it is told, and the
folder of all its files. When the socket closes, it ends at once, with the browser and the folder.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import queue
import re
import shutil
import socket
import sys
import threading
from collections.abc import Callable

from playwright.sync_api import (
    Browser,
    Error,
    Playwright,
    TimeoutError,  # noqa: A004  Playwright's own
    sync_playwright,
)

from governance.browser import isolation, processes
from governance.browser.page import Failed, Message, PageDriver

FLAGS = (
    # No way out but the proxy: no UDP, no names looked up here, no QUIC.
    "--disable-quic",
    "--force-webrtc-ip-handling-policy=disable_non_proxied_udp",
    "--webrtc-ip-handling-policy=disable_non_proxied_udp",
    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",
    "--dns-prefetch-disable",
    # Nothing of its own accord.
    "--no-pings",
    "--disable-domain-reliability",
    "--disable-client-side-phishing-detection",
    # Nothing that asks, and nothing that is not needed to look at a page.
    "--deny-permission-prompts",
    "--disable-gpu",
    "--mute-audio",
)

TELLING = ("FATAL", "error while loading", "No usable sandbox", "ERROR")
"""What Chromium writes beside why it does not start."""

KINDS = (
    ("strict mode violation", "several"),
    ("Download is starting", "download"),
    ("is not an <input>", "unfillable"),
    ("cannot be filled", "unfillable"),
    ("Cannot type text", "unfillable"),
    ("Malformed value", "unfillable"),
    ("parsing", "selector"),
    ("not a valid selector", "selector"),
    ("Unknown engine", "selector"),
    ("has been closed", "closed"),
    ("crashed", "closed"),
    ("not attached", "gone"),
    ("context was destroyed", "gone"),
)
"""What Playwright's messages mean, by a part of them. They may quote what was filled in, so that
they themselves go no further.
"""


def _launch(playwright: Playwright, told: Message, *, port: int, sandbox: bool) -> Browser:
    try:
        return playwright.chromium.launch(
            executable_path=told["executable"],
            headless=True,
            chromium_sandbox=sandbox,
            args=list(FLAGS),
            timeout=told["ms"],
            proxy={
                "server": f"http://127.0.0.1:{port}",
                "username": told["username"],
                "password": told["password"],
            },
        )
    except Error as error:
        # Nothing secret has been told yet but the proxy's password, which is in no message.
        raise Failed("launch", why=_last_words(error.message)) from None


def _last_words(log: str) -> str:
    """What Chromium said before it ended, which is rarely what Playwright says first."""
    said = [line.partition("[err] ")[2].strip() for line in log.splitlines() if "[err] " in line]
    telling = [line for line in said if any(word in line for word in TELLING)] or said
    return " ".join(telling[:1] or log.splitlines()[:1])[:500]


class Reader(threading.Thread):
    """Hands over what arrives. The end of that is the end of everything, in whatever it is."""

    def __init__(self, channel: socket.socket, folder: str) -> None:
        super().__init__(daemon=True)
        self.told: queue.Queue[Message] = queue.Queue()
        self.ending = threading.Event()
        self._channel, self._folder = channel, folder

    def run(self) -> None:
        with contextlib.suppress(OSError), self._channel.makefile("rb") as lines:
            for line in lines:
                self.told.put(json.loads(line))
        self.ending.set()
        processes.kill_descendants(os.getpid())
        shutil.rmtree(self._folder, ignore_errors=True)
        os._exit(0)


def _say(channel: socket.socket, message: Message) -> None:
    channel.sendall(json.dumps(message).encode() + b"\n")


def _attempt(do: Callable[[], Message]) -> Message:
    """What came of it: the result, or `{"error": kind, ...}`, whose words are all our own."""
    try:
        return do()
    except Failed as error:
        return {"error": error.kind, **error.more}
    except TimeoutError:
        return {"error": "timeout"}
    except Error as error:
        code = re.search(r"net::(ERR_[A-Z_]+)", error.message)
        if code:
            return {"error": "navigation", "code": code[1]}
        kinds = (kind for part, kind in KINDS if part in error.message)
        return {"error": next(kinds, "other")}


def _serve(channel: socket.socket, told: queue.Queue[Message], browser: Browser) -> None:
    driver = PageDriver(browser)
    verbs: dict[str, Callable[..., Message]] = {
        "goto": driver.goto,
        "where": lambda **_: driver.where(),
        "aim": driver.aim,
        "click": driver.click,
        "find": driver.find,
        "fill": driver.fill,
        "text": driver.text,
        "table": driver.table,
        "picture": driver.picture,
    }
    _say(channel, {"ready": True})
    while (message := told.get()).get("do") != "end":
        verb = verbs[message.pop("do")]
        answer = _attempt(lambda verb=verb, message=message: verb(**message))  # type: ignore[misc]
        _say(channel, {**answer, **driver.aside()})
    browser.close()


def main() -> None:
    """Listen for the browser, say so, and drive it until there is nobody left to tell."""
    channel = socket.socket(fileno=int(sys.argv[1]))
    channel.set_inheritable(False)
    obtained = isolation.enter()
    with socket.create_server(("127.0.0.1", 0), backlog=100) as listener:
        port = listener.getsockname()[1]
        hello = json.dumps(dataclasses.asdict(obtained)).encode() + b"\n"
        socket.send_fds(channel, [hello], [listener.fileno()])
    reader = Reader(channel, sys.argv[2])
    reader.start()
    try:
        _drive(channel, reader.told, port=port, sandbox=obtained.sandbox)
    finally:
        if reader.ending.is_set():
            reader.join()  # which ends this process, once it has cleared away


def _drive(channel: socket.socket, told: queue.Queue[Message], *, port: int, sandbox: bool) -> None:
    start = told.get()
    with sync_playwright() as playwright:
        try:
            browser = _launch(playwright, start, port=port, sandbox=sandbox)
        except Failed as error:
            _say(channel, {"error": error.kind, **error.more})
            return
        _serve(channel, told, browser)


if __name__ == "__main__":
    main()
