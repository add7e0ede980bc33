"""Decoder process: decodes one image at a time under the kernel's limits, and may die of it.

The worker is at the other end of the socket on file descriptor 0. All limits are the kernel's, set by this
process on itself before the first foreign byte arrives: whatever native code does, they hold.
"""

from __future__ import annotations

import ctypes
import os
import pkgutil
import resource
import signal
import socket
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from model.decoding.area import SharedArea
from model.decoding.frames import ANSWER, OUT_OF_MEMORY, REQUEST, FrameKind, packed_facts, refusal
from model.decoding.options import DecodeOptions
from model.preprocess import DecodedImage, Fit, Preprocess
from schemas.photograph_facts import PhotographFacts
from schemas.rendition_recipe import RenditionRecipe

_PR_SET_PDEATHSIG: Final = 1
_PAGE: Final = resource.getpagesize()
_STATM: Final = Path("/proc/self/statm")
_DATA: Final = 5
"""The column of `statm` with the pages that `RLIMIT_DATA` counts."""


def main() -> None:
    """Decode until the worker hangs up; how to is the one argument, as `DecodeOptions.text` writes it."""
    options = DecodeOptions.read(sys.argv[1])
    _leave_signals_to_the_worker()
    _die_with(options.worker)
    _go_first_when_memory_is_short()
    _limit(options)
    decode: _Decode = pkgutil.resolve_name(options.decode)
    preprocess = Preprocess(options.size, Fit(options.fit), options.max_pixels)
    recipe = RenditionRecipe.named(options.rendition) if options.rendition else None
    area = SharedArea(options.area, options.size)

    def answer(length: int, is_reduced: bool, side: int) -> _Answer:  # noqa: FBT001 - as the request has it
        data = area.photograph(length)
        if side:
            return FrameKind.THUMBNAIL, preprocess.thumbnail(data, side), None
        decoded = decode(preprocess, data, recipe if is_reduced else None)
        area.answer(decoded.pixels)
        return FrameKind.PIXELS, decoded.rendition or b"", decoded.facts

    with socket.socket(fileno=0) as worker:
        try:
            _serve(worker, answer, deadline=options.deadline)
        except MemoryError:
            os._exit(OUT_OF_MEMORY)
        except ConnectionError:  # the worker is gone, and this process goes with it
            return


_Decode = Callable[[Preprocess, bytes, RenditionRecipe | None], DecodedImage]

_Answer = tuple[FrameKind, bytes, PhotographFacts | None]

_Work = Callable[[int, bool, int], _Answer]
"""What a request is answered: the image's length, whether its rendition or which thumbnail is wanted."""


def _serve(worker: socket.socket, work: _Work, *, deadline: float) -> None:
    while head := worker.recv(REQUEST.size, socket.MSG_WAITALL):
        _allow(deadline)
        kind, payload, facts = _answered(work, *REQUEST.unpack(head))
        worker.sendall(ANSWER.pack(kind, _held(), len(payload), *packed_facts(facts)) + payload)


def _answered(work: _Work, *asked: Any) -> _Answer:  # noqa: ANN401 - what `REQUEST` has
    try:
        return work(*asked)
    except MemoryError:
        raise
    except Exception as error:  # noqa: BLE001 - the worker is to know it, whatever it is
        return FrameKind.REJECTED, refusal(error), None


def _leave_signals_to_the_worker() -> None:
    """What stops a whole service stops the worker, which finishes its images first and hangs up then."""
    for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)


def _die_with(worker: int) -> None:
    """An image that takes minutes must not outlive a worker that was killed: nobody waits for it."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != worker:  # it went before the kernel knew
            os._exit(0)


def _go_first_when_memory_is_short() -> None:
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")


def _limit(options: DecodeOptions) -> None:
    # Not RLIMIT_AS: that counts what is only reserved, of which each thread's arena takes 64 MiB.
    resource.setrlimit(resource.RLIMIT_DATA, (options.memory, options.memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # The end of an image's CPU time, to which a worker may have been started deaf.
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGPROF})


def _allow(seconds: float) -> None:
    """So much more CPU time from now on; then the kernel sends SIGPROF, which ends the process.

    Not RLIMIT_CPU: it is held against all the ticks that ever found this process running, which on a busy
    machine run 7 % ahead of the CPU time that a process can ask for; in time that is more than an image's.
    """
    signal.setitimer(signal.ITIMER_PROF, seconds)


def _held() -> int:
    try:
        return int(_STATM.read_bytes().split()[_DATA]) * _PAGE
    except OSError:  # no Linux: nothing is known, and nothing limited
        return 0


if __name__ == "__main__":
    main()
