"""Lease: one holder at a time, until a moment or as long as it is renewed; part of the document it is about.

Clocks are compared between machines only to see whether a lease is over, with `MARGIN` seconds to spare.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from schemas.tags import Value
from schemas.uploads import Moment

SECONDS: Final = 15.0
"""That a lease lasts; it is renewed every third of them."""

MARGIN: Final = 5.0
"""Seconds beyond its end for which a lease still holds: clocks differ."""


class Lease(Value):
    """Who works at something, and until when nobody else may."""

    runner: str
    """Host, process and a number of its own."""
    until: Moment
    """By the runner's own clock."""

    def is_over(self, now: datetime, *, margin: float) -> bool:
        """Whether another may take it whose clock says `now`: so many seconds are left to skewed clocks."""
        return (now - self.until).total_seconds() > margin


def lease(runner: str, now: datetime) -> Lease:
    """A new one, from now on."""
    return Lease(runner=runner, until=now + timedelta(seconds=SECONDS))
