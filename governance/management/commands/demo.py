"""demo: the main job, told as a story, then served."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser
from django.urls import reverse

from governance.management import serving
from governance.management.command import GovernanceCommand
from governance.management.commands.serve import add_address, require_free
from governance.services import demos, people


class Command(GovernanceCommand):
    """A workspace with an agent of each maturity, made by us, carried out for real."""

    help = (
        "Build the demo workspace, tell its story through the real services, and serve it. Safe "
        "to repeat: each time the story is told anew, and a new password is made."
    )
    example = "manage.py demo --once"
    needs_workspace = False

    def options(self, parser: CommandParser) -> None:
        """Whether to stay."""
        parser.add_argument("--once", action="store_true", help="tell the story and exit")
        add_address(parser)

    def run(self, **options: Any) -> dict[str, Any]:
        """Tell the story; then serve, unless --once."""
        quiet, once = options["json"], options["once"]
        if not once:
            require_free(options["host"], options["port"])
        password = people.generate_password()
        told = demos.tell(demos.build(password=password), say=self._mute if quiet else self._say)
        base = f"http://{options['host']}:{options['port']}"
        result = {
            "workspace": demos.WORKSPACE,
            "executed": str(told.decided.id),
            "canvas": base + reverse("canvas", args=[told.canvas.id]),
            "waiting": [str(proposal.id) for proposal in told.waiting],
        }
        if once:
            return result
        inbox = base + reverse("admin:governance_proposal_changelist")
        self.stdout.write(
            f"\nThe chart:  {result['canvas']}\nThe inbox:  {inbox}\n"
            f"Sign in as: {demos.USERNAME}\nPassword:   {password}\n\nStop with Ctrl-C.\n"
        )
        self.stdout.flush()
        serving.serve(host=options["host"], port=options["port"])
        return result

    def show(self, result: dict[str, Any]) -> None:
        """Where to look."""
        self.stdout.write(f"The chart is at {result['canvas']} while `serve` runs.")

    def _say(self, paragraph: str) -> None:
        self.stdout.write(paragraph + "\n")
        self.stdout.flush()

    def _mute(self, paragraph: str) -> None:
        """With --json, standard output holds one document and nothing else."""
