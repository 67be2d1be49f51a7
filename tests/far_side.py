"""Real counterparts on loopback: an HTTP server that remembers, and a mail server."""

from __future__ import annotations

import contextlib
import gzip
import json
import socketserver
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit


@dataclass
class Seen:
    """One request as it arrived."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self):
        return json.loads(self.body)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def handle_one_request(self):
        with contextlib.suppress(ConnectionError):
            super().handle_one_request()

    def _serve(self):
        length = int(self.headers.get("Content-Length") or 0)
        headers = {name.lower(): value for name, value in self.headers.items()}
        seen = Seen(self.command, self.path, headers, self.rfile.read(length))
        far_side: FarSide = self.server.far_side
        far_side.seen.append(seen)
        url = urlsplit(self.path)
        getattr(self, f"_{url.path.split('/')[1] or 'echo'}")(seen, parse_qs(url.query), far_side)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = _serve  # noqa: N815  the names http.server calls

    def _answer(self, status=200, body=b"", **headers):
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _json(self, data, status=200, **headers):
        body = data if isinstance(data, bytes) else json.dumps(data).encode()
        self._answer(status, body, Content_Type="application/json", **headers)

    def _echo(self, seen, query, far_side):
        """What was sent, with a cookie that must not be kept."""
        data = {"headers": seen.headers, "path": seen.path, "body": seen.body.decode()}
        self._json(data, Set_Cookie="session=cookie-of-the-far-side")

    def _raw(self, seen, query, far_side):
        """What the test put there."""
        self._answer(200, far_side.body, Content_Type=far_side.content_type)

    def _charge(self, seen, query, far_side):
        """Acts once on a key, however often it is asked; `drop` answers fail to arrive."""
        key = seen.headers["idempotency-key"]
        with far_side.lock:
            if key not in far_side.charges:
                far_side.charges[key] = len(far_side.charges) + 1
                far_side.effects[key] += 1
            dropped = far_side.drops > 0
            far_side.drops -= dropped
        if dropped:
            self.close_connection = True
            self.connection.close()
        else:
            self._json({"charge": far_side.charges[key]}, status=201)

    def _post(self, seen, query, far_side):
        """Acts every time it is asked."""
        far_side.effects["post"] += 1
        if far_side.drops > 0:
            far_side.drops -= 1
            self.close_connection = True
            self.connection.close()
            return
        self._answer(200, b"ok", Content_Type="text/plain")

    def _status(self, seen, query, far_side):
        """The statuses of the list in turn, the last of them for ever."""
        statuses = far_side.statuses
        self._json({}, status=statuses.pop(0) if len(statuses) > 1 else statuses[0])

    def _redirect(self, seen, query, far_side):
        self._answer(int(query.get("status", ["302"])[0]), Location=query["to"][0])

    def _drip(self, seen, query, far_side):
        """A byte now and then, for ever."""
        self.send_response(200)
        self.send_header("Content-Length", "1000000")
        self.end_headers()
        with contextlib.suppress(OSError):
            while True:
                self.wfile.write(b"x")
                time.sleep(0.05)

    def _bomb(self, seen, query, far_side):
        body = gzip.compress(b"\0" * 50_000_000)
        self._answer(200, body, Content_Type="text/plain", Content_Encoding="gzip")

    def log_message(self, *args):
        """Nothing: a test reads `seen`."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        """A client that hangs up is nothing to report."""


@dataclass
class FarSide:
    """An HTTP server, and what it saw and did."""

    port: int = 0
    seen: list[Seen] = field(default_factory=list)
    charges: dict[str, int] = field(default_factory=dict)
    effects: Counter = field(default_factory=Counter)
    statuses: list[int] = field(default_factory=lambda: [200])
    drops: int = 0
    body: bytes = b""
    content_type: str = "application/json"
    lock: threading.Lock = field(default_factory=threading.Lock)

    def url(self, path: str = "/echo") -> str:
        return f"http://127.0.0.1:{self.port}{path}"


@contextlib.contextmanager
def http_server():
    """Serve until the block ends."""
    far_side = FarSide()
    with _Server(("127.0.0.1", 0), _Handler) as server:
        server.far_side = far_side
        far_side.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield far_side
        finally:
            server.shutdown()
            thread.join()


@dataclass
class Mail:
    """A mail server's box. `refuse`: the verb to say no to; `hang_up`: the one to vanish after."""

    port: int = 0
    messages: list[tuple[list[str], str]] = field(default_factory=list)
    refuse: str = ""
    hang_up: str = ""


class _Smtp(socketserver.StreamRequestHandler):
    """As much SMTP (RFC 5321) as a client of one message needs."""

    def handle(self):
        mail, recipients = self.server.mail, []
        self._say("220 test")
        for line in self.rfile:
            verb = line.split(b" ")[0].strip().decode().upper()
            if verb == mail.refuse:
                self._say("554 no")
            elif verb == "RCPT":
                recipients.append(line.decode().split("<")[1].split(">")[0])
                self._say("250 ok")
            elif verb == "DATA":
                self._say("354 go on")
                text = b"".join(iter(self.rfile.readline, b".\r\n")).decode()
                mail.messages.append((recipients, text))
                if mail.hang_up == "DATA":
                    return
                self._say("250 taken")
            elif verb == "QUIT":
                self._say("221 bye")
                return
            else:
                self._say("250 ok")

    def _say(self, line):
        self.wfile.write(f"{line}\r\n".encode())


class _SmtpServer(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True


@contextlib.contextmanager
def mail_server():
    """Serve until the block ends."""
    mail = Mail()
    with _SmtpServer(("127.0.0.1", 0), _Smtp) as server:
        server.mail = mail
        mail.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield mail
        finally:
            server.shutdown()
            thread.join()
