"""Write what is generated: states.md, commands.md, openapi.json; with --check, only compare.

Exit 1 when a page is not what the code says. Used by `make docs` and `make check`.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path

import django

DOCS = Path(__file__).resolve().parent
sys.path.insert(0, str(DOCS.parent))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django.setup()

from django.core.management import load_command_class  # noqa: E402

from governance.api import document  # noqa: E402
from governance.domain import states  # noqa: E402

COMMANDS = (
    "setup",
    "register_agent",
    "load_actions",
    "define_workflow",
    "trigger",
    "run_agent",
    "decide",
    "propose",
    "approve",
    "reject",
    "reconcile",
    "worker",
    "serve",
    "supervise",
    "pause_run",
    "resume_run",
    "correct_run",
    "terminate_run",
    "complete_supervision",
    "replay",
    "demo",
    "register_device",
    "rotate_device_key",
    "retire_device",
    "simulate_device",
    "reencrypt_credentials",
    "move_out",
    "move_in",
    "start_training",
    "complete_training",
    "retry_trigger",
    "advise",
    "exam",
    "exam_case",
    "import_episodes",
    "readiness",
    "promote",
    "demote",
    "recount",
    "what_if",
)
DJANGOS_OWN = {
    "help",
    "version",
    "verbosity",
    "settings",
    "pythonpath",
    "traceback",
    "no_color",
    "force_color",
    "skip_checks",
    "parent",
}
PREAMBLE = """\
Run each as `.venv/bin/python manage.py COMMAND`. All take `--json`, which prints one JSON document
(a refusal is `{"error": {"code", "message"}}`), and `--help`. Exit codes: 0 done, 1 refused (the
reason is on standard error), 2 wrong use."""
NOTICE = "<!-- Written by docs/generate.py from the code; `make docs` writes it again. -->"


def state_page() -> str:
    """One diagram a lifecycle."""
    parts = ["# Lifecycles", NOTICE, "The tables are in `governance/domain/states.py`."]
    for lifecycle in states.ALL:
        lines = [f"    [*] --> {lifecycle.initial}"]
        for source, targets in lifecycle.moves.items():
            order = [target for target in lifecycle.states if target in targets]
            lines += [f"    {source} --> {target}" for target in order]
            lines += [] if targets else [f"    {source} --> [*]"]
        diagram = "\n".join(["```mermaid", "stateDiagram-v2", *lines, "```"])
        parts.append(f"## {lifecycle.name.capitalize()}\n\n{diagram}")
    return "\n\n".join(parts) + "\n"


def command_page() -> str:
    """What every command does, its arguments, and an example."""
    parts = ["# Commands", NOTICE, PREAMBLE]
    for name in COMMANDS:
        command = load_command_class("governance", name)
        parser = command.create_parser("manage.py", name)
        rows = [_row(action) for action in parser._actions if action.dest not in DJANGOS_OWN]
        table = "\n".join(["| argument | |", "| --- | --- |", *rows])
        parts.append(f"## {name}\n\n{command.help}\n\n{table}\n\n    {command.example}")
    return "\n\n".join(parts) + "\n"


def api_page() -> str:
    """The description of the HTTP API."""
    return json.dumps(document(), indent=2) + "\n"


def _row(action: argparse.Action) -> str:
    name = ", ".join(action.option_strings) or action.dest.upper()
    if action.choices:
        name += f" {{{','.join(map(str, action.choices))}}}"
    elif action.option_strings and action.nargs != 0:
        name += f" {action.metavar or action.dest.upper()}"
    says = [action.help or "", "required" if action.option_strings and action.required else ""]
    return f"| `{name}` | {'; '.join(filter(None, says))} |".replace("|  |", "| |")


def main(arguments: list[str]) -> int:
    """Write the pages, or with --check say which differ."""
    stale = []
    pages = (
        ("states.md", state_page()),
        ("commands.md", command_page()),
        ("openapi.json", api_page()),
    )
    for name, text in pages:
        path = DOCS / name
        if "--check" not in arguments:
            path.write_text(text)
        elif not path.is_file() or path.read_text() != text:
            stale.append(name)
    if stale:
        sys.stderr.write(f"Not what the code says: {', '.join(stale)}; run `make docs`.\n")
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
