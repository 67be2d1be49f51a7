"""The lookout: says what a program that is examined tried to do.

Evidence, and no protection: code that sets its mind to it gets around an audit hook. What it tells
is why a program was stopped; that it is stopped, the layers of `confinement` see to.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from governance.exams.layers import DEVICES
from governance.exams.syscalls import AF_UNIX, names

Report = Callable[[str], None]

MAX_WORDS = 200

WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND

NETWORK = names(
    """socket.bind socket.connect socket.getaddrinfo socket.gethostbyaddr socket.gethostbyname
    socket.getnameinfo socket.getservbyname socket.getservbyport socket.sendmsg socket.sendto
    """
)
PROCESSES = names(
    """os.exec os.fork os.forkpty os.posix_spawn os.spawn os.startfile os.system pty.spawn
    subprocess.Popen
    """
)
SIGNALS = names("os.kill os.killpg signal.pthread_kill")
CHANGES = names(
    """os.chflags os.chmod os.chown os.link os.mkdir os.remove os.removexattr os.rename os.rmdir
    os.setxattr os.symlink os.truncate os.utime shutil.rmtree tempfile.mkdtemp tempfile.mkstemp
    """
)
PLAINLY = (
    (NETWORK, "reach the network"),
    (PROCESSES, "start a process"),
    (SIGNALS, "signal other processes"),
    (CHANGES, "change files"),
)
WORDS = (str, bytes, tuple, list)
LISTINGS = names("os.listdir os.scandir os.walk os.fwalk")
NATIVE = names(
    """accept bind clone connect dup2 execl execle execlp execv execve execveat execvp fopen fork
    kill listen open openat popen posix_spawn process_vm_readv ptrace sendto socket syscall system
    unshare vfork
    """
)
"""Functions of the C library that no program needs in an exam."""


class Lookout:
    """Watches this process, from now to its end.

    `report` is told in a sentence, and the process ends. `readable` and `listable`: what may be
    opened. `hidden`: modules that may not be imported, with all in them.
    """

    def __init__(
        self,
        *,
        readable: Sequence[str],
        listable: Sequence[str],
        hidden: Sequence[str],
        report: Report,
    ) -> None:
        self._readable = (*readable, *DEVICES)
        self._listable = (*readable, *listable)
        self._hidden, self._report = tuple(hidden), report
        self._seen: dict[tuple[str, bool], bool] = {}
        self._looks: Mapping[str, Callable[[tuple[Any, ...]], str]] = {
            "open": self._opened,
            "import": self._imported,
            "sqlite3.connect": _database,
            "socket.__new__": _socket,
            "ctypes.dlsym": _native,
            **dict.fromkeys(LISTINGS, self._listed),
        }

    def begin(self) -> None:
        """Hooks cannot be taken away again."""
        sys.addaudithook(self._hook)

    def _hook(self, event: str, arguments: tuple[Any, ...]) -> None:
        look = self._looks.get(event)
        tried = ""
        with contextlib.suppress(Exception):  # what cannot be understood is no evidence
            tried = look(arguments) if look else _plainly(event, arguments)
        if tried:
            self._report(tried)

    def _opened(self, arguments: tuple[Any, ...]) -> str:
        path, mode, flags = (*arguments, None, None)[:3]
        if isinstance(path, int):
            return ""
        writes = any(letter in "wax+" for letter in mode or "") or bool((flags or 0) & WRITES)
        name = os.fsdecode(path)
        if writes and name != os.devnull:
            return f"It tried to write a file: {_short(name)}"
        return self._outside(name, listed=False)

    def _listed(self, arguments: tuple[Any, ...]) -> str:
        path = arguments[0] if arguments and arguments[0] is not None else "."
        return "" if isinstance(path, int) else self._outside(os.fsdecode(path), listed=True)

    def _outside(self, name: str, *, listed: bool) -> str:
        """A sentence, unless the path is among those allowed, or not there at all."""
        allowed = self._seen.get((name, listed))
        if allowed is None:
            real = os.path.realpath(name)
            roots = self._listable if listed else self._readable
            within = any(real == root or real.startswith(f"{root}{os.sep}") for root in roots)
            allowed = within or not os.path.lexists(real)
            self._seen[name, listed] = allowed
        verb = "list a folder" if listed else "open a file"
        return "" if allowed else f"It tried to {verb} it has no business with: {_short(name)}"

    def _imported(self, arguments: tuple[Any, ...]) -> str:
        name = str(arguments[0])
        hidden = any(name == each or name.startswith(f"{each}.") for each in self._hidden)
        return f"It tried to reach behind its tools: import {_short(name)}" if hidden else ""


def _plainly(event: str, arguments: tuple[Any, ...]) -> str:
    for events, tried in PLAINLY:
        if event in events:
            about = " ".join(_word(each) for each in arguments if isinstance(each, WORDS))
            return f"It tried to {tried}: {event} {_short(about)}".rstrip()
    return ""


def _socket(arguments: tuple[Any, ...]) -> str:
    family = int(arguments[1])
    # A pair that is connected with itself is made of such sockets; one alone is seen elsewhere.
    return "" if family in {AF_UNIX, -1} else "It tried to reach the network: it opened a socket"


def _database(arguments: tuple[Any, ...]) -> str:
    name = os.fsdecode(arguments[0])
    return "" if name in {":memory:", ""} else f"It tried to open a database: {_short(name)}"


def _native(arguments: tuple[Any, ...]) -> str:
    name = str(arguments[1])
    return f"It tried to go around its tools: {name} of the C library" if name in NATIVE else ""


def _word(value: Any) -> str:
    if isinstance(value, tuple | list):
        return " ".join(map(_word, value))
    return os.fsdecode(value) if isinstance(value, str | bytes) else str(value)


def _short(text: str) -> str:
    return text if len(text) <= MAX_WORDS else f"{text[:MAX_WORDS]}..."
