"""Statistics of the micro-batcher: the numbers that its metrics are made of."""

from __future__ import annotations

from dataclasses import dataclass, replace


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
