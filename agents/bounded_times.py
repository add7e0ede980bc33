"""Bounded times: what a message says of *when* is held against the record's own time. Pure.

A claim or a decision dated ahead would outrank all that is true until then. Messages are held against the
time at which the broker says that the record was written, or against this machine's where that is earlier: a
producer may write that time too. A message that was deferred or sent back is held against its present
record: what was ahead once and is no longer pins nothing.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

from pydantic import Field

from schemas.errors import AheadOfClock
from schemas.settings import Advanced, Section
from streams.message import Message

NEVER: Final = datetime.max.replace(tzinfo=UTC)
"""The horizon of whoever bounds nothing."""
_SETTING: Final = "TAGSTREAM_CLOCK__TOLERANCE"


class ClockLimits(Section):
    """By how much clocks may differ."""

    tolerance: Advanced[float] = Field(
        600.0,
        ge=0,
        le=86_400,
        description="Seconds that a time in a message may be ahead of the time at which Kafka has the record",
    )

    def latest(self, now: datetime) -> datetime:
        """The latest time that is taken at `now`."""
        return now + timedelta(seconds=self.tolerance)

    def horizon(self, now: datetime) -> datetime:
        """Times beyond it were never taken by whoever bounds them, however clocks differ: stored earlier."""
        return now + timedelta(seconds=2 * self.tolerance)


def refusal(
    field: str, when: datetime, message: Message, *, now: datetime, limits: ClockLimits
) -> AheadOfClock | None:
    """The rejection of a message whose `field` says `when`; None where that is within bounds."""
    written = message.timestamp
    clock = now if written is None else min(written, now)
    if when <= limits.latest(clock):
        return None
    own = "has no time of its own" if written is None else f"was written at {written.isoformat()}"
    return AheadOfClock(
        f"{field}: {when.isoformat()} is more than {limits.tolerance:g} seconds ahead: the record {own}, "
        f"and it is {now.isoformat()} here; set the sender's clock right, or raise {_SETTING}"
    )
