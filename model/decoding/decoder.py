"""Decoder process handle: the process that decodes, the socket to it, and why it exited."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from signal import Signals, valid_signals
from typing import Final, Self

from model import small_jpeg
from model.decoding.area import SharedArea
from model.decoding.frames import (
    ANSWER,
    LONGEST_REFUSAL,
    OUT_OF_MEMORY,
    REQUEST,
    FrameKind,
    refused,
    unpacked_facts,
)
from model.decoding.limits import DecoderLimits
from model.decoding.options import REAL, DecodeOptions
from model.preprocess import DecodedImage, Preprocess
from schemas.errors import Broken
from schemas.photograph_facts import PhotographFacts
from schemas.rendition_recipe import MOST_BYTES, RenditionRecipe

LOOKS: Final = 10
"""How often a decoder is looked at within its deadline, before it is believed to hang."""

_INHERITED: Final = (
    "PATH",
    "LANG",
    "LC_ALL",
    "TZ",
    "LD_LIBRARY_PATH",
    "LD_PRELOAD",
    "PYTHONDONTWRITEBYTECODE",
)
"""Of the environment. No name of ours and none of AWS's: a decoder needs no secrets."""

_KEEPING: Final = {
    "MALLOC_MMAP_THRESHOLD_": str(16 * 2**20),
    "MALLOC_TRIM_THRESHOLD_": str(32 * 2**20),
    "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1",
}
"""Of glibc: it gives memory back after each image, by default, and each page of it is a fault at the next.
What is larger than the first of them it gives back all the same, and takes in pages of 2 MiB where the kernel
has them to give (`madvise`): a progressive JPEG of 20 megapixels takes 16,000 small ones."""

_EXIT_GRACE: Final = 5.0
"""Seconds for a process to end that has closed its socket."""


@dataclass(frozen=True, slots=True)
class DecoderRecipe:
    """What decoders are made by."""

    preprocess: Preprocess
    limits: DecoderLimits
    decode: str = REAL
    """Where a decoder finds `(Preprocess, bytes, RenditionRecipe | None) -> DecodedImage`."""
    rendition: RenditionRecipe | None = None
    """What it makes where one is asked for."""

    def options(self, area: SharedArea) -> DecodeOptions:
        """For a child of this process."""
        how, limits = self.preprocess, self.limits
        bounds = limits.memory, limits.deadline
        made = self.rendition.name if self.rendition else None
        shared = os.getpid(), area.fd
        return DecodeOptions(how.size, how.fit, how.max_pixels, *bounds, *shared, self.decode, made)


class ExitCause(StrEnum):
    """What a decoder died of."""

    CRASH = "crash"
    """A signal that a fault in native code brings: SIGSEGV, SIGABRT, ..."""
    KILLED = "killed"
    """SIGKILL, and none of ours: the kernel was short of memory, most often."""
    MEMORY = "memory"
    CPU = "cpu"
    HUNG = "hung"
    """It waited for something that never came."""
    EXIT = "exit"
    GARBLED = "garbled"
    """It answered what no decoder answers."""


@dataclass(frozen=True, slots=True)
class DecoderExit:
    """One decoder's."""

    cause: ExitCause
    how: str
    """As in "SIGSEGV", or "exit code 1"."""

    @property
    def takes_long(self) -> bool:
        """Whether it was told by time, which an image takes once more at every try."""
        return self.cause in {ExitCause.CPU, ExitCause.HUNG}


class DecoderDied(Exception):
    """A decoder died over an image, which need not be the image's fault."""

    def __init__(self, death: DecoderExit) -> None:
        super().__init__(death.how)
        self.death = death


def exit_of(code: int, limits: DecoderLimits) -> DecoderExit:
    """What an exit code says; it is negative for a signal, as `subprocess` has it."""
    if code == OUT_OF_MEMORY:
        return DecoderExit(ExitCause.MEMORY, f"more than {limits.memory:,} bytes of memory")
    if code >= 0:
        return DecoderExit(ExitCause.EXIT, f"exit code {code}")
    match -code:
        case Signals.SIGPROF:
            return DecoderExit(ExitCause.CPU, f"more than {limits.deadline:g} seconds of CPU time")
        case Signals.SIGKILL:
            return DecoderExit(ExitCause.KILLED, "SIGKILL")
    return DecoderExit(
        ExitCause.CRASH, Signals(-code).name if -code in valid_signals() else f"signal {-code}"
    )


def hung(limits: DecoderLimits) -> DecoderExit:
    """Of one that was killed for doing nothing."""
    return DecoderExit(ExitCause.HUNG, f"nothing done for {limits.deadline:g} seconds")


GARBLED: Final = DecoderExit(ExitCause.GARBLED, "an answer that is none")


@dataclass(frozen=True, slots=True)
class _Asked:
    """What is to come of an image's bytes."""

    kind: FrameKind
    most: int
    """Bytes that may follow."""
    is_reduced: bool
    """With its rendition."""
    side: int
    """Of the thumbnail; 0 for none."""


@dataclass(frozen=True, slots=True)
class _Answer:
    """What has come."""

    payload: bytes
    facts: PhotographFacts | None


_ASLEEP: Final = "S"


class HangDetector:
    """Counts the looks in a row at which a process neither had used its CPU nor wanted to.

    Wall time alone says nothing of an image: a frozen or overloaded machine makes any of them late.
    """

    def __init__(self, pid: int) -> None:
        self._tasks = Path(f"/proc/{pid}/task")
        self._clock = (~pid << 3) | 2  # the kernel's name for the CPU clock of another process
        self._used = 0.0
        self._looks = 0

    def begin(self) -> None:
        """Count from nothing."""
        self._looks = 0

    def looks(self) -> int:
        """Look once more; how many in a row saw it asleep."""
        try:
            used = time.clock_gettime(self._clock)
            is_still = used == self._used and self._all_asleep()
        except (OSError, IndexError):  # it has ended, or this is no Linux
            return 0
        self._used = used
        self._looks = self._looks + 1 if is_still else 0
        return self._looks

    def _all_asleep(self) -> bool:
        # The state stands behind the program's name, which is in parentheses and may hold anything.
        states = [task.read_text().rpartition(")")[2].split()[0] for task in self._tasks.glob("*/stat")]
        return bool(states) and set(states) == {_ASLEEP}


class Decoder:
    """Owns a process from `start` to `ended`. One image at a time; the event loop's thread only."""

    def __init__(
        self,
        process: subprocess.Popen[bytes],
        worker_end: socket.socket,
        area: SharedArea,
        limits: DecoderLimits,
    ) -> None:
        self.memory = 0
        """Bytes that it held after the last image."""
        self.memory_fresh = 0
        """Bytes that it held before the first that is not known to be good."""
        self._process = process
        self._socket = worker_end
        self._area = area
        self._limits = limits
        self._hang_detector = HangDetector(process.pid)
        self._listening = False
        self._exit: DecoderExit | None = None

    @classmethod
    def start(cls, recipe: DecoderRecipe) -> Self:
        """A new process; it takes a moment until it answers. Raises `OSError` where there is none to be had.

        To be called from a thread that lives as long as the worker: the kernel kills the process with it.
        """
        area = SharedArea.create(recipe.preprocess.size)
        ours, theirs = socket.socketpair()
        ours.settimeout(0)  # the event loop waits for it
        with theirs:
            try:
                process = subprocess.Popen(  # noqa: S603 - this interpreter, and a module of ours
                    [sys.executable, "-P", "-m", "model.decoding.process", recipe.options(area).text()],
                    stdin=theirs.fileno(),
                    stdout=subprocess.DEVNULL,
                    pass_fds=(area.fd,),
                    env=_environment(),
                    start_new_session=True,  # Ctrl-C in a terminal is for the worker
                )
            except OSError:
                ours.close()
                area.close()
                raise
        return cls(process, ours, area, recipe.limits)

    @property
    def pid(self) -> int:
        """Of the process."""
        return self._process.pid

    async def decode(self, data: bytes, *, is_reduced: bool = False) -> DecodedImage:
        """The image's pixels, uint8 (3, S, S), and its rendition where it `is_reduced` and has one.

        Raises `Rejected`, or `DecoderDied`: then, and when it is cancelled, the decoder is of no more use.
        `Broken` where this machine has no room to hand the image over in.
        """
        most = MOST_BYTES if is_reduced else 0
        asked = _Asked(FrameKind.PIXELS, most, is_reduced=is_reduced, side=0)
        answer = await self._exchange(data, asked)
        return DecodedImage(self._area.take(), answer.payload or None, answer.facts)

    async def thumbnail(self, data: bytes, side: int) -> bytes:
        """The image as a small JPEG, its longer side at most `side`. Raises as `decode` does."""
        asked = _Asked(FrameKind.THUMBNAIL, small_jpeg.most_bytes(side), is_reduced=False, side=side)
        answer = await self._exchange(data, asked)
        self._area.forget()
        return answer.payload

    async def _exchange(self, data: bytes, asked: _Asked) -> _Answer:
        try:
            self._area.put(data)
        except OSError as error:
            raise Broken(f"no room to hand {len(data):,} bytes to a decoder: {error}") from error
        try:
            return await self._answer(len(data), asked)
        except OSError as error:  # its end of the socket is closed
            raise DecoderDied(await self._exit_cause()) from error
        finally:
            self._listening = False

    def is_alive(self) -> bool:
        """Whether the process has not ended, as far as one can see without waiting."""
        return self._process.poll() is None

    def kill(self) -> None:
        """End the process, whatever it does. At once, but `ended` says when."""
        self._process.kill()

    async def ended(self) -> DecoderExit:
        """Until the process has ended by itself, or by `kill`; what it died of."""
        with suppress(OSError):
            self._socket.close()
        self._area.close()
        code = await asyncio.to_thread(self._process.wait)
        return self._exit or exit_of(code, self._limits)

    def look(self) -> None:
        """To be called `LOOKS` times a deadline: a decoder that does nothing with its image is killed."""
        if self._listening and self._hang_detector.looks() >= LOOKS:
            self._exit = hung(self._limits)
            self.kill()

    async def _answer(self, length: int, asked: _Asked) -> _Answer:
        loop = asyncio.get_running_loop()
        await loop.sock_sendall(self._socket, REQUEST.pack(length, asked.is_reduced, asked.side))
        self._hang_detector.begin()
        self._listening = True
        head = bytearray(ANSWER.size)
        await self._receive(memoryview(head))
        kind, self.memory, following, *facts = ANSWER.unpack(head)
        if kind == asked.kind and following <= asked.most:
            return _Answer(await self._payload(following), unpacked_facts(*facts))
        if kind != FrameKind.REJECTED or following > LONGEST_REFUSAL:
            raise self._garbled()
        payload = await self._payload(following)
        try:
            error = refused(payload)
        except ValueError as garbled:
            raise self._garbled() from garbled
        raise error

    async def _payload(self, length: int) -> bytes:
        payload = bytearray(length)
        await self._receive(memoryview(payload))
        return bytes(payload)

    async def _receive(self, target: memoryview) -> None:
        loop = asyncio.get_running_loop()
        while target:
            received = await loop.sock_recv_into(self._socket, target)
            if not received:
                raise ConnectionResetError
            target = target[received:]

    def _garbled(self) -> OSError:
        self._exit = GARBLED
        self.kill()
        return ConnectionAbortedError()

    async def _exit_cause(self) -> DecoderExit:
        death = asyncio.ensure_future(self.ended())
        done, _ = await asyncio.wait({death}, timeout=_EXIT_GRACE)
        if not done:  # it closed its socket and lives on
            self._exit = GARBLED
            self.kill()
        return await death


def _environment() -> dict[str, str]:
    kept = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    # It imports what this process would; and BLAS needs no threads to move bytes.
    path = os.pathsep.join(entry or os.getcwd() for entry in sys.path)  # noqa: PTH109 - a string is wanted
    return kept | _KEEPING | {"PYTHONPATH": path, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
