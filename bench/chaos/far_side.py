"""The far side: an HTTP server on loopback that does what it is told, and counts.

`/keyed` takes effect once an idempotency key; `/unkeyed` takes effect whenever it is called.
"""

from __future__ import annotations

import json
import random
import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class FarSide:
    """While open, serves. `keyed` and `unkeyed` count effects, `calls` requests, each by `ref`.

    `arrived`: when the first of them came, on the monotonic clock.
    `refusals`: how often to refuse what comes under this `ref`. `delays`: seconds to wait with the
    answer to it. Every request takes `slow` seconds at most, split at random before and after its
    effect.
    """

    def __init__(self, *, slow: float = 0.05) -> None:
        self.keyed: Counter[str] = Counter()
        self.unkeyed: Counter[str] = Counter()
        self.calls: Counter[str] = Counter()
        self.refusals: Counter[str] = Counter()
        self.delays: dict[str, float] = {}
        self.arrived: dict[str, float] = {}
        self._keys: set[str] = set()
        self._slow, self._lock = slow, threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> FarSide:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def take(self, path: str, ref: str, key: str) -> int:
        """Returns the HTTP status: 200, or 503 for what is refused."""
        self.arrived.setdefault(ref, time.monotonic())
        self._dawdle()
        with self._lock:
            self.calls[ref] += 1
            if self.refusals[ref] > 0:
                self.refusals[ref] -= 1
                return 503
            if path == "/unkeyed":
                self.unkeyed[ref] += 1
            elif key not in self._keys:
                self._keys.add(key)
                self.keyed[ref] += 1
        self._dawdle()
        time.sleep(self.delays.get(ref, 0.0))
        return 200

    def _dawdle(self) -> None:
        time.sleep(random.uniform(0.0, self._slow / 2))

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        far_side = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                length = int(self.headers["Content-Length"])
                body = self.rfile.read(length)
                if len(body) < length:
                    return  # whoever asked died before they had said it all: nothing arrived
                ref = json.loads(body)["ref"]
                status = far_side.take(self.path, ref, self.headers["Idempotency-Key"])
                answer = json.dumps({"taken": ref}).encode()
                try:
                    self.send_response(status)
                    self.send_header("Content-Length", str(len(answer)))
                    self.end_headers()
                    self.wfile.write(answer)
                except OSError:
                    pass  # whoever asked is dead

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        return Handler
