"""AVIF: what the container cuts off is not seen, what stands beside the picture never costs it."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO

import numpy as np
import pytest
from PIL import AvifImagePlugin, Image

from model.formats.avif import AvifPhotograph
from model.preprocess import Pixels, Preprocess
from schemas.errors import TooManyPixels, Undecodable
from tests.unit.hdr_builders import HLG, PQ, hdr, scene
from tests.unit.heif_builders import (
    Item,
    Reference,
    av1,
    broken,
    clap,
    coded,
    exif_of,
    file_of,
    icc,
    imir,
    irot,
    nclx,
    tiles,
    xmp,
)

WIDTH, HEIGHT = 128, 96
BT2020 = 9


def ramp() -> Image.Image:
    """Red grows to the right, green downwards: each pixel says where it was."""
    across = np.tile(np.arange(WIDTH) * 2, (HEIGHT, 1))
    down = np.tile(np.arange(HEIGHT)[:, np.newaxis] * 2, (1, WIDTH))
    return Image.fromarray(np.stack((across, down, 0 * down), axis=-1).astype(np.uint8))


def whole(*items: Item, references: list[Reference] | None = None) -> bytes:
    return file_of(items, references or [], brand=b"avif")


def shown(*properties: bytes) -> Pixels:
    return Preprocess(size=32).decode(whole(av1(ramp(), *properties, quality=95, subsampling="4:4:4")))


def bounds(pixels: Pixels) -> tuple[float, float, float, float]:
    """Left, top, right and bottom of what is seen, in pixels of `ramp`."""
    red, green = pixels[0].astype(float) / 2, pixels[1].astype(float) / 2
    return red[:, 0].mean(), green[0].mean(), red[:, -1].mean(), green[-1].mean()


CUTS = {
    "from the centre": (clap(64, 48), (32, 24, 96, 72)),
    "to the right and down": (clap(64, 48, 32, 24), (64, 48, 128, 96)),
    "to the left and up": (clap(64, 48, -32, -24), (0, 0, 64, 48)),
    "in fractions": (clap(128, 96, 64, 48, over=2), (64, 48, 128, 96)),
    "at half a pixel": (clap(63, 47), (32, 24, 95, 71)),
    "all of it": (clap(WIDTH, HEIGHT), (0, 0, WIDTH, HEIGHT)),
}
SENSELESS = {
    "beyond the right": clap(64, 48, 33),
    "beyond the left": clap(64, 48, -33),
    "beyond the top": clap(64, 48, 0, -25),
    "beyond the bottom": clap(64, 48, 0, 25),
    "larger than the picture": clap(WIDTH + 2, HEIGHT),
    "of no width": clap(0, 48),
    "of less than a pixel": clap(1, 1, over=2),
    "divided by zero": clap(64, 48, over=0),
    "of a negative width": clap(2**32 - 64, 48),
}


@pytest.mark.parametrize("cut", CUTS)
def test_the_picture_is_what_its_clean_aperture_leaves(cut: str) -> None:
    aperture, (left, top, right, bottom) = CUTS[cut]
    assert bounds(shown(aperture)) == pytest.approx((left, top, right, bottom), abs=4)


@pytest.mark.parametrize("cut", SENSELESS)
def test_a_clean_aperture_that_makes_no_sense_leaves_all_of_it(cut: str) -> None:
    assert (shown(SENSELESS[cut]) == shown()).all()


def test_it_is_cut_before_it_is_turned() -> None:
    plain = shown(clap(32, 48, 48, 24))
    assert bounds(plain) == pytest.approx((96, 48, 128, 96), abs=4)
    turned = shown(clap(32, 48, 48, 24), irot(1))
    assert np.abs(turned.astype(int) - np.rot90(plain, axes=(1, 2)).astype(int)).mean() < 2
    mirrored = shown(clap(32, 48, 48, 24), imir(1))
    assert np.abs(mirrored.astype(int) - plain[:, :, ::-1].astype(int)).mean() < 2


def test_the_cap_counts_what_is_decoded_and_not_what_is_cut_from_it() -> None:
    data = whole(av1(ramp(), clap(8, 8)))
    with pytest.raises(TooManyPixels, match="128 x 96"):
        Preprocess(size=32, max_pixels=WIDTH * HEIGHT - 1).decode(data)
    assert Preprocess(size=32, max_pixels=WIDTH * HEIGHT).decode(data).shape == (3, 32, 32)


BESIDE = {
    "a profile that is none": icc(b"\xff" * 40),
    "a profile of no bytes": icc(b""),
    "a profile of a megabyte": icc(bytes(1_000_000)),
    "numbers of a transfer cut short": broken(b"colr", b"nclx\0\1"),
    "a colour of no kind": broken(b"colr"),
    "an aspect cut short": broken(b"pasp", b"\0\0"),
    "an aspect": broken(b"pasp", b"\0\0\0\2\0\0\0\1"),
    "a light level cut short": broken(b"clli"),
    "something unknown": broken(b"what", b"ever"),
}


@pytest.mark.parametrize("name", BESIDE)
def test_what_stands_beside_the_picture_never_costs_it(name: str) -> None:
    box = BESIDE[name]
    told = av1(ramp(), quality=95, subsampling="4:4:4")
    numbers = len(told.properties)
    data = whole(Item(told.kind, (*told.properties, box), told.data))
    linked = data.index(b"ipma") + 4 + 8 + 2 + 1 + numbers  # its link says essential, which it is not
    data = data[:linked] + bytes([data[linked] & 0x7F]) + data[linked + 1 :]
    assert (Preprocess(size=32).decode(data) == shown()).all()


@pytest.mark.parametrize("block", [b"", b"\xff" * 9, b"Exif\0\0", b"II*\0", bytes(1_000_000)])
def test_neither_exif_nor_xmp_costs_it(block: bytes) -> None:
    items = [av1(ramp(), quality=95, subsampling="4:4:4"), exif_of(block, skip=99), xmp(3)]
    links = [Reference(b"cdsc", 2, [1]), Reference(b"cdsc", 3, [1])]
    assert (Preprocess(size=32).decode(whole(*items, references=links)) == shown()).all()


@pytest.mark.parametrize(("make", "brand"), [(av1, b"avif"), (coded, b"heic")])
@pytest.mark.parametrize("transfer", [PQ, HLG])
def test_a_picture_in_hdr_comes_out_as_in_sdr(make: Callable[..., Item], brand: bytes, transfer: int) -> None:
    coded_hdr = hdr(scene(), transfer, BT2020).resize((256, 192), Image.Resampling.NEAREST)
    plain, wanted = (
        Preprocess(size=32).decode(file_of([make(picture, *told)], brand=brand)).astype(int)
        for picture, told in ((coded_hdr, [nclx(BT2020, transfer)]), (scene().resize((256, 192)), []))
    )
    assert np.abs(plain.mean(axis=(1, 2)) - wanted.mean(axis=(1, 2))).max() < 4
    assert np.abs(plain - wanted).mean() < 6


def test_a_grey_picture_in_hdr_comes_out_as_one_in_colours() -> None:
    grey = hdr(scene().convert("L").convert("RGB"), PQ, BT2020).convert("L").resize((256, 192))
    one, other = (
        Preprocess(size=32).decode(whole(av1(picture, nclx(BT2020, PQ), quality=95))).astype(int)
        for picture in (grey, grey.convert("RGB"))
    )
    assert np.abs(one - other).mean() < 3


@pytest.mark.parametrize("transfer", [1, 2, 6, 8, 13, 14])
def test_every_other_transfer_stays_bit_for_bit(transfer: int) -> None:
    assert (shown(nclx(1, transfer)) == shown(nclx(1, 13))).all()


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L"])
@pytest.mark.parametrize("kind", ["range full", "range limited", "4:4:4"])
def test_pixels_are_those_of_pillows_own_plugin(mode: str, kind: str) -> None:
    how = {"subsampling": "4:4:4"} if kind == "4:4:4" else {"range": kind.split()[1]}
    target = BytesIO()
    ramp().convert(mode).save(target, "AVIF", **how)
    with Image.open(target) as ours, AvifImagePlugin.AvifImageFile(BytesIO(target.getvalue())) as theirs:
        assert isinstance(ours, AvifPhotograph)
        assert ours.tobytes() == theirs.tobytes()
        assert (ours.mode, ours.size) == (theirs.mode, theirs.size)


def test_alpha_and_a_sequence_and_tiles_are_read() -> None:
    target = BytesIO()
    blank = Image.new("RGBA", (64, 64), (255, 0, 0, 0))
    blank.save(target, "AVIF")
    assert (Preprocess(size=8).decode(target.getvalue()) > 247).all()
    target = BytesIO()
    first, later = (Image.new("RGB", (64, 64), shade) for shade in ("red", "blue"))
    first.save(target, "AVIF", save_all=True, append_images=[later] * 3)
    assert target.getvalue()[8:12] == b"avis"
    red = Preprocess(size=8).decode(target.getvalue())
    assert red[0].min() > 240
    assert red[2].max() < 15
    made = [tiles(1, 2, (128, 64), clap(64, 64, 32)), av1(first), av1(later)]
    blue = Preprocess(size=8).decode(whole(*made, references=[Reference(b"dimg", 1, [2, 3])]))
    assert blue[2].min() > 240


def test_a_file_cut_short_is_damaged() -> None:
    data = whole(av1(ramp()))
    for share in (0.1, 0.5, 0.9, 0.99):
        with pytest.raises(Undecodable):
            Preprocess(size=32).decode(data[: int(len(data) * share)])
