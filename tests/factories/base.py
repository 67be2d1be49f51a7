"""What every factory shares: rows are created by a service, and never built by hand."""

from __future__ import annotations

from typing import Any

import factory


class ServiceFactory(factory.Factory):
    """Subclasses write `make`, with explicit keywords: Python itself refuses an unknown one."""

    class Meta:
        abstract = True

    @classmethod
    def make(cls, **values: Any) -> Any:
        """Create the row through a service."""
        raise NotImplementedError

    @classmethod
    def _create(cls, model_class: type, *args: Any, **values: Any) -> Any:
        if args:
            raise TypeError(f"{cls.__name__} takes keywords only.")
        return cls.make(**values)

    @classmethod
    def _build(cls, model_class: type, *args: Any, **values: Any) -> Any:
        raise TypeError(f"{cls.__name__} only creates: a row that no service made is not possible.")
