"""Web server and worker together, in one terminal."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from types import FrameType, TracebackType
from typing import Self

import uvicorn
from django.conf import settings

from governance.streams.hub import HUB

log = logging.getLogger(__name__)

STOP_SECONDS = 60
"""How long the worker may go on with the execution at hand."""

RESTART_SECONDS = 1.0


class WorkerProcess:
    """A worker in a process of its own, started again when it dies, stopped when we stop."""

    def __init__(self) -> None:
        self._stop = threading.Event()
        self._process = self._start()
        self._thread = threading.Thread(target=self._watch, name="worker-watch", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stop.set()
        self._thread.join()
        self._process.terminate()
        log.info("The worker ends after the execution at hand; Ctrl-C does not wait for it.")
        try:
            self._process.wait(STOP_SECONDS)
        except (subprocess.TimeoutExpired, KeyboardInterrupt):
            self._process.kill()  # its lease will run out, and another worker takes over
            self._process.wait()

    def _start(self) -> subprocess.Popen[bytes]:
        manage = Path(sys.argv[0]).resolve()
        command = [sys.executable, str(manage), "worker", "--parent", str(os.getpid())]
        # A session of its own, so that Ctrl-C reaches the server first and the worker through us.
        return subprocess.Popen(  # noqa: S603  our own command line
            command, stdout=subprocess.DEVNULL, start_new_session=True
        )

    def _watch(self) -> None:
        while not self._stop.wait(RESTART_SECONDS):
            if self._process.poll() is not None:
                log.warning("The worker ended with %s; starting another.", self._process.returncode)
                self._process = self._start()


class Server(uvicorn.Server):
    """Ends the open streams when it is told to stop: it would wait for them."""

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Called by a signal."""
        HUB.close()
        super().handle_exit(sig, frame)


def serve(*, host: str, port: int) -> None:
    """Serve until Ctrl-C or SIGTERM; returns when both have stopped. Raises OSError."""
    config = uvicorn.Config(
        settings.ASGI_APPLICATION.replace(".application", ":application"),
        host=host,
        port=port,
        log_config=None,
        access_log=False,
        lifespan="off",
        server_header=False,
        timeout_graceful_shutdown=STOP_SECONDS,
    )
    if threading.current_thread() is threading.main_thread():
        # The server passes signals on when it has stopped; this one would end us there and then.
        signal.signal(signal.SIGTERM, _interrupt)
    with contextlib.suppress(KeyboardInterrupt), WorkerProcess():
        Server(config).run()
    log.info("Stopped.")


def _interrupt(number: int, frame: FrameType | None) -> None:  # noqa: ARG001  the signal module's signature
    raise KeyboardInterrupt
