"""Shape of a document with revisions: what a store needs to know of one to compare and swap it."""

from __future__ import annotations

from typing import Protocol


class Revised(Protocol):
    """A document that counts its changes."""

    @property
    def id(self) -> str:
        """Its name."""

    @property
    def revision(self) -> int:
        """How often it was changed."""

    def model_dump_json(self) -> str:
        """As JSON."""
