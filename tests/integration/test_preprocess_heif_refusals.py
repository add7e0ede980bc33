"""A HEIF file made to hurt is refused, within bounded memory and without taking the process along."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from io import BytesIO
from multiprocessing import get_context
from pathlib import Path
from struct import pack

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from model.formats.heif import HeifImageFile
from model.preprocess import Preprocess
from schemas.errors import Rejected, TooManyPixels, Undecodable
from tests.unit.heif_builders import (
    ALPHA,
    Item,
    Reference,
    auxc,
    clap,
    coded,
    exif,
    file_of,
    heic,
    imir,
    irot,
    ispe,
    overlay,
    tiles,
)

PREPROCESS = Preprocess(size=32)
SMALL, LARGE = (64, 64), (512, 512)

MEASURE = """
import sys
from pathlib import Path
from model.preprocess import Preprocess
from schemas.errors import Rejected

def peak():
    return int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]) // 1024

before = peak()
try:
    Preprocess(size=32).decode(Path(sys.argv[1]).read_bytes())
    print("decoded", peak() - before)
except Rejected as error:
    print(type(error).__name__, peak() - before)
"""


@cache
def noise(tile_size: int = 0) -> bytes:
    pixels = np.random.default_rng(0).integers(0, 255, (128, 128, 3), dtype=np.uint8)
    return heic(Image.fromarray(pixels), tile_size=tile_size)


def flat(size: tuple[int, int]) -> Item:
    return coded(Image.new("RGB", size, "red"))


def plus(item: Item, *properties: bytes) -> Item:
    return Item(item.kind, (*item.properties, *properties), item.data)


def refusal(data: bytes) -> str:
    with pytest.raises(Undecodable) as caught:
        PREPROCESS.decode(data)
    return str(caught.value)


def measured(data: bytes, folder: Path) -> tuple[str, int]:
    """How it ended in a process of its own, and by how many MiB that grew."""
    (folder / "photograph.heic").write_bytes(data)
    command = [sys.executable, "-c", MEASURE, str(folder / "photograph.heic")]
    ending, grown = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    return ending, int(grown)


def bomb(*properties: bytes) -> bytes:
    """30,000 x 30,000 pixels that are really there: one tile of 2,000 x 2,000, 225 times."""
    items = [tiles(15, 15, (30_000, 30_000), *properties), flat((2_000, 2_000))]
    return file_of(items, [Reference(b"dimg", 1, [2] * 225)])


def hidden(kind: str) -> bytes:
    """A small image that takes a large one to decode."""
    large = flat(LARGE)
    if kind == "cut":
        return file_of([plus(large, clap(*SMALL))])
    if kind == "alpha":
        return file_of([flat(SMALL), plus(large, auxc(ALPHA))], [Reference(b"auxl", 2, [1])])
    shown = {
        "tile": tiles(1, 1, SMALL),
        "overlay": overlay(SMALL),
        "identity": Item(b"iden", (ispe(*SMALL),)),
    }
    return file_of([shown[kind], large], [Reference(b"dimg", 1, [2])])


@pytest.mark.parametrize("share", [0.1, 0.3, 0.6, 0.9, 0.99])
@pytest.mark.parametrize("tile_size", [0, 64])
def test_a_truncated_heic_is_an_error_and_not_half_a_picture(tile_size: int, share: float) -> None:
    data = noise(tile_size)
    refusal(data[: int(len(data) * share)])


def test_a_damaged_heic_is_not_called_a_foreign_format() -> None:
    damaged = noise().replace(b"iloc", b"free")
    assert "damaged" in refusal(damaged)
    assert "not an image" not in refusal(damaged)


@pytest.mark.parametrize("brand", [b"hevc", b"msf1"])
def test_a_sequence_is_refused_as_a_kind_not_supported(brand: bytes) -> None:
    assert "not an image of an accepted format" in refusal(noise()[:8] + brand + noise()[12:])


@pytest.mark.parametrize(("brand", "name"), [(b"qt  ", "QuickTime"), (b"isom", "MP4"), (b"mp42", "MP4")])
def test_a_video_is_called_a_video(brand: bytes, name: str) -> None:
    assert f"{name} video" in refusal(b"\x00\x00\x00\x18ftyp" + brand + bytes(500))


def test_a_file_without_a_primary_image_that_can_be_read_is_refused() -> None:
    refusal(file_of([flat(SMALL)], primary=2))


def test_a_heic_above_the_cap_is_refused_by_its_header() -> None:
    with pytest.raises(TooManyPixels, match="128 x 128"):
        Preprocess(size=32, max_pixels=128 * 128 - 1).decode(noise())
    assert Preprocess(size=32, max_pixels=128 * 128).decode(noise()).shape == (3, 32, 32)


def test_without_alpha_a_heic_may_have_a_phone_s_200_megapixels_and_no_more() -> None:
    for size, fits in {(16_320, 12_240): True, (16_500, 12_300): False}.items():
        data = file_of([tiles(1, 1, size), flat(SMALL)], [Reference(b"dimg", 1, [2])])
        with pytest.raises((TooManyPixels, Undecodable)) as refused:
            Preprocess(size=32).decode(data)
        assert isinstance(refused.value, TooManyPixels) is not fits


def test_with_alpha_the_usual_cap_holds() -> None:
    lean = {
        mode: HeifImageFile(BytesIO(heic(Image.new(mode, (64, 64))))).is_lean for mode in ("RGB", "RGBA", "L")
    }
    assert lean == {"RGB": True, "RGBA": False, "L": True}


@pytest.mark.parametrize("kind", ["cut", "alpha", "tile", "overlay", "identity"])
def test_what_must_be_decoded_counts_and_not_what_is_shown_of_it(kind: str) -> None:
    with pytest.raises(TooManyPixels, match="512 x 512"):
        Preprocess(size=32, max_pixels=512 * 512 - 1).decode(hidden(kind))


def test_every_tile_counts_though_it_lies_outside_of_what_is_shown() -> None:
    data = file_of([tiles(30, 30, SMALL), flat(SMALL)], [Reference(b"dimg", 1, [2] * 900)])
    with pytest.raises(TooManyPixels, match="1,920 x 1,920"):
        Preprocess(size=32, max_pixels=1_920 * 1_920 - 1).decode(data)
    assert Preprocess(size=32, max_pixels=1_920 * 1_920).decode(data).shape == (3, 32, 32)


def test_a_size_that_is_smaller_than_the_compressed_image_is_refused() -> None:
    large = flat(LARGE)
    refusal(file_of([Item(b"hvc1", (large.properties[0], ispe(*SMALL)), large.data)]))


def test_a_size_box_in_a_longer_form_is_seen_too() -> None:
    large = flat(LARGE)
    longer = pack(">I4sQ", 1, b"ispe", 28) + bytes(4) + pack(">II", *LARGE)
    data = file_of([Item(b"hvc1", (large.properties[0], longer, clap(*SMALL)), large.data)])
    with pytest.raises(TooManyPixels, match="512 x 512"):
        Preprocess(size=32, max_pixels=512 * 512 - 1).decode(data)


@pytest.mark.skipif(sys.platform != "linux", reason="reads a process's peak memory from /proc")
@pytest.mark.parametrize("properties", [(), (clap(64, 64),)], ids=["plain", "cut to 64 x 64"])
def test_a_heic_bomb_is_refused_within_bounded_memory(properties: tuple[bytes, ...], tmp_path: Path) -> None:
    data = bomb(*properties)
    assert len(data) < 10_000
    ending, grown = measured(data, tmp_path)
    assert ending == "TooManyPixels"
    assert grown < 50


@pytest.mark.skipif(sys.platform != "linux", reason="reads a process's peak memory from /proc")
def test_many_images_that_share_one_block_of_exif_take_it_once(tmp_path: Path) -> None:
    items = [*[flat(SMALL)] * 300, exif(1, padding=1_000_000)]
    data = file_of(items, [Reference(b"cdsc", 301, range(1, 301))], extents=30)
    ending, grown = measured(data, tmp_path)
    assert ending == "decoded"
    assert grown < 150, "300 copies of 30 MB would be 9 GB"


def decoded(data: bytes) -> tuple[int, ...] | None:
    """The shape that comes out, none where it is refused; anything else is an error."""
    with contextlib.suppress(Rejected):
        return PREPROCESS.decode(data).shape
    return None


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[ProcessPoolExecutor]:
    """A process that may die of what it is given."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        yield pool


SEEDS = {
    "one image": noise(),
    "tiles": noise(64),
    "turned": file_of(
        [plus(flat(SMALL), irot(1), imir(0), clap(32, 32)), exif(6)], [Reference(b"cdsc", 2, [1])]
    ),
    "alpha": hidden("alpha"),
    "overlay": hidden("overlay"),
}


@pytest.mark.parametrize("seed", SEEDS)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_whatever_is_changed_in_a_heic_the_process_lives_and_only_rejects(
    elsewhere: ProcessPoolExecutor, seed: str, data: st.DataObject
) -> None:
    damaged = bytearray(SEEDS[seed])
    for _ in range(data.draw(st.integers(1, 8))):
        place = data.draw(st.integers(0, len(damaged) - 1))
        damaged[place] = data.draw(st.integers(0, 255) | st.sampled_from([0, 1, 0x7F, 0x80, 0xFF]))
    cut = data.draw(st.integers(0, len(damaged)) | st.just(len(damaged)))
    assert elsewhere.submit(decoded, bytes(damaged[:cut])).result(60) in {None, (3, 32, 32)}
