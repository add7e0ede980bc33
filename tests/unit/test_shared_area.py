"""What a worker and a decoder share: grown by either, shrunk by nobody, and kept by nobody."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from model.decoding.area import ROOM, SharedArea

SIDE = 96
LARGE = 3 * ROOM + 5


@pytest.fixture
def worker() -> Iterator[SharedArea]:
    area = SharedArea.create(SIDE)
    yield area
    area.close()


@pytest.fixture
def decoder(worker: SharedArea) -> Iterator[SharedArea]:
    area = SharedArea(os.dup(worker.fd), SIDE)
    yield area
    area.close()


def pixels(value: int) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    return np.full((3, SIDE, SIDE), value, np.uint8)


@pytest.mark.parametrize("length", [0, 1, ROOM, ROOM + 1, LARGE])
def test_a_photograph_of_any_length_is_seen_on_the_other_side(
    worker: SharedArea, decoder: SharedArea, length: int
) -> None:
    for data in (os.urandom(length), b"a smaller one", os.urandom(length)):
        worker.put(data)
        assert decoder.photograph(len(data)) == data


def test_pixels_that_were_taken_are_not_changed_any_more(worker: SharedArea, decoder: SharedArea) -> None:
    decoder.answer(pixels(1))
    taken = worker.take()
    decoder.answer(pixels(2))
    np.testing.assert_array_equal(taken, pixels(1))
    np.testing.assert_array_equal(worker.take(), pixels(2))


def test_what_a_large_photograph_took_is_given_back(worker: SharedArea, decoder: SharedArea) -> None:
    worker.put(os.urandom(LARGE))
    decoder.answer(pixels(7))
    assert os.fstat(worker.fd).st_blocks * 512 > LARGE
    np.testing.assert_array_equal(worker.take(), pixels(7))
    assert os.fstat(worker.fd).st_blocks * 512 <= ROOM + 2 * 3 * SIDE**2


def test_neither_side_makes_it_shorter_under_the_other(worker: SharedArea, decoder: SharedArea) -> None:
    with pytest.raises(PermissionError):
        os.ftruncate(decoder.fd, 0)
    worker.put(b"still here")
    assert decoder.photograph(10) == b"still here"


def test_more_than_there_is_room_for_is_not_read(decoder: SharedArea) -> None:
    with pytest.raises(ValueError, match="more than the area holds"):
        decoder.photograph(2 * ROOM)


def test_an_area_is_closed_once_and_for_all() -> None:
    area = SharedArea.create(SIDE)
    gone = area.fd
    area.close()
    with Path(os.devnull).open("rb") as other:
        assert other.fileno() == gone  # the number is taken anew
        area.close()
        assert other.read() == b""
