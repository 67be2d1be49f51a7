"""What the lookout says of what is tried, from the events of Python itself."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from governance.exams.lookout import Lookout


@pytest.fixture
def look(tmp_path):
    """Says what is told of an event; nothing hooks into this process."""
    allowed, folder = tmp_path / "allowed", tmp_path / "folder"
    for each in (allowed, folder):
        each.mkdir()
        (each / "file.txt").write_text("x")
    (allowed / "link").symlink_to(folder / "file.txt")
    told: list[str] = []
    lookout = Lookout(
        readable=[str(allowed)],
        listable=[str(folder)],
        hidden=["config", "governance.models"],
        report=told.append,
    )

    def event(name, *arguments):
        told.clear()
        lookout._hook(name, arguments)
        return told[0] if told else ""

    event.allowed, event.folder = allowed, folder
    return event


QUIET = [
    ("import", "json", None, [], [], []),
    ("import", "configparser", None, [], [], []),
    ("import", "governance.domain.values", None, [], [], []),
    ("import", "governance.modelsmith", None, [], [], []),
    ("open", 5, "rb", 0),
    ("open", "/no/such/file", "r", 0),
    ("open", os.devnull, "w", os.O_WRONLY),
    ("sqlite3.connect", ":memory:"),
    ("socket.__new__", None, 1, 1, 0),
    ("socket.gethostname",),
    ("ctypes.dlsym", None, "strlen"),
    ("ctypes.dlopen", None),
    ("os.listdir", 7),
    ("compile", b"x", "<string>"),
    ("exec", None),
    # what makes no sense is no evidence
    ("open",),
    ("open", None, None, None),
    ("socket.__new__",),
    ("sqlite3.connect", 5),
]


@pytest.mark.parametrize("event", QUIET, ids=str)
def test_what_is_nobodys_business(look, event):
    assert look(*event) == ""


TOLD = [
    (("import", "config", None), "It tried to reach behind its tools: import config"),
    (("import", "config.settings", None), "It tried to reach behind its tools: import config.s"),
    (("import", "governance.models", None), "It tried to reach behind its tools: import gover"),
    (("open", "/etc/passwd", "r", 0), "It tried to open a file it has no business with: /etc/pas"),
    (("open", b"/etc/passwd", "r", 0), "It tried to open a file it has no business with: /etc/"),
    (("open", "/etc/passwd", None, 0), "It tried to open a file it has no business with"),
    (("open", "/tmp/x", "w", 0), "It tried to write a file: /tmp/x"),
    (("open", "/tmp/x", "r+", 0), "It tried to write a file: /tmp/x"),
    (("open", "/tmp/x", None, os.O_RDWR), "It tried to write a file: /tmp/x"),
    (("os.listdir", "/etc"), "It tried to list a folder it has no business with: /etc"),
    (("os.scandir", "/etc"), "It tried to list a folder it has no business with: /etc"),
    (("sqlite3.connect", "live.db"), "It tried to open a database: live.db"),
    (("socket.__new__", None, 2, 1, 0), "It tried to reach the network: it opened a socket"),
    (
        ("socket.connect", None, ("10.0.0.1", 80)),
        "It tried to reach the network: socket.connect 10.0.0.1 80",
    ),
    (
        ("socket.getaddrinfo", "example.com", 80, 0, 0, 0),
        "It tried to reach the network: socket.getaddrinfo example.com",
    ),
    (
        ("subprocess.Popen", "ls", ["ls", "-l"], None, None),
        "It tried to start a process: subprocess.Popen ls ls -l",
    ),
    (("os.fork",), "It tried to start a process: os.fork"),
    (("os.system", b"ls"), "It tried to start a process: os.system ls"),
    (("os.kill", 1, 9), "It tried to signal other processes: os.kill"),
    (("os.remove", "/tmp/x", -1), "It tried to change files: os.remove /tmp/x"),
    (("ctypes.dlsym", None, "connect"), "It tried to go around its tools: connect of the C"),
    (("ctypes.dlsym", None, "syscall"), "It tried to go around its tools: syscall of the C"),
]


@pytest.mark.parametrize(("event", "says"), TOLD, ids=[str(event) for event, _ in TOLD])
def test_what_is_told(look, event, says):
    assert look(*event).startswith(says)


def test_what_may_be_read_and_what_only_listed(look):
    assert look("open", str(look.allowed / "file.txt"), "r", 0) == ""
    assert look("os.listdir", str(look.allowed)) == ""
    assert look("os.listdir", str(look.folder)) == ""
    assert look("open", str(look.folder / "file.txt"), "r", 0) != ""
    assert look("open", str(look.allowed / ".." / "folder" / "file.txt"), "r", 0) != ""


def test_a_link_is_where_it_leads(look):
    assert look("open", str(look.allowed / "link"), "r", 0) != ""


def test_a_name_that_only_begins_alike_is_another(look, tmp_path):
    beside = tmp_path / "allowed-not"
    beside.mkdir()
    (beside / "x").write_text("")
    assert look("open", str(beside / "x"), "r", 0) != ""


def test_words_are_cut(look):
    assert len(look("open", f"/{'x' * 5_000}", "w", 0)) < 300


def test_relative_paths_are_seen_from_where_it_is(look, monkeypatch):
    monkeypatch.chdir(look.allowed)
    assert look("open", "file.txt", "r", 0) == ""
    assert look("os.listdir", ".") == ""
    assert look("os.listdir", None) == ""
    monkeypatch.chdir(Path("/etc"))
    assert look("open", "passwd", "r", 0) != ""
