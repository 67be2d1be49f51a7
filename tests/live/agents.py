"""Programs that real processes run."""

from __future__ import annotations

import time

from governance.runtimes.base import AgentProgram


class LetterWriter(AgentProgram):
    """Sends off a plan of three letters; then asks for one more, whatever became of those."""

    def run(self, task, tools):
        seconds = self.configuration["seconds"]
        plan = {"workflow": "three_letters", "params": {"seconds": seconds}}
        tools.act("workflow_trigger", plan, reasoning="Everybody gets one.")
        tools.act("letter_write", {"to": "dora", "seconds": 0}, reasoning="And one more.")
        return {}


class Sleeper(AgentProgram):
    """Says that it is there; then does nothing, for long."""

    def run(self, task, tools):
        tools.act("canvas_present", {"kind": "markdown", "title": "Here", "markdown": "I am."})
        time.sleep(60)
        return {}
