"""Where a process dies on purpose, and what must have become of the execution in the end.

Written by hand. The points themselves are read from the code: one that is added there, and is not
here, ends the run.
"""

from __future__ import annotations

import ast
from pathlib import Path

import governance

DONE, DOUBT = "done", "in_doubt"

# The point, and for a local, a keyed and an unkeyed step each: whether somebody dies there, the end
# of the execution, and how often the far side was asked.
WORKER = {
    "claimed": ((True, DONE, 0), (True, DONE, 1), (True, DONE, 1)),
    "cleared": ((True, DONE, 0), (True, DONE, 1), (True, DONE, 1)),
    "sent": ((False, DONE, 0), (True, DONE, 1), (True, DOUBT, 0)),  # what is local is never sent
    "handled": ((True, DONE, 0), (True, DONE, 2), (True, DOUBT, 1)),
    "recorded": ((True, DONE, 0), (True, DONE, 1), (True, DONE, 1)),
    "before_finish": ((True, DONE, 0), (True, DONE, 1), (True, DONE, 1)),
    "finished": ((True, DONE, 0), (True, DONE, 1), (True, DONE, 1)),
}
KINDS = ("local", "keyed", "unkeyed")

# In a plan of three steps (keyed, local, unkeyed): the point, passed how often before, the end, and
# how often the far side was asked for the keyed and for the unkeyed step.
PLAN = (
    ("claimed", 0, DONE, 1, 1),
    ("cleared", 0, DONE, 1, 1),
    ("sent", 0, DONE, 1, 1),
    ("handled", 0, DONE, 2, 1),
    ("recorded", 0, DONE, 1, 1),
    ("cleared", 1, DONE, 1, 1),
    ("handled", 1, DONE, 1, 1),
    ("recorded", 1, DONE, 1, 1),
    ("cleared", 2, DONE, 1, 1),
    ("sent", 1, DOUBT, 1, 0),
    ("handled", 2, DOUBT, 1, 1),
    ("recorded", 2, DONE, 1, 1),
    ("before_finish", 0, DONE, 1, 1),
    ("finished", 0, DONE, 1, 1),
)

BESIDE = ("delivering", "delivered")
"""Before and after a message is handed to the engine: by whoever approves, by a sweeper that
settles a lease, and by one that delivers again."""


def in_code() -> set[str]:
    """Every label that the application calls `failpoints.reach` with."""
    root = Path(governance.__file__).parent
    return {
        str(getattr(node.args[0], "value", ast.unparse(node.args[0])))
        for path in root.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "failpoints.reach"
    }


def untried() -> set[str]:
    """Labels that the code has and these tables have not, or the other way round."""
    return in_code() ^ {*WORKER, *BESIDE}
