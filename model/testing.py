"""Test doubles of the forward, one fault each, for whoever tests with a batcher: no torch, no sleeping.

A forward here answers the item `x` with `"scored x"` and keeps the batches that it was called with.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Collection, Sequence
from pathlib import Path

from model.clock import Clock, ManualClock
from model.serving.batcher import BatchLimits, DeviceChecks, MicroBatcher


class OutOfDeviceMemory(Exception):
    """As the device's library would raise it."""


class GoodForward:
    """Answers everything; its probe passes."""

    def __init__(self) -> None:
        self.batches: list[list[object]] = []
        self.probes = 0

    def __call__(self, items: Sequence[object]) -> Sequence[str]:
        """One result an item. Device thread."""
        self.batches.append(list(items))
        self.fail_if_due(items)
        return [f"scored {item}" for item in items]

    def fail_if_due(self, items: Sequence[object]) -> None:
        """The fault that a subclass brings."""

    def probe(self) -> None:
        """Pass. Device thread."""
        self.probes += 1

    @property
    def checks(self) -> DeviceChecks:
        """What the batcher may ask of this device."""
        return DeviceChecks(self.probe, is_out_of_memory=lambda error: isinstance(error, OutOfDeviceMemory))


class FailingForward(GoodForward):
    """Fails whenever one of `culprits` is in the batch."""

    def __init__(self, culprits: Collection[object]) -> None:
        super().__init__()
        self.culprits = culprits

    def fail_if_due(self, items: Sequence[object]) -> None:
        """Name the first culprit."""
        for item in items:
            if item in self.culprits:
                raise ValueError(f"cannot score {item}")


class OnceFailingForward(GoodForward):
    """Fails the first time only."""

    def fail_if_due(self, items: Sequence[object]) -> None:
        """Fail if this is the first batch."""
        if len(self.batches) == 1:
            raise ValueError(f"a glitch with {len(items)} items")


class HungryForward(GoodForward):
    """Runs out of memory with more than `fits` items, and with any of `hogs`."""

    def __init__(self, fits: int, *, hogs: Collection[object] = ()) -> None:
        super().__init__()
        self.fits = fits
        self.hogs = hogs

    def fail_if_due(self, items: Sequence[object]) -> None:
        """Run out of memory."""
        hogs = [item for item in items if item in self.hogs]
        if len(items) > self.fits or hogs:
            raise OutOfDeviceMemory(f"{len(items)} items, of them hogs: {hogs}")


class BreakingForward(FailingForward):
    """Works for `working_calls` forwards, then the device is broken: nothing works, the probe neither."""

    def __init__(self, working_calls: int, *, culprits: Collection[object] = ()) -> None:
        super().__init__(culprits)
        self.working_calls = working_calls

    @property
    def is_broken(self) -> bool:
        """Whether the device is broken by now."""
        return len(self.batches) > self.working_calls

    def fail_if_due(self, items: Sequence[object]) -> None:
        """Fail as the device, or as a culprit."""
        if self.is_broken:
            raise RuntimeError("the device fell off the bus")
        super().fail_if_due(items)

    def probe(self) -> None:
        """Fail once the device is broken."""
        super().probe()
        if self.is_broken:
            raise RuntimeError("the golden image failed")


class MiscountingForward(GoodForward):
    """Forgets the last item's result."""

    def __call__(self, items: Sequence[object]) -> Sequence[str]:
        """One result too few."""
        return super().__call__(items)[:-1]


class RaisingForward(GoodForward):
    """Raises what it is given."""

    def __init__(self, error: BaseException) -> None:
        super().__init__()
        self.error = error

    def fail_if_due(self, items: Sequence[object]) -> None:
        """Raise it, whatever the items."""
        del items
        raise self.error


class BlockingForward(GoodForward):
    """Each call blocks in the device thread until it is released; then `inner` decides."""

    def __init__(self, inner: GoodForward | None = None) -> None:
        super().__init__()
        self.inner = inner or GoodForward()
        self._gate = threading.Semaphore(0)
        self._is_free = False
        self._blocked = threading.Event()

    @property
    def is_blocked(self) -> bool:
        """Whether a call waits for its release."""
        return self._blocked.is_set()

    def __call__(self, items: Sequence[object]) -> Sequence[str]:
        """Block, then forward. Device thread."""
        self.batches.append(list(items))
        if not self._is_free:
            self._blocked.set()
            self._gate.acquire()
        return self.inner(items)

    def release(self) -> None:
        """Let the blocked call go on; the next one blocks again."""
        self._blocked.clear()
        self._gate.release()

    def free(self) -> None:
        """Block no more."""
        self._is_free = True
        self.release()

    async def blocked(self) -> None:
        """Until a call is blocked."""
        while not self.is_blocked:
            await settle()

    @property
    def checks(self) -> DeviceChecks:
        """Those of `inner`."""
        return self.inner.checks


def batcher_over(
    forward: GoodForward, limits: BatchLimits | None = None, *, clock: Clock | None = None
) -> MicroBatcher[object, str]:
    """A batcher, not yet open, with a clock that stands still unless another is given."""
    clock = clock or ManualClock()
    return MicroBatcher(forward, limits or BatchLimits(), device=forward.checks, clock=clock)


@contextlib.asynccontextmanager
async def running(
    forward: GoodForward, limits: BatchLimits | None = None, *, clock: Clock | None = None
) -> AsyncIterator[MicroBatcher[object, str]]:
    """An open batcher; a blocking forward is freed before it closes, so that a failed test ends too."""
    async with batcher_over(forward, limits, clock=clock) as batcher:
        try:
            yield batcher
        finally:
            if isinstance(forward, BlockingForward):
                forward.free()


async def settle() -> None:
    """Until the event loop has done what it can do without the device or the clock."""
    for _ in range(20):
        await asyncio.sleep(0)


def write_tiny_version(folder: Path) -> Path:
    """A whole model version of a few kilobytes in `folder`, which must not exist yet. Imports torch."""
    from model import tiny_version  # noqa: PLC0415 - the forwards above are for tests without torch

    return tiny_version.write_tiny_version(folder)
