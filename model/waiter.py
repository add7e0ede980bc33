"""One caller of the batcher, from the door to the reply."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Generic

from model.triage import Answer, Item, Result
from schemas.errors import Rejected


@dataclass(frozen=True, slots=True)
class Scored(Generic[Result]):
    """One item's result with its own timings."""

    result: Result
    queued: float  # seconds from acceptance to the start of the forward that answered it
    forward: float  # seconds of that forward
    batch_size: int  # items in that forward


@dataclass(eq=False, slots=True)
class Waiter(Generic[Item, Result]):
    """One call of score()."""

    item: Item
    reply: asyncio.Future[Scored[Result]] = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )
    accepted: float = 0.0

    def answer(self, outcome: Answer[Result] | Rejected) -> None:
        """Reply with what the device made of the item; too late is no error."""
        if isinstance(outcome, Rejected):
            self.fail(outcome)
        elif not self.reply.done():
            queued = outcome.started - self.accepted
            self.reply.set_result(Scored(outcome.result, queued, outcome.forward, outcome.batch_size))

    def fail(self, error: Exception) -> None:
        """Reply with `error`, which is this caller's own; too late is no error."""
        if not self.reply.done():
            self.reply.set_exception(error)
            # Marks it as seen: a caller cancelled in this very moment will not come to read it.
            self.reply.exception()
