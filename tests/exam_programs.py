"""Programs that sit exams in tests. Nothing here needs Django: a sandbox has no settings."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import decimal
import email.message
import json
import os
import random
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
import zoneinfo
from pathlib import Path

from governance.runtimes.base import AgentProgram, TaskFailed
from governance.runtimes.samples import Replayer


class Acts(AgentProgram):
    """Acts as its context says, and hands over what it was told."""

    def run(self, task, tools):
        answers = [
            tools.act(key, params, reasoning="Asked.") for key, params in task.context["acts"]
        ]
        return {
            "told": [
                {
                    "route": a.route,
                    "reasons": list(a.reasons),
                    "state": a.state.value,
                    "output": a.output,
                    "guidance": a.guidance,
                    "proposal": a.proposal,
                    "claim": a.claim,
                }
                for a in answers
            ]
        }


class Large(AgentProgram):
    """Hands on what it was told."""

    def run(self, task, tools):
        return tools.act("thing_large", task.context["params"]).output


class Ends(AgentProgram):
    """Ends in the way its context names."""

    def run(self, task, tools):
        return getattr(self, f"by_{task.context['how']}")(tools)

    def by_saying_so(self, tools):
        raise TaskFailed("There are no sales.")

    def by_raising(self, tools):
        raise ValueError("hunter2-hunter2")

    def by_exiting(self, tools):
        sys.exit(3)

    def by_a_list(self, tools):
        return [1]

    def by_abort(self, tools):
        os.abort()

    def by_going(self, tools):
        os._exit(5)

    def by_hanging(self, tools):
        time.sleep(600)

    def by_computing(self, tools):
        while True:
            pass

    def by_asking_on(self, tools):
        while True:
            tools.act("thing_read", {})

    def by_memory(self, tools):
        return {"bytes": len(bytearray(8 * 1024**3))}

    def by_garbage(self, tools):
        os.write(_line(), b"no json\n")

    def by_forging(self, tools):
        os.write(_line(), json.dumps({"finished": {}, "loaded": True}).encode() + b"\n")

    def by_silence(self, tools):
        self._says({"misbehaved": "\0"})

    def by_a_silent_attempt(self, tools):
        self._says({"attempt": " \u202e"})

    def _says(self, message):
        os.write(_line(), json.dumps(message).encode() + b"\n")
        time.sleep(600)

    def by_flooding(self, tools):
        os.write(_line(), b"x" * 700_000)

    def by_being_deaf(self, tools):
        """Asks, and never reads the answers."""
        asked = {"action_type": "thing_read", "params": {}, "reasoning": ""}
        for _ in range(2_000):
            os.write(_line(), json.dumps({"act": asked}).encode() + b"\n")
        time.sleep(600)


def _line():
    """The way out, as a program that looks around would find it."""
    for descriptor in range(3, 64):
        try:
            flags = os.get_blocking(descriptor), os.fstat(descriptor).st_mode
        except OSError:
            continue
        if flags[1] & 0o170000 == 0o010000 and _writes(descriptor):
            return descriptor
    raise AssertionError("there is no way out")


def _writes(descriptor):
    try:
        os.write(descriptor, b"")
    except OSError:
        return False
    return True


class Deaf(AgentProgram):
    """Asks for much, and never reads it."""

    def run(self, task, tools):
        asked = {"action_type": "thing_large", "params": {}, "reasoning": ""}
        line = json.dumps({"act": asked}).encode() + b"\n"
        while True:
            os.write(_line(), line)


class Harmless(AgentProgram):
    """What programs do that have nothing to hide: threads, event loops, time, chance, imports."""

    def run(self, task, tools):
        heard = []
        thread = threading.Thread(target=lambda: heard.append(tools.act("thing_read", {}).state))
        thread.start()
        thread.join()

        async def wait():
            await asyncio.sleep(0.001)
            return await asyncio.to_thread(tools.act, "thing_read", {})

        found = asyncio.run(wait())
        left, right = socket.socketpair()
        left.sendall(b"x")
        assert right.recv(1) == b"x"
        decimal.Decimal("1.1") + 1
        email.message.EmailMessage()
        zoneinfo.ZoneInfo("Europe/Vienna")
        time.sleep(0.001)
        sqlite3.connect(":memory:").execute("select 1")
        print("hello", random.random())  # noqa: T201
        assert Path(__file__).read_text().startswith('"""Programs that')
        return {
            "heard": [heard[0].value, found.state.value],
            "cwd": sorted(map(str, Path().iterdir())),
        }


class Told(AgentProgram):
    """What it can see of where it is."""

    def run(self, task, tools):
        return {
            "environment": dict(os.environ),
            "uid": os.getuid(),
            "folder": sorted(map(str, Path().iterdir())),
            "modules": sorted(name for name in sys.modules if name.startswith("django")),
            "task": [type(task).__module__, task.run, task.instruction, task.context],
            "configuration": self.configuration,
        }


class Escapes(AgentProgram):
    """Tries the way out that its context names, and says how far it came."""

    def run(self, task, tools):
        how, where = task.context["how"], task.context.get("where")
        return {"came_through": getattr(self, f"by_{how}")(where)}

    def by_socket(self, where):
        with socket.create_connection(("127.0.0.1", where), timeout=5) as line:
            line.sendall(b"out")
        return "sent"

    def by_datagram(self, where):
        line = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        line.sendto(b"out", ("127.0.0.1", where))
        return "sent"

    def by_unix_socket(self, where):
        line = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        line.connect(where)
        line.sendall(b"out")
        return "sent"

    def by_name(self, where):
        return socket.gethostbyname("localhost")

    def by_libc_connect(self, where):
        """Past every audit hook there is for sockets."""
        libc = ctypes.CDLL(None, use_errno=True)
        line = libc.socket(2, 1, 0)
        address = b"\x02\x00" + where.to_bytes(2, "big") + bytes([127, 0, 0, 1]) + bytes(8)
        if line < 0 or libc.connect(line, address, len(address)) != 0:
            raise OSError(ctypes.get_errno(), "no connection")
        libc.write(line, b"out", 3)
        return "sent"

    def by_libc_open(self, where):
        libc = ctypes.CDLL(None, use_errno=True)
        found = libc.open(where.encode(), 0)
        if found < 0:
            raise OSError(ctypes.get_errno(), "not opened")
        return os.read(found, 6).decode()

    def by_subprocess(self, where):
        return subprocess.check_output(["/bin/echo", "out"]).decode().strip()

    def by_system(self, where):
        return os.system("true")

    def by_fork(self, where):
        child = os.fork()
        if child == 0:
            os._exit(0)
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

    def by_libc_fork(self, where):
        child = ctypes.CDLL(None).fork()
        if child == 0:
            os._exit(0)
        if child < 0:
            raise OSError("no process")
        os.waitpid(child, 0)
        return 0

    def by_exec(self, where):
        os.execv("/bin/true", ["true"])

    def by_database(self, where):
        line = sqlite3.connect(where)
        return line.execute("select count(*) from sqlite_master").fetchone()[0] > 0

    def by_file(self, where):
        return Path(where).read_bytes()[:6].decode()

    def by_listing(self, where):
        return sum(1 for _ in Path(where).iterdir()) > 0

    def by_writing(self, where):
        Path(where).write_text("out")
        return "written"

    def by_models(self, where):
        from governance.models import Agent  # noqa: PLC0415

        return Agent.__name__

    def by_django(self, where):
        os.environ["DJANGO_SETTINGS_MODULE"] = where
        import django  # noqa: PLC0415

        django.setup()
        from governance.models import Agent  # noqa: PLC0415

        return Agent.objects.count() >= 0

    def by_environment(self, where):
        return Path(f"/proc/{os.getppid()}/environ").read_bytes().count(b"=") > 0

    def by_signal(self, where):
        os.kill(where, signal.SIGUSR1)
        return "sent"

    def by_libc_signal(self, where):
        if ctypes.CDLL(None).kill(where, int(signal.SIGUSR1)) != 0:
            raise OSError("not sent")
        return "sent"

    def by_ptrace(self, where):
        if ctypes.CDLL(None).ptrace(16, where, 0, 0) != 0:
            raise OSError("not attached")
        return "attached"


class Smuggler(Replayer):
    """Tries a way out first, says nothing of it when it fails, and then does everything right."""

    def run(self, task, tools):
        with contextlib.suppress(Exception):
            getattr(Escapes({}), f"by_{self.configuration['way']}")(self.configuration["where"])
        return super().run(task, tools)
