"""A site on loopback that remembers what it was asked, and its pages."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import socket
import ssl
import struct
import threading
import time
import zlib
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit


@dataclass
class Site:
    """`pages`: what it answers by path; `seen`: method, path and body of what it was asked."""

    port: int = 0
    pages: dict[str, str] = field(default_factory=dict)
    seen: list[tuple[str, str, str]] = field(default_factory=list)

    def url(self, path: str = "/", *, host: str = "127.0.0.1") -> str:
        return f"http://{host}:{self.port}{path}"

    def asked(self, method: str = "GET") -> list[str]:
        return [path for verb, path, _ in self.seen if verb == method]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def handle_one_request(self):
        with contextlib.suppress(ConnectionError):
            super().handle_one_request()

    def _serve(self):
        site: Site = self.server.site
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        path, query = urlsplit(self.path)[2:4]
        if path != "/favicon.ico":  # which a browser asks for when it likes
            site.seen.append((self.command, self.path, body))
        if path == "/socket":
            self._open_socket()
        elif path == "/redirect":
            self._answer("", status=302, location=query)
        elif path == "/slow":
            time.sleep(1.5)
            self._answer("<title>Slow</title><p id=late>at last</p>")
        elif path == "/hang":
            time.sleep(30)
        elif path == "/large":
            self._answer("x" * 2_000_000)
        elif path == "/file":
            self._answer("x", disposition="attachment; filename=file.bin")
        elif path in site.pages:
            self._answer(site.pages[path].replace("{body}", body))
        else:
            self._answer("not found", status=404)

    do_GET = do_POST = _serve  # noqa: N815  the names http.server calls

    def _answer(self, text, *, status=200, location="", disposition=""):
        content = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(content)))
        if location:
            self.send_header("Location", location)
        if disposition:
            self.send_header("Content-Disposition", disposition)
        self.end_headers()
        self.wfile.write(content)

    def _open_socket(self):
        """As much of WebSocket's handshake (RFC 6455, 4.2.2) as it takes to be open."""
        key = f"{self.headers['Sec-WebSocket-Key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
        self.send_response(101)
        self.send_header("Upgrade", "websocket")
        self.send_header("Connection", "Upgrade")
        accepted = base64.b64encode(hashlib.sha1(key.encode()).digest()).decode()
        self.send_header("Sec-WebSocket-Accept", accepted)
        self.end_headers()
        self.rfile.read(1)  # until the browser hangs up
        self.close_connection = True

    def log_message(self, *args):
        """Nothing: a test reads `seen`."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        """A browser that hangs up is nothing to report."""


@contextlib.contextmanager
def serving(*, tls: ssl.SSLContext | None = None, **pages: str):
    """Serve these pages, by their names, until the block ends."""
    site = Site(pages={f"/{name}": page for name, page in pages.items()})
    with _Server(("127.0.0.1", 0), _Handler) as server:
        if tls is not None:
            server.socket = tls.wrap_socket(server.socket, server_side=True)
        server.site, site.port = site, server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield site
        finally:
            server.shutdown()
            thread.join()


@contextlib.contextmanager
def listening_for_datagrams():
    """A UDP socket on loopback; its port, and what arrived."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        sock.settimeout(0.1)
        arrived: list[bytes] = []
        stop = threading.Event()

        def listen():
            while not stop.is_set():
                with contextlib.suppress(TimeoutError):
                    arrived.append(sock.recv(2_000))

        thread = threading.Thread(target=listen, daemon=True)
        thread.start()
        try:
            yield sock.getsockname()[1], arrived
        finally:
            stop.set()
            thread.join()


def pixels(png: bytes) -> list[list[tuple[int, int, int]]]:
    """The rows of a PNG as browsers write it: 8 bits a channel, RGB or RGBA, not interlaced."""
    width, height, depth, kind, _, _, interlaced = struct.unpack(">IIBBBBB", png[16:29])
    assert (depth, kind in {2, 6}, interlaced) == (8, True, 0)
    step, at, packed = 3 if kind == 2 else 4, 8, b""
    while at < len(png):
        (size,) = struct.unpack(">I", png[at : at + 4])
        if png[at + 4 : at + 8] == b"IDAT":
            packed += png[at + 8 : at + 8 + size]
        at += size + 12
    data, above, rows = zlib.decompress(packed), bytearray(width * step), []
    for y in range(height):
        begin = y * (width * step + 1)
        above = _unfiltered(data[begin], data[begin + 1 : begin + 1 + width * step], above, step)
        rows.append([tuple(above[x : x + 3]) for x in range(0, width * step, step)])
    return rows


def _unfiltered(kind: int, line: bytes, above: bytearray, step: int) -> bytearray:
    """One row without its filter (PNG, 9.2)."""
    found = bytearray(line)
    for i in range(len(found)):
        left = found[i - step] if i >= step else 0
        corner = above[i - step] if i >= step else 0
        if kind == 4:
            guess = left + above[i] - corner
            nearest = min((left, above[i], corner), key=lambda one: abs(guess - one))
        else:
            nearest = (0, left, above[i], (left + above[i]) // 2)[kind]
        found[i] = (found[i] + nearest) % 256
    return found
