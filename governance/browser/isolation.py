"""What a process can give itself before it starts a browser: a network of its own, no rights.

On Linux, a process whose network holds nothing but a loopback can reach nothing else: what a
browser would send past its proxy (DNS, UDP, anything) has nowhere to go. And root stops being root
in a user namespace, so that Chromium's own sandbox, which root cannot use, works there as well. It
takes user namespaces, or root; where there are neither, the proxy and the browser's flags have to
do.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import os
import socket
import struct
import sys
from dataclasses import dataclass
from pathlib import Path

CLONE_NEWUSER = 0x1000_0000
CLONE_NEWPID = 0x2000_0000
CLONE_NEWNET = 0x4000_0000
SIOCGIFFLAGS = 0x8913
SIOCSIFFLAGS = 0x8914
IFF_UP = 1
NOT_ROOT = 1_000
"""Who root is in a namespace of its own."""

REQUEST = struct.Struct("16sH22x")
"""struct ifreq (netdevice(7)): an interface's name and its flags."""


@dataclass(frozen=True, slots=True)
class Obtained:
    """`network`: there is only a loopback. `sandbox`: Chromium's own may be used."""

    network: bool
    sandbox: bool


def enter() -> Obtained:
    """Give this process what this machine permits. Before any thread is started."""
    root = os.geteuid() == 0
    for as_user in (True, False) if root else (True,):
        if sys.platform == "linux" and _works(as_user=as_user):
            _enter(as_user=as_user)
            return Obtained(network=True, sandbox=as_user)
    return Obtained(network=False, sandbox=not root)


def _works(*, as_user: bool) -> bool:
    """Try it in a child: half of it, such as a network without a loopback, cannot be undone."""
    child = os.fork()
    if child == 0:
        status = 1
        with contextlib.suppress(OSError):
            _enter(as_user=as_user)
            if as_user:
                _unshare(CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET)  # as Chromium's sandbox will
            status = 0
        os._exit(status)
    return os.waitpid(child, 0)[1] == 0


def _enter(*, as_user: bool) -> None:
    user, group = os.geteuid(), os.getegid()
    _unshare(CLONE_NEWNET | (CLONE_NEWUSER if as_user else 0))
    if as_user:
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"{user or NOT_ROOT} {user} 1")
        Path("/proc/self/gid_map").write_text(f"{group or NOT_ROOT} {group} 1")
    _raise_loopback()


def _unshare(flags: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(flags) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def _raise_loopback() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        asked = fcntl.ioctl(sock, SIOCGIFFLAGS, REQUEST.pack(b"lo", 0))
        _, flags = REQUEST.unpack(asked)
        fcntl.ioctl(sock, SIOCSIFFLAGS, REQUEST.pack(b"lo", flags | IFF_UP))
