"""Adaptive batch ceiling: halved when the device runs out of memory, raised again one by one."""

from __future__ import annotations


class Ceiling:
    """The effective maximum size of a batch: halved by an out-of-memory, raised again by one.

    The halving lasts: the same load would run out of memory again at once. It is not for ever, since memory
    is often short for a while only (a second model during a swap, a neighbour on the device), and a worker
    at half its speed until its next restart is a fault nobody sees. So, as TCP does with its window: one more
    item after `grow_after` batches that filled the ceiling. Smaller batches prove nothing. Where
    memory stays short, that is one failed forward in several hundred.

    Owned by the device thread; the event loop reads `size`, and one that is stale costs a split, no more.
    """

    def __init__(self, max_size: int, *, grow_after: int) -> None:
        """`grow_after` 0: a lowered ceiling stays."""
        self.size = max_size
        self._max_size = max_size
        self._grow_after = grow_after
        self._filled = 0

    def halve(self, failed: int) -> None:
        """A batch of `failed` items (two or more) ran out of memory."""
        self.size = min(self.size, failed // 2)
        self._filled = 0

    def restore(self, size: int) -> None:
        """The shortage was one item's own doing: back to the size before it."""
        self.size = max(self.size, size)

    def passed(self, size: int) -> None:
        """A batch of `size` items was answered."""
        if not self._grow_after or not self.size <= size < self._max_size:
            return
        self._filled += 1
        if self._filled == self._grow_after:
            self.size += 1
            self._filled = 0
