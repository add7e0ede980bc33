"""Worker thread of the device: jobs one after another, so that the event loop never waits on it."""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
from typing import TYPE_CHECKING, Generic, TypeVar

from schemas.errors import Broken

if TYPE_CHECKING:
    from collections.abc import Callable

Returned = TypeVar("Returned")


class DeviceThread(Generic[Returned]):
    """Runs jobs one after another, in order; each is answered on the event loop that submitted it.

    A job that raises is the last: those behind it are refused with the same error, unrun, since they were
    handed over before the event loop could hear of it.

    A daemon thread rather than an executor: the interpreter joins executors' threads at its exit, and a
    forward that hangs in a driver would keep a process alive that has decided to stop.
    """

    def __init__(self) -> None:
        self._jobs: queue.SimpleQueue[_Job[Returned] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="device", daemon=True)
        self._broken: Broken | None = None

    def start(self) -> None:
        """Begin to work; once in a thread's life (a second time is a RuntimeError)."""
        self._thread.start()

    def submit(self, job: Callable[[], Returned]) -> asyncio.Future[Returned]:
        """The future of what `job` returns, or the `Broken` that it raised or that wraps what it raised."""
        reply: asyncio.Future[Returned] = asyncio.get_running_loop().create_future()
        self._jobs.put(_Job(job, reply))
        return reply

    def stop(self, *, join: bool) -> None:
        """Take no more jobs. `join` waits for the thread: only when it is idle, for then it is at once."""
        self._jobs.put(None)
        if join:
            self._thread.join()

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            self._broken = self._broken or job.run()
            if self._broken is not None:
                job.refuse(self._broken)
            # Or the items and results of the last batch stay alive until the next one comes.
            del job


class _Job(Generic[Returned]):
    """One call for the device thread and the future that waits for it."""

    def __init__(self, call: Callable[[], Returned], reply: asyncio.Future[Returned]) -> None:
        self._call = call
        self._reply = reply

    def run(self) -> Broken | None:
        """Call, and answer what it returned; what it raised comes back as `Broken`."""
        try:
            returned = self._call()
        except Broken as error:
            return error
        except BaseException as error:  # noqa: BLE001  a thread that dies quietly would strand its waiters
            return _broken_by(error)
        self._on_loop(lambda: self._reply.set_result(returned))
        return None

    def refuse(self, broken: Broken) -> None:
        """Answer with `broken`."""
        self._on_loop(lambda: self._set_error(broken))

    def _set_error(self, broken: Broken) -> None:
        self._reply.set_exception(broken)
        # Marks it as seen: only the first failed reply is awaited, the batcher dies of it.
        self._reply.exception()

    def _on_loop(self, settle: Callable[[], None]) -> None:
        # A forward that hung until after the loop was closed: nobody is left to tell.
        with contextlib.suppress(RuntimeError):
            self._reply.get_loop().call_soon_threadsafe(settle)


def _broken_by(error: BaseException) -> Broken:
    broken = Broken(f"The device thread failed with {type(error).__name__}: {error}")
    broken.__cause__ = error
    return broken
