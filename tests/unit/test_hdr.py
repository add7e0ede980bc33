"""A picture in PQ or HLG comes out as it would have been in SDR; what is brighter is rolled off."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from model.formats.hdr import to_sdr
from tests.unit.hdr_builders import HLG, PQ, hdr, scene

BT709, BT2020, P3 = 1, 9, 12
KINDS = [(transfer, primaries) for transfer in (PQ, HLG) for primaries in (BT709, BT2020, P3)]


def differences(one: Image.Image, other: Image.Image) -> npt.NDArray[np.int64]:
    shown, wanted = (np.asarray(image.convert("RGB"), dtype=np.int64) for image in (one, other))
    apart: npt.NDArray[np.int64] = np.abs(shown - wanted)
    return apart


@pytest.mark.parametrize(("transfer", "primaries"), KINDS)
def test_what_is_no_brighter_than_white_comes_back_as_it_was(transfer: int, primaries: int) -> None:
    coded = hdr(scene(), transfer, primaries)
    assert differences(coded, scene()).mean() > 5
    found = differences(to_sdr(coded, transfer, primaries), scene())
    assert found.mean() < 1.5
    assert found.max() <= 12, "8 bits of PQ are coarse in the dark"


@pytest.mark.parametrize(("transfer", "primaries"), KINDS)
def test_highlights_are_rolled_off_and_never_clipped_flat(transfer: int, primaries: int) -> None:
    grey = Image.fromarray(np.tile(np.arange(256, dtype=np.uint8), (8, 1))).convert("RGB")
    shown = np.asarray(to_sdr(hdr(grey, transfer, primaries, white=900), transfer, primaries))[0].astype(int)
    assert (np.diff(shown[:, 1]) >= -4).all(), "the table is interpolated"
    assert shown[-1].min() > 240
    assert len(set(shown[160:, 1])) > 8, "all of it brighter than white, and steps are left"
    assert np.ptp(shown, axis=1).max() <= 3, "grey stays grey"


@pytest.mark.parametrize("transfer", [1, 2, 6, 8, 13])
def test_any_other_transfer_stays_bit_for_bit(transfer: int) -> None:
    assert to_sdr(scene(), transfer, BT2020).tobytes() == scene().tobytes()


@pytest.mark.parametrize("transfer", [PQ, HLG])
def test_what_is_transparent_stays_so_and_grey_is_mapped_as_colour_is(transfer: int) -> None:
    coded = hdr(scene(), transfer, BT709)
    alpha = Image.linear_gradient("L").resize(coded.size)
    coded.putalpha(alpha)
    shown = to_sdr(coded, transfer, BT709)
    assert shown.getchannel("A").tobytes() == alpha.tobytes()
    assert differences(shown, scene()).mean() < 1.5
    grey = hdr(scene().convert("L"), transfer, BT709).convert("L")
    assert differences(to_sdr(grey, transfer, BT709), scene().convert("L")).mean() < 1.5
    deep = Image.fromarray(np.asarray(grey).astype(np.uint16) * 257)
    assert differences(to_sdr(deep, transfer, BT709), to_sdr(grey, transfer, BT709)).max() == 0


@pytest.mark.parametrize("size", [(1, 1), (3, 700), (2_000, 1_100)])
def test_a_picture_of_any_shape_is_mapped_whole(size: tuple[int, int]) -> None:
    shown = to_sdr(Image.new("RGB", size, (128, 128, 128)), PQ, BT2020)
    assert shown.size == size
    assert len(np.unique(np.asarray(shown))) == 1
