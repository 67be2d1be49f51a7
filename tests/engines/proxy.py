"""A line to a broker or database on this machine that can be cut, and mended."""

from __future__ import annotations

import contextlib
import socket
import threading


class Line:
    """While open, passes on what comes to `port`; cut, it drops everybody and refuses everybody."""

    def __init__(self, host: str, port: int) -> None:
        self._far = (host, port)
        self._lock = threading.Lock()
        self._ends: list[socket.socket] = []
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._server.getsockname()[1]
        self._accept_from(self._server)

    def __enter__(self) -> Line:
        return self

    def __exit__(self, *_: object) -> None:
        self.cut()

    def cut(self) -> None:
        """Nobody listens any more, and who was talking is hung up on."""
        with self._lock:
            ends, self._ends = [self._server, *self._ends], []
        for end in ends:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def mend(self) -> None:
        """Listen again, at the same port."""
        self._server = socket.create_server(("127.0.0.1", self.port))
        self._accept_from(self._server)

    def _accept_from(self, server: socket.socket) -> None:
        threading.Thread(target=self._accept, args=[server], daemon=True).start()

    def _accept(self, server: socket.socket) -> None:
        with contextlib.suppress(OSError):  # it was cut
            while True:
                near, _ = server.accept()
                far = socket.create_connection(self._far)
                with self._lock:
                    self._ends += [near, far]
                for pair in ((near, far), (far, near)):
                    threading.Thread(target=_pass_on, args=pair, daemon=True).start()


def _pass_on(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65_536):
            target.sendall(data)
    for end in (source, target):
        with contextlib.suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
