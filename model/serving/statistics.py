"""Statistics of the micro-batcher: the numbers that its metrics are made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest
from typing import Self


@dataclass(slots=True)
class DeviceTally:
    """Counts since the start. Written by the device thread alone; the event loop reads copies."""

    sizes: list[int]  # sizes[n]: forwards that answered n items; max_size + 1 long from the start
    failed_forwards: int = 0  # forwards that raised, out of memory included
    out_of_memory: int = 0
    bad_items: int = 0  # items rejected since they fail alone on a device that works
    probes: int = 0
    probe_failures: int = 0  # at most one: it is the end of the batcher

    @classmethod
    def up_to(cls, max_size: int) -> DeviceTally:
        """An empty tally for batches of at most `max_size` items."""
        return cls(sizes=[0] * (max_size + 1))

    @classmethod
    def together(cls, tallies: Sequence[DeviceTally]) -> DeviceTally:
        """The sums of all of them."""
        sizes = [sum(counts) for counts in zip_longest(*(each.sizes for each in tallies), fillvalue=0)]
        return cls(
            sizes,
            failed_forwards=sum(each.failed_forwards for each in tallies),
            out_of_memory=sum(each.out_of_memory for each in tallies),
            bad_items=sum(each.bad_items for each in tallies),
            probes=sum(each.probes for each in tallies),
            probe_failures=sum(each.probe_failures for each in tallies),
        )

    @property
    def batches(self) -> int:
        """Forwards that answered; of a bisected batch each part that did."""
        return sum(self.sizes)

    @property
    def items(self) -> int:
        """Items that a forward answered."""
        return sum(size * count for size, count in enumerate(self.sizes))

    def copy(self) -> DeviceTally:
        """The counts as they stand; taken while a forward runs they may be one forward apart."""
        return replace(self, sizes=list(self.sizes))


@dataclass(frozen=True, slots=True)
class BatchStatistics:
    """One look at the batcher: `device` and `dropped` count since the start, the rest is now."""

    device: DeviceTally
    dropped: int  # accepted, then cancelled before their forward
    held_back: int  # in score(), beyond the intake
    waiting: int  # accepted, not yet in a forward
    in_forward: int
    ceiling: int  # items a batch may have: max_size, or less since the device ran out of memory
    dead: bool

    @classmethod
    def together(cls, parts: Sequence[Self]) -> Self:
        """Those of several batchers as of one; the ceiling is the last one's."""
        return cls(
            device=DeviceTally.together([each.device for each in parts]),
            dropped=sum(each.dropped for each in parts),
            held_back=sum(each.held_back for each in parts),
            waiting=sum(each.waiting for each in parts),
            in_forward=sum(each.in_forward for each in parts),
            ceiling=parts[-1].ceiling,
            dead=any(each.dead for each in parts),
        )

    def ended(self) -> Self:
        """Only what was counted: of a batcher that is closed."""
        return replace(self, held_back=0, waiting=0, in_forward=0, dead=False)
