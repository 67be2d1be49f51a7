"""Commands are called as in their own tests."""

from __future__ import annotations

from tests.integration.commands.conftest import command

__all__ = ["command"]
