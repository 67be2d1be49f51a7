"""Programs in a sandbox: what works as in live work, how they end, and every way out that is tried.

Each way out is tried three times: as an exam does it; without the lookout, so that the layers alone
must hold; and without any of it, as a control that the way is one.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest
from django.conf import settings

from governance.exams import layers, surroundings
from governance.exams.errors import Escaped, SandboxFailed, Unloadable
from governance.exams.layers import Layer
from governance.exams.sandbox import Sandbox
from governance.exams.tools import SimulatedTools
from governance.policy.simulations import Simulation, Tool
from governance.runtimes.base import Misbehaved, Stopped, Task, TaskFailed
from governance.runtimes.in_process import InProcess
from tests import exam_programs

READ = Tool(action_type="thing_read", output={"content": "x"})
NOTHING: frozenset[Layer] = frozenset()
KERNEL = "It made a system call that no agent needs for its tools"


@pytest.fixture(scope="session")
def around():
    return surroundings.of_program(
        "tests.exam_programs",
        project=[settings.SETTINGS_MODULE, settings.ROOT_URLCONF],
        private=[Path(settings.DATA_DIR)],
    )


@pytest.fixture(scope="session")
def available(around) -> frozenset[str]:
    """The layers that this machine offers."""
    probe = Sandbox("tests.exam_programs", "Acts", {}, around, 10)
    probe.run(Task("r", "x", {"acts": []}), tools())
    return frozenset(probe.obtained)


@pytest.fixture
def needs(available):
    def need(*wanted):
        lacking = [layer for layer in wanted if layer not in available]
        if lacking:
            pytest.skip(f"this machine does not offer: {', '.join(lacking)}")

    return need


def tools(turns=50, *answers):
    return SimulatedTools(
        Simulation([READ, *answers]), reasons=lambda key: (f"as for {key}",), turns=turns
    )


@pytest.fixture
def sit(around):
    def run(class_name, context=None, *, seconds=10, given=None, configuration=None, **values):
        sandbox = Sandbox(
            "tests.exam_programs", class_name, configuration or {}, around, seconds, **values
        )
        return sandbox.run(Task("run-1", "Do it.", context or {}), given or tools())

    return run


# --- As in live work ------------------------------------------------------------------------------


def test_a_program_acts_and_is_answered(sit):
    given = tools()
    acts = [["thing_read", {"b": [1, 2.5, None]}], ["thing_burn", {}], ["thing_read", {"a": {1}}]]
    done = sit("Acts", {"acts": acts[:2]}, given=given)
    assert done.succeeded is True
    assert done.output == {
        "told": [
            {
                "route": "execution",
                "reasons": ["as for thing_read"],
                "state": "done",
                "output": {"content": "x"},
                "guidance": "",
                "proposal": "",
                "claim": None,
            },
            {
                "route": "execution",
                "reasons": ["as for thing_burn", "no such record"],
                "state": "failed",
                "output": {},
                "guidance": "",
                "proposal": "",
                "claim": None,
            },
        ]
    }
    assert [(c.action_type, c.params, c.state, c.known, c.reasoning) for c in given.calls] == [
        ("thing_read", {"b": [1, 2.5, None]}, "done", True, "Asked."),
        ("thing_burn", {}, "failed", False, "Asked."),
    ]


@pytest.mark.parametrize("params", [[], "x", {"a": 2**60}, {"$cel": "steps.x.output"}])
def test_what_is_no_plan_is_blocked_as_in_live_work(sit, params):
    told = sit("Acts", {"acts": [["thing_read", params]]}).output["told"]
    assert [(each["route"], each["state"]) for each in told] == [("denied", "blocked")]


def test_large_texts_of_any_alphabet_go_through(sit):
    """As large as params and an output may be, in letters of two bytes."""
    given = tools(50, Tool(action_type="thing_large", cel="{'text': params.text}"))
    params = {"text": "é" * 120_000}
    done = sit("Large", {"params": params}, given=given)
    assert done.output == {"text": "é" * 120_000}
    assert given.calls[0].params == params


def test_a_program_sees_its_task_its_configuration_and_nothing_else(sit):
    seen = sit("Told", {"a": 1}, configuration={"model": "m", "list": [1]}).output
    assert seen["task"] == ["governance.runtimes.base", "run-1", "Do it.", {"a": 1}]
    assert seen["configuration"] == {"model": "m", "list": [1]}
    assert sorted(seen["environment"]) == ["HOME", "LANG"]
    assert (seen["folder"], seen["modules"]) == ([], [])


def test_what_harmless_programs_do_is_let_through(sit):
    assert sit("Harmless").output == {"heard": ["done", "done"], "cwd": []}


# --- How programs end -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("how", "error", "says"),
    [
        ("saying_so", TaskFailed, "There are no sales."),
        ("raising", Misbehaved, "Its program raised ValueError."),
        ("exiting", Misbehaved, "Its program raised SystemExit."),
        ("a_list", Misbehaved, "It returned list, and must return a JSON object."),
        ("abort", Misbehaved, "Its process ended by signal"),
        ("going", Misbehaved, "Its process ended with exit code 5 before its task did."),
        ("memory", Misbehaved, "Its program raised MemoryError."),
        ("hanging", Stopped, "It did not finish within 1 s."),
        ("computing", Stopped, "It did not finish within 1 s."),
        ("asking_on", Stopped, "It did not finish within 50 turns."),
        ("garbage", Misbehaved, "What was given as the message is not valid JSON"),
        ("forging", Misbehaved, "It sent something that is no message of a program."),
        ("silence", Misbehaved, "It sent something out of turn."),
        ("a_silent_attempt", Escaped, "It tried what an exam does not allow."),
        ("flooding", Misbehaved, "It sent more than 600,000 bytes at once."),
        ("being_deaf", Stopped, "It did not finish within 50 turns."),
    ],
)
def test_how_a_program_ends(sit, how, error, says):
    seconds = 1 if issubclass(error, Stopped) and "turns" not in says else 10
    began = time.monotonic()
    with pytest.raises(error) as ended:
        sit("Ends", {"how": how}, seconds=seconds)
    assert str(ended.value).startswith(says)
    assert time.monotonic() - began < 20


def test_a_deaf_program_does_not_hold_us_up_whatever_it_is_sent(sit):
    large = Tool(action_type="thing_large", output={"text": "x" * 400_000})
    with pytest.raises(Stopped, match="within 2 s"):
        sit("Deaf", seconds=2, given=tools(10_000, large))


def test_more_processor_time_than_it_has_ends_it(sit, monkeypatch):
    monkeypatch.setattr("governance.exams.sandbox.AIR_SECONDS", -18)
    with pytest.raises(Stopped, match="more processor time than it had"):
        sit("Ends", {"how": "computing"}, seconds=20)


def test_nothing_is_left_running(sit):
    with pytest.raises(Stopped):
        sit("Ends", {"how": "hanging"}, seconds=0.5)
    command = ["ps", "-ww", "-o", "args=", "--ppid", str(os.getpid())]
    listed = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "child.py" not in listed.stdout


# --- What does not load ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("module", "name", "says"),
    [
        ("tests.no_such_module", "Acts", "there is no module tests.no_such_module"),
        ("tests.exam_programs", "Missing", "has no class Missing"),
        ("tests.exam_programs", "not a name", "do not name a class"),
    ],
)
def test_what_does_not_load(around, module, name, says):
    with pytest.raises(Unloadable, match=says):
        Sandbox(module, name, {}, around, 10).run(Task("r", "x"), tools())


def test_a_program_in_a_folder_that_is_no_package(tmp_path, monkeypatch):
    """A namespace package, as live work imports it too."""
    (tmp_path / "bare_agents").mkdir()
    (tmp_path / "bare_agents" / "one.py").write_text("from tests.exam_programs import Acts\n")
    monkeypatch.syspath_prepend(tmp_path)
    around = surroundings.of_program("bare_agents.one", project=[], private=[])
    sandbox = Sandbox("bare_agents.one", "Acts", {}, around, 10)
    assert sandbox.run(Task("r", "x", {"acts": []}), tools()).output == {"told": []}


def test_a_module_that_tries_a_way_out_while_it_is_loaded(tmp_path, monkeypatch):
    (tmp_path / "early_agent.py").write_text("import subprocess\nsubprocess.run(['true'])\n")
    monkeypatch.syspath_prepend(tmp_path)
    around = surroundings.of_program("early_agent", project=["tests.settings"], private=[])
    with pytest.raises(Escaped, match=r"start a process: subprocess.Popen true .*was loaded"):
        Sandbox("early_agent", "Agent", {}, around, 10).run(Task("r", "x"), tools())


def test_a_process_that_does_not_come_up_says_nothing_of_the_agent(around):
    with pytest.raises(SandboxFailed, match="did not come up"):
        Sandbox("m", "C", {}, around, 10, python="/bin/true").run(Task("r", "x"), tools())
    broken = surroundings.Surroundings({}, (), (), (), ())
    with pytest.raises(SandboxFailed, match=r"did not come up: .*governance"):
        Sandbox("m", "C", {}, broken, 10).run(Task("r", "x"), tools())


# --- Ways out -------------------------------------------------------------------------------------


@pytest.fixture
def outside(tmp_path):
    """What is out there: a server, a socket in the file system, a database, a process."""
    folder = tmp_path / "outside"
    folder.mkdir()
    database = folder / "live.sqlite3"
    connection = sqlite3.connect(database)
    connection.execute("create table agents (name text)")
    connection.commit()
    connection.close()
    line = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    at = f"/tmp/exam-{os.getpid()}.sock"  # tmp_path may be too long for a socket's name
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        line,
        subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"]) as process,
    ):
        line.bind(at)
        line.listen()
        yield {
            "port": server.getsockname()[1],
            "socket": at,
            "database": str(database),
            "folder": str(folder),
            "new": str(folder / "new.txt"),
            "process": process.pid,
            "settings": settings.SETTINGS_MODULE,
            None: None,
        }
        process.kill()
        Path(at).unlink()


#   how            where       what the lookout says                    without it
WAYS = [
    ("socket", "port", "It tried to reach the network: socket.getaddrinfo", KERNEL),
    ("datagram", "port", "It tried to reach the network: it opened a socket", KERNEL),
    ("unix_socket", "socket", KERNEL, KERNEL),
    ("name", None, "It tried to reach the network: socket.gethostbyname localhost", KERNEL),
    ("libc_connect", "port", "It tried to go around its tools: socket of the C lib", KERNEL),
    ("libc_open", "database", "It tried to go around its tools: open of the C", "PermissionError"),
    ("subprocess", None, "It tried to start a process: subprocess.Popen /bin/echo", KERNEL),
    ("system", None, "It tried to start a process: os.system true", KERNEL),
    ("fork", None, "It tried to start a process: os.fork", KERNEL),
    ("libc_fork", None, "It tried to go around its tools: fork of the C library", KERNEL),
    ("exec", None, "It tried to start a process: os.exec /bin/true", KERNEL),
    ("database", "database", "It tried to open a database: ", "OperationalError"),
    ("file", "database", "It tried to open a file it has no business with: ", "PermissionError"),
    ("listing", "folder", "It tried to list a folder it has no business", "PermissionError"),
    ("writing", "new", "It tried to write a file: ", "PermissionError"),
    ("models", None, "It tried to reach behind its tools: import governance", "PermissionError"),
    ("django", "settings", "It tried to open a file it has no business with", "PermissionError"),
    ("environment", None, "It tried to open a file it has no business with", "PermissionError"),
    ("signal", "process", "It tried to signal other processes: os.kill", "PermissionError"),
    ("libc_signal", "process", "It tried to go around its tools: kill of the C lib", "OSError"),
    ("ptrace", "process", "It tried to go around its tools: ptrace of the C lib", KERNEL),
]
IDS = [way[0] for way in WAYS]


@pytest.mark.parametrize(("how", "where", "says", "alone"), WAYS, ids=IDS)
def test_a_way_out_is_closed_and_told(sit, outside, needs, how, where, says, alone):
    needs(Layer.SYSCALLS, Layer.FILES)
    with pytest.raises(Escaped) as stopped:
        sit("Escapes", {"how": how, "where": outside[where]})
    assert str(stopped.value).startswith(says)


@pytest.mark.parametrize(("how", "where", "says", "alone"), WAYS, ids=IDS)
def test_the_layers_hold_without_the_lookout(sit, outside, needs, how, where, says, alone):
    needs(Layer.SYSCALLS, Layer.FILES)
    expected = Escaped if alone is KERNEL else Misbehaved
    with pytest.raises(expected) as stopped:
        sit("Escapes", {"how": how, "where": outside[where]}, lookout=False)
    said = alone if alone is KERNEL else f"Its program raised {alone}."
    assert str(stopped.value).startswith(said)
    assert not Path(outside["new"]).exists()


CAME_THROUGH = {
    "socket": "sent",
    "datagram": "sent",
    "unix_socket": "sent",
    "name": "127.0.0.1",
    "libc_connect": "sent",
    "libc_open": "SQLite",
    "subprocess": "out",
    "system": 0,
    "fork": 0,
    "libc_fork": 0,
    "database": True,
    "file": "SQLite",
    "listing": True,
    "writing": "written",
    "environment": True,
    "signal": "sent",
    "libc_signal": "sent",
    "ptrace": "attached",
}


@pytest.mark.parametrize(("how", "where"), [way[:2] for way in WAYS], ids=IDS)
def test_each_is_a_way_out_where_nothing_closes_it(sit, outside, db, how, where):
    context = {"how": how, "where": outside[where]}
    if how in {"models", "django"}:  # which need what is in this process, and never in that one
        done = InProcess(exam_programs.Escapes, {}).run(Task("r", "x", context), None)
        assert done.output == {"came_through": {"models": "Agent", "django": True}[how]}
    elif how == "exec":  # whoever comes through is another program, and says nothing more
        with pytest.raises(Misbehaved, match="ended with exit code 0"):
            sit("Escapes", context, lookout=False, wanted=NOTHING)
    else:
        done = sit("Escapes", context, lookout=False, wanted=NOTHING)
        assert done.output == {"came_through": CAME_THROUGH[how]}


# What one layer does by itself, where the others are not.
ALONE = [
    (Layer.NETWORK, "socket", "port", "Its program raised OSError."),
    (Layer.NETWORK, "libc_connect", "port", "Its program raised OSError."),
    (Layer.FILES, "file", "database", "Its program raised PermissionError."),
    (Layer.FILES, "libc_open", "database", "Its program raised PermissionError."),
    (Layer.FILES, "environment", None, "Its program raised PermissionError."),
    (Layer.FILES, "subprocess", None, "Its program raised PermissionError."),
    (Layer.LIMITS, "writing", "new", "Its program raised OSError."),
    (Layer.SYSCALLS, "socket", "port", KERNEL),
    (Layer.SYSCALLS, "fork", None, KERNEL),
    (Layer.SYSCALLS, "writing", "new", "Its program raised PermissionError."),
    (Layer.SYSCALLS, "libc_signal", "process", "Its program raised OSError."),
    (Layer.SYSCALLS, "ptrace", "process", KERNEL),
]


@pytest.mark.parametrize(("layer", "how", "where", "says"), ALONE)
def test_what_a_layer_does_alone(sit, outside, needs, layer, how, where, says):
    needs(layer)
    context = {"how": how, "where": outside[where]}
    with pytest.raises((Escaped, Misbehaved)) as stopped:
        sit("Escapes", context, lookout=False, wanted=frozenset({layer}))
    assert str(stopped.value).startswith(says)


# --- Which layers there are -----------------------------------------------------------------------


def test_a_layer_that_is_not_wanted_is_not_obtained(around):
    for left_out in Layer:
        sandbox = Sandbox(
            "tests.exam_programs", "Acts", {}, around, 10, wanted=layers.ALL - {left_out}
        )
        sandbox.run(Task("r", "x", {"acts": []}), tools())
        assert left_out not in sandbox.obtained
        assert layers.missing(sandbox.obtained)[0] in {left_out, *layers.ALL}


def test_without_libseccomp_it_goes_on_and_says_so(around, tmp_path):
    """A package of that name that cannot find the library, before the real one."""
    (tmp_path / "pyseccomp.py").write_text("raise RuntimeError('Unable to find libseccomp')\n")
    without = surroundings.Surroundings(
        {**around.packages, "pyseccomp": str(tmp_path / "pyseccomp.py")},
        around.path,
        around.readable,
        around.listable,
        around.hidden,
    )
    sandbox = Sandbox("tests.exam_programs", "Acts", {}, without, 10)
    assert sandbox.run(Task("r", "x", {"acts": []}), tools()).succeeded
    assert "syscalls" not in sandbox.obtained
    assert Layer.SYSCALLS in layers.missing(sandbox.obtained)
    escaping = Sandbox("tests.exam_programs", "Escapes", {}, without, 10)
    with pytest.raises(Escaped, match="It tried to start a process"):
        escaping.run(Task("r", "x", {"how": "subprocess"}), tools())


AS_ROOT = """
import json, sys
from pathlib import Path
from governance.exams import surroundings
from governance.exams.sandbox import Sandbox
from governance.exams.tools import SimulatedTools
from governance.policy.simulations import Simulation
from governance.runtimes.base import Task
around = surroundings.of_program("tests.exam_programs", project=["tests.settings"], private=[])
sandbox = Sandbox("tests.exam_programs", "Told", {}, around, 20)
tools = SimulatedTools(Simulation([]), reasons=lambda key: (), turns=5)
print(json.dumps([sandbox.run(Task("r", "x"), tools).output["uid"], sandbox.obtained]))
"""


def all_can_reach(path: str) -> bool:
    real = Path(path).resolve()
    return all(folder.stat().st_mode & 0o001 for folder in [*real.parents])


def test_root_becomes_somebody_else_where_its_python_can_be_read_by_others():
    """Whoever is not root has this layer already; root has it where nobody can read Python."""
    pythons = [sys.executable, *filter(None, [shutil.which("python3.11", path="/usr/bin")])]
    python = next((each for each in pythons if all_can_reach(each)), None)
    if os.getuid() != 0 or python is None:
        python = sys.executable
    path = os.pathsep.join([str(settings.BASE_DIR), *[p for p in sys.path if "site-packages" in p]])
    environment = {"PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1", "LANG": "C.UTF-8"}
    command = [python, "-c", AS_ROOT]
    ran = subprocess.run(
        command, env=environment, capture_output=True, text=True, cwd="/tmp", check=False
    )
    assert ran.returncode == 0, ran.stderr
    uid, obtained = json.loads(ran.stdout)
    assert ("user" in obtained) == (uid != 0)
    assert uid != 0 or not all_can_reach(python)


def test_a_program_dies_with_whoever_examines_it(around, tmp_path):
    """Killed without a chance to clean up, as by the kernel that ran out of memory."""
    script = AS_ROOT.replace('"Told", {}, around, 20', '"Ends", {}, around, 60').replace(
        'Task("r", "x")', 'Task("r", "x", {"how": "hanging"})'
    )
    path = os.pathsep.join([str(settings.BASE_DIR), *sys.path])
    environment = {"PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1", "LANG": "C.UTF-8"}
    with subprocess.Popen([sys.executable, "-c", script], env=environment) as examiner:
        child = wait_for_child(examiner.pid)
        examiner.send_signal(signal.SIGKILL)
        examiner.wait()
    ends_at = time.monotonic() + 10
    while alive(child) and time.monotonic() < ends_at:
        time.sleep(0.05)
    assert not alive(child)


def wait_for_child(parent: int) -> int:
    ends_at = time.monotonic() + 30
    while time.monotonic() < ends_at:
        command = ["ps", "-ww", "-o", "pid=,args=", "--ppid", str(parent)]
        listed = subprocess.run(command, capture_output=True, text=True, check=False).stdout
        found = [line.split()[0] for line in listed.splitlines() if "child.py" in line]
        if found:
            time.sleep(1)  # until it has come up
            return int(found[0])
        time.sleep(0.05)
    raise AssertionError("it did not come up")


def alive(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state not in {"Z", "X"}
