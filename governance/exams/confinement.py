"""Confinement: a process takes its own rights away, layer by layer, for good.

Runs inside the process that is to be confined, before any code of an agent is loaded. What a
machine does not offer is left out, and the caller is told which layers there are.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import pwd
import resource
import signal
import stat
import struct
import sys
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from governance.exams.layers import DEVICES, Layer
from governance.exams.syscalls import CHOICES, ENDS, NAMESPACES, NEEDED, OPENS, THREAD, WRITES

try:
    import pyseccomp
except (ImportError, RuntimeError, OSError, AttributeError):  # RuntimeError: there is no libseccomp
    pyseccomp = None

MEMORY_BYTES = 2 * 1024**3
OPEN_FILES = 128
THREADS = 256

CLONE_NEWUSER, CLONE_NEWNET, CLONE_NEWIPC = 0x10000000, 0x40000000, 0x08000000
PR_SET_PDEATHSIG, PR_SET_NO_NEW_PRIVS = 1, 38
CAPABILITIES_V3 = 0x20080522

LANDLOCK_CREATE, LANDLOCK_ADD, LANDLOCK_RESTRICT = 444, 445, 446
LANDLOCK_VERSION = 1
PATH_BENEATH = 1
READ_FILE, READ_DIR, WRITE_FILE = 1 << 2, 1 << 3, 1 << 1
RIGHTS = (13, 14, 15, 15, 16)
"""How many rights over files Landlock knows, by its version from 1; from 5 on as many."""

NETWORK_SINCE, SCOPES_SINCE = 4, 6
TCP = SCOPES = 3
"""Both ways of TCP; both scopes: abstract sockets and signals stay within."""

_LIBC = ctypes.CDLL(None, use_errno=True)


class NotAvailable(Exception):
    """The machine does not offer a layer."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """What remains. `readable`: files, and folders with all in them; `listable`: names only.

    `seconds` of processor time. `parent`: the process with which this one is to die.
    """

    readable: Sequence[str]
    listable: Sequence[str]
    seconds: int
    parent: int


def confine(bounds: Bounds, wanted: Collection[str]) -> list[str]:
    """Put on the wanted layers, as far as there are any; returns those that were obtained.

    There is no way back, and each may close what the ones before it needed.
    """
    obtained: list[str] = []
    steps: dict[Layer, Callable[[], None]] = {
        Layer.NETWORK: _leave_network,
        Layer.LIMITS: lambda: _limit(bounds, wanted, obtained),
        Layer.USER: lambda: _leave_root(bounds),
        Layer.PRIVILEGES: _drop_privileges,
        Layer.FILES: lambda: _hide_files(bounds),
        Layer.SYSCALLS: lambda: _filter(hidden=Layer.FILES in obtained),
    }
    for layer, step in steps.items():
        _die_with(bounds.parent)  # again: whoever becomes somebody else has to repeat it
        if layer in wanted:
            with contextlib.suppress(NotAvailable):
                step()
                obtained.append(layer.value)
    return obtained


# --- Network, limits, user, privileges ------------------------------------------------------------


def _die_with(parent: int) -> None:
    """Be killed when the process that started this one dies."""
    with contextlib.suppress(NotAvailable):
        _call("prctl", PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


def _leave_network() -> None:
    """A network namespace of its own: straight away where one may, else in a user namespace."""
    apart = CLONE_NEWNET | CLONE_NEWIPC
    try:
        _call("unshare", apart)
    except NotAvailable:
        _call("unshare", CLONE_NEWUSER | apart)


def _limit(bounds: Bounds, wanted: Collection[str], obtained: Collection[str]) -> None:
    limits = {
        resource.RLIMIT_CPU: bounds.seconds,
        resource.RLIMIT_AS: MEMORY_BYTES,
        resource.RLIMIT_FSIZE: 0,
        resource.RLIMIT_NOFILE: OPEN_FILES,
        resource.RLIMIT_CORE: 0,
    }
    if Layer.SYSCALLS not in wanted or pyseccomp is None:
        limits[resource.RLIMIT_NPROC] = 0  # nothing else keeps it from starting processes
    elif os.geteuid() == 0 or Layer.NETWORK in obtained:
        limits[resource.RLIMIT_NPROC] = THREADS  # elsewhere its user's other processes count too
    try:
        for which, most in limits.items():
            _, hard = resource.getrlimit(which)
            limit = most if hard == resource.RLIM_INFINITY else min(most, hard)
            # Of time, a second to be told of it: the hard limit kills without a word.
            resource.setrlimit(which, (max(0, limit - (which == resource.RLIMIT_CPU)), limit))
    except (OSError, ValueError) as error:
        raise NotAvailable from error


def _leave_root(bounds: Bounds) -> None:
    """Become `nobody`, unless somebody else than root does this already.

    Not where what the program is made of can only be read as root.
    """
    if os.geteuid() != 0:
        return
    try:
        nobody = pwd.getpwnam("nobody")
        os.setgroups([])
        if not _may_read(bounds.readable, nobody):
            raise NotAvailable
        os.setresgid(nobody.pw_gid, nobody.pw_gid, nobody.pw_gid)
        os.setresuid(nobody.pw_uid, nobody.pw_uid, nobody.pw_uid)
    except (KeyError, OSError) as error:
        raise NotAvailable from error


def _may_read(paths: Sequence[str], user: pwd.struct_passwd) -> bool:
    os.setegid(user.pw_gid)
    os.seteuid(user.pw_uid)
    try:
        return all(
            os.access(path, os.R_OK | (os.X_OK if Path(path).is_dir() else 0), effective_ids=True)
            for path in paths
        )
    except PermissionError:
        return False
    finally:
        os.seteuid(0)
        os.setegid(0)


def _drop_privileges() -> None:
    """No capabilities, also none in a user namespace, and none from any file."""
    _call("prctl", PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    header = struct.pack("=Ii", CAPABILITIES_V3, 0)
    _call("capset", header, struct.pack("=6I", *[0] * 6))


# --- Files ----------------------------------------------------------------------------------------


def _hide_files(bounds: Bounds) -> None:
    """Landlock: of all files, those that are named may be read, and none written or run."""
    version = _call("syscall", LANDLOCK_CREATE, None, 0, LANDLOCK_VERSION)
    if version < 1:
        raise NotAvailable
    rights = (1 << RIGHTS[min(version, len(RIGHTS)) - 1]) - 1
    handled = [rights]
    handled += [TCP] if version >= NETWORK_SINCE else []
    handled += [SCOPES] if version >= SCOPES_SINCE else []
    packed = struct.pack(f"={len(handled)}Q", *handled)
    ruleset = _call("syscall", LANDLOCK_CREATE, packed, len(packed), 0)
    for path in bounds.readable:
        _grant(ruleset, path, READ_FILE | READ_DIR)
    for path in bounds.listable:
        _grant(ruleset, path, READ_DIR)
    for path in DEVICES:
        _grant(ruleset, path, READ_FILE)
    _grant(ruleset, os.devnull, READ_FILE | WRITE_FILE)
    _call("syscall", LANDLOCK_RESTRICT, ruleset, 0)
    os.close(ruleset)


def _grant(ruleset: int, path: str, access: int) -> None:
    """Allow `access` to a file, or beneath a folder. What is not there needs no rule."""
    try:
        found = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    try:
        access &= ~0 if stat.S_ISDIR(os.fstat(found).st_mode) else ~READ_DIR
        _call("syscall", LANDLOCK_ADD, ruleset, PATH_BENEATH, struct.pack("=Qi", access, found), 0)
    finally:
        os.close(found)


# --- System calls ---------------------------------------------------------------------------------


def _filter(*, hidden: bool) -> None:
    """Let the needed system calls through; end the process at those no tool needs.

    `hidden`: files are guarded already. Else none is opened for writing.
    """
    if pyseccomp is None:
        raise NotAvailable
    try:
        rules = pyseccomp.SyscallFilter(pyseccomp.ERRNO(errno.EPERM))
        for name in NEEDED:
            _rule(rules, pyseccomp.ALLOW, name)
        for name in ENDS:
            _rule(rules, pyseccomp.KILL_PROCESS, name)
        _special(rules, hidden=hidden)
        rules.load()
    except OSError as error:
        raise NotAvailable from error


def _special(rules: Any, *, hidden: bool) -> None:
    """The calls that depend on their arguments."""
    arg, masked = pyseccomp.Arg, pyseccomp.MASKED_EQ
    # A thread, but no process. Without clone3, whose arguments no filter sees, libraries use clone.
    _rule(rules, pyseccomp.ALLOW, "clone", arg(0, masked, THREAD | NAMESPACES, THREAD))
    _rule(rules, pyseccomp.KILL_PROCESS, "clone", arg(0, masked, THREAD, 0))
    _rule(rules, pyseccomp.ERRNO(errno.ENOSYS), "clone3")
    for name, (position, values) in CHOICES.items():
        for value in values:
            _rule(rules, pyseccomp.ALLOW, name, arg(position, pyseccomp.EQ, value))
    for name, position in OPENS.items():
        reading = () if hidden else (arg(position, masked, WRITES, 0),)
        _rule(rules, pyseccomp.ALLOW, name, *reading)


def _rule(rules: Any, action: int, name: str, *arguments: Any) -> None:
    with contextlib.suppress(OSError):  # not every architecture has every call
        rules.add_rule(action, name, *arguments)


def _call(name: str, *arguments: Any) -> int:
    """A function of the C library, on Linux. Raises NotAvailable where it fails."""
    if sys.platform != "linux":
        raise NotAvailable
    given = [ctypes.c_long(each) if isinstance(each, int) else each for each in arguments]
    found = int(getattr(_LIBC, name)(*given))
    if found == -1:
        raise NotAvailable(os.strerror(ctypes.get_errno()))
    return found
