"""Photographs decoded once: kept, mapped, verified, and made anew when they have changed."""

from __future__ import annotations

import os
import resource
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from model.data.dataset import Photograph
from model.data.progress import silent
from model.preprocess import Fit, Preprocess
from model.training.decoded import ABANDONED, INDEX, PIXELS, Decoded, DecodingJob
from schemas.errors import ConfigurationError
from tests.unit.training_builders import shapes


@pytest.fixture
def photographs(tmp_path: Path) -> tuple[Photograph, ...]:
    files = sorted(shapes(tmp_path / "shapes", of_each=3).rglob("*.png"))
    (tmp_path / "cut.png").write_bytes(b"\x89PNG and no more")
    return tuple(Photograph(file, labels=("any",)) for file in (*files[:2], tmp_path / "cut.png", *files[2:]))


Decode = Callable[..., Decoded]


@pytest.fixture
def decode(photographs: tuple[Photograph, ...], tmp_path: Path) -> Decode:
    def run(*, cached: bool = True, ticks: list[int] | None = None, fit: Fit = Fit.SQUASH) -> Decoded:
        decoding = DecodingJob(Preprocess(size=32, fit=fit), cache=tmp_path / "cache" if cached else None)
        tick = silent if ticks is None else lambda _what, done, _total: ticks.append(done)
        return decoding.run(photographs, tick=tick)

    return run


def test_mapped_pixels_are_those_that_memory_would_hold(decode: Decode) -> None:
    mapped, held = decode(), decode(cached=False)
    assert torch.equal(mapped.pixels, held.pixels)
    assert mapped.digest == held.digest
    assert (mapped.kept, mapped.unreadable) == (held.kept, held.unreadable)
    assert mapped.kept == (0, 1, 3, 4, 5, 6)
    assert mapped.unreadable[0].startswith("cut.png: ")


def test_the_second_time_nothing_is_decoded(decode: Decode) -> None:
    decode()
    ticks: list[int] = []
    decode(ticks=ticks)
    assert ticks == []


def test_a_photograph_that_changed_is_decoded_anew(
    decode: Decode, photographs: tuple[Photograph, ...]
) -> None:
    first = decode()
    file, other = photographs[0].path, photographs[-1].path
    assert isinstance(file, Path)
    file.write_bytes(other.read_bytes())
    os.utime(file, (1, 1))
    second = decode()
    assert second.digest != first.digest
    assert torch.equal(second.pixels[0], second.pixels[-1])


def test_another_size_or_fit_is_another_entry(decode: Decode, tmp_path: Path) -> None:
    assert decode().digest != decode(fit=Fit.CROP).digest
    assert len(list((tmp_path / "cache").iterdir())) == 2


@pytest.mark.parametrize("file", [PIXELS, INDEX])
def test_an_entry_that_is_damaged_is_made_anew(decode: Decode, tmp_path: Path, file: str) -> None:
    first = decode().pixels.clone()
    (entry,) = (tmp_path / "cache").iterdir()
    (entry / file).unlink()  # what is mapped must not be cut short
    (entry / file).write_bytes(b"short")
    assert torch.equal(decode().pixels, first)


def test_writing_to_the_pixels_leaves_the_file_alone(decode: Decode) -> None:
    decode().pixels.zero_()
    assert decode().pixels.any()


def test_a_full_disk_is_said_and_nothing_half_written_stays(decode: Decode, tmp_path: Path) -> None:
    unlimited = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
    resource.setrlimit(resource.RLIMIT_FSIZE, (4_000, unlimited))
    try:
        with pytest.raises(ConfigurationError, match="cache of decoded pictures cannot be written"):
            decode()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (unlimited, unlimited))
    assert list((tmp_path / "cache").iterdir()) == []


def test_what_a_killed_process_left_is_swept_away_in_time(decode: Decode, tmp_path: Path) -> None:
    old, young = (tmp_path / "cache" / f".building-{name}" for name in ("old", "young"))
    for folder in (old, young):
        folder.mkdir(parents=True)
        (folder / PIXELS).write_bytes(b"half")
    long_ago = (folder / PIXELS).stat().st_mtime - 2 * ABANDONED
    for path in (old / PIXELS, old):
        os.utime(path, (long_ago, long_ago))
    decode()
    assert not old.exists()
    assert young.exists()
