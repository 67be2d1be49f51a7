"""What every input and output of the API shares."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Strict(BaseModel):
    """No field we do not know, no text where a number is meant.

    Never ninja.Schema: as an input it let a method of `str` stand in for a field.
    """

    model_config = ConfigDict(extra="forbid", strict=True)
