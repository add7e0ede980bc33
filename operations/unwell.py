"""What a health check raises: what is wrong, and how to mend it."""

from __future__ import annotations

from schemas.errors import TagstreamError


class Unwell(TagstreamError):
    """A check failed; `mend` says what to do."""

    def __init__(self, what: str, mend: str) -> None:
        super().__init__(what)
        self.mend = mend
