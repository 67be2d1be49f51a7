"""What a process gives itself is what it then has."""

from __future__ import annotations

import json
import subprocess
import sys

LOOK = """
import dataclasses, json, os, socket, sys
from governance.browser import isolation
if sys.argv[1] == "never":
    isolation._works = lambda **_: False
root = os.geteuid() == 0
obtained = dataclasses.asdict(isolation.enter())
with socket.create_server(("127.0.0.1", 0)) as server:
    socket.create_connection(server.getsockname(), timeout=5).close()
try:
    socket.create_connection(("127.0.0.1", int(sys.argv[2])), timeout=5).close()
    reached = True
except OSError:
    reached = False
interfaces = [name for _, name in socket.if_nameindex()]
print(json.dumps([obtained, root, os.geteuid() == 0, reached, interfaces]))
"""


def look(how, port):
    command = [sys.executable, "-c", LOOK, how, str(port)]
    said = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    return json.loads(said.stdout)


def test_a_network_of_its_own_reaches_nothing_of_ours(elsewhere):
    obtained, was_root, is_root, reached, interfaces = look("if possible", elsewhere)
    if obtained["network"]:
        assert not reached
        assert interfaces == ["lo"]
    else:
        assert reached
    assert obtained["sandbox"] is not is_root
    assert was_root or not is_root


def test_where_it_is_not_possible_nothing_changes(elsewhere):
    obtained, was_root, is_root, reached, _ = look("never", elsewhere)
    assert obtained == {"network": False, "sandbox": not was_root}
    assert is_root is was_root
    assert reached
