"""The secrets of an embedded installation: each made once, readable by its owner alone."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from cryptography.fernet import Fernet
from django.core.management.utils import get_random_secret_key


def read_or_create(path: Path, *, make: Callable[[], str] = get_random_secret_key) -> str:
    """The secret in the file at `path`, made (mode 0600) when there is none.

    Two processes starting at once agree on one secret. Raises OSError when it cannot be kept.
    """
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    temporary = path.with_name(f"{path.name}.{os.getpid()}")
    if not path.exists():
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(make())
        try:
            os.link(temporary, path)  # fails when another process was first; its secret stands
        except FileExistsError:
            pass
        finally:
            temporary.unlink()
    return path.read_text().strip()


def new_encryption_key() -> str:
    """A key for what is encrypted at rest: 32 random bytes, in URL-safe base64."""
    return Fernet.generate_key().decode()
