"""Shared memory of a worker and one decoder: a photograph's bytes there, its pixels back.

A file without a name: it goes with the last of both processes, however they end. Neither can make it shorter,
so that a decoder that was taken over cannot make the worker read where nothing is. The worker copies pixels
out before it believes them: nobody changes those of an image that it has answered for.
"""

from __future__ import annotations

import fcntl
import mmap
import os
import tempfile
from typing import Final, Self

import numpy as np

from model.preprocess import Pixels

ROOM: Final = 8 * 2**20
"""Bytes for a photograph that are kept; what a larger one takes is given back behind it."""


class SharedArea:
    """The pixels first, then the photograph; grows with it."""

    def __init__(self, fd: int, side: int) -> None:
        self._fd = fd
        self._shape = (3, side, side)
        self._photograph = _pages(3 * side**2)
        """Where it begins."""
        self._map = mmap.mmap(fd, os.fstat(fd).st_size)

    @classmethod
    def create(cls, side: int) -> Self:
        """For a worker. Raises `OSError` where there is none to be had."""
        fd = _nameless()
        os.ftruncate(fd, _pages(3 * side**2) + ROOM)
        return cls(fd, side)

    @property
    def fd(self) -> int:
        """What a decoder inherits, and makes its own area of."""
        return self._fd

    def put(self, data: bytes) -> None:
        """The photograph, in place of the last one."""
        end = self._photograph + len(data)
        if end > len(self._map):
            os.ftruncate(self._fd, _pages(end))
        self._follow()
        self._map[self._photograph : end] = data

    def photograph(self, length: int) -> bytes:
        """What the other side has put. Raises `ValueError` where it is longer than there is room."""
        self._follow()
        end = self._photograph + length
        if end > len(self._map):
            raise ValueError(f"{length} bytes are more than the area holds")
        return self._map[self._photograph : end]

    def answer(self, pixels: Pixels) -> None:
        """The photograph's pixels."""
        self._pixels()[...] = pixels

    def take(self) -> Pixels:
        """The pixels, for good."""
        self.forget()
        return self._pixels().copy()

    def forget(self) -> None:
        """Give back what a large photograph took."""
        kept = self._photograph + ROOM
        if len(self._map) > kept and hasattr(mmap, "MADV_REMOVE"):
            self._map.madvise(mmap.MADV_REMOVE, kept, len(self._map) - kept)

    def close(self) -> None:
        """Of no use from now on; twice is as good as once."""
        self._map.close()
        if self._fd >= 0:
            os.close(self._fd)
        self._fd = -1

    def _pixels(self) -> Pixels:
        return np.ndarray(self._shape, np.uint8, self._map)

    def _follow(self) -> None:
        """Map all of it, where either side has made it longer."""
        size = os.fstat(self._fd).st_size
        if size > len(self._map):
            self._map = mmap.mmap(self._fd, size)


def _nameless() -> int:
    if not hasattr(os, "memfd_create"):  # no Linux
        with tempfile.TemporaryFile() as file:
            return os.dup(file.fileno())
    fd = os.memfd_create("tagstream-decoder", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    fcntl.fcntl(fd, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_SEAL)
    return fd


def _pages(size: int) -> int:
    return -(-size // mmap.PAGESIZE) * mmap.PAGESIZE
