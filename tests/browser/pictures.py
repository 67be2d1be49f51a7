"""Pictures of what is seen, kept in the folder that GOVERNANCE_SCREENSHOTS names, if it does."""

from __future__ import annotations

import os
from pathlib import Path


def keep(page, name: str) -> None:
    """Keep one under this name, where they are wanted."""
    folder = os.environ.get("GOVERNANCE_SCREENSHOTS")
    if folder:
        page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)
