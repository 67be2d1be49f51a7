"""The append-only record."""

from governance.ledger.append import append

__all__ = ["append"]
