"""HDR to SDR: pictures in PQ or HLG (BT.2100) as a screen without HDR shows them, in sRGB.

Steps, and where their formulas are from: PQ's transfer (SMPTE ST 2084) or HLG's with its system gamma for a
screen of 1,000 cd/m2 (BT.2100, tables 4 and 5), relative to a white of 203 cd/m2 (BT.2408); the roll-off of
BT.2390 (5.4.1, its knee and spline) from the picture's own peak down to that white, by the strongest of the
three channels, so that hues stay; from the told primaries to BT.709's; the curve of sRGB. A picture that is
no brighter than white comes out as it would have been in SDR.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFilter

from model.formats import colour, gamma

Floats = npt.NDArray[np.float64]

PQ, HLG = 16, 18
"""Transfer characteristics, as ITU-T H.273 counts them."""

BT2020, P3_DCI, P3 = 9, 11, 12
"""Primaries, likewise; every other is taken for BT.709's."""

WHITE: Final = 203.0
BRIGHTEST: Final = 10_000.0
SCREEN: Final = 1_000.0
SYSTEM_GAMMA: Final = 1.2
"""In cd/m2: white of SDR, most that PQ can say, a screen that HLG is made for."""

M1, M2, C1, C2, C3 = 2610 / 16384, 2523 / 32, 3424 / 4096, 2413 / 128, 2392 / 128
"""Constants of PQ."""

A, B, C = 0.17883277, 0.28466892, 0.55991073
"""Constants of HLG."""

TO_BT709: Final = {
    BT2020: (
        (1.660491, -0.587641, -0.072850),
        (-0.124550, 1.132900, -0.008349),
        (-0.018151, -0.100579, 1.118730),
    ),
    P3: ((1.224940, -0.224940, 0.0), (-0.042057, 1.042057, 0.0), (-0.019638, -0.078636, 1.098274)),
}
LUMINANCE: Final = {BT2020: (0.2627, 0.6780, 0.0593), P3: (0.2290, 0.6917, 0.0793)}
BT709: Final = (0.2126, 0.7152, 0.0722)

POINTS: Final = 65
"""Of the table, along each channel: as many as Pillow takes."""

SAMPLE: Final = 256
"""Pixels of the longer side of what the peak is looked up in."""


def is_hdr(transfer: int) -> bool:
    """Whether numbers of that transfer are to be mapped."""
    return transfer in {PQ, HLG}


def to_sdr(image: Image.Image, transfer: int, primaries: int) -> Image.Image:
    """`image` in sRGB, in RGB or RGBA; as it is where `transfer` is neither PQ nor HLG."""
    if not is_hdr(transfer):
        return image
    image = _colours(image)
    told = P3 if primaries == P3_DCI else primaries
    mapped = _table(transfer, told, _peak(image, transfer, told))
    for box in colour.strips(image.size):
        image.paste(image.crop(box).filter(mapped), box)
    return image


def _colours(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I"):
        image = colour.eight_bits(image)
    wanted = "RGBA" if image.has_transparency_data else "RGB"
    return image if image.mode == wanted else image.convert(wanted)


def _peak(image: Image.Image, transfer: int, primaries: int) -> float:
    """In PQ: the brightest that is left of the picture once it is small."""
    small = image.reduce(max(1, max(image.size) // SAMPLE)).convert("RGB")
    light = _light(np.asarray(small) / 255.0, transfer, primaries)
    return float(_to_pq(light.max()))


def _table(transfer: int, primaries: int, peak: float) -> ImageFilter.Color3DLUT:
    axis = np.linspace(0, 1, POINTS)
    green, red = np.meshgrid(axis, axis, indexing="ij")
    planes = (np.stack((red, green, np.full_like(red, blue)), axis=-1) for blue in axis)
    shown = [_shown(plane, transfer, primaries, peak).ravel() for plane in planes]
    return ImageFilter.Color3DLUT(POINTS, np.concatenate(shown))


def _shown(signal: Floats, transfer: int, primaries: int, peak: float) -> Floats:
    light = _light(signal, transfer, primaries)
    strongest = light.max(axis=-1, keepdims=True)
    rolled = light * _rolled_off(strongest, peak) / np.maximum(strongest, 1e-6) / WHITE
    if primaries in TO_BT709:
        rolled = rolled @ np.array(TO_BT709[primaries]).T
    return gamma.srgb(np.clip(rolled, 0, 1))


def _light(signal: Floats, transfer: int, primaries: int) -> Floats:
    """In cd/m2, as a screen for HDR shows it."""
    if transfer == PQ:
        return _from_pq(signal)
    scene = np.where(signal <= 0.5, signal**2 / 3, (np.exp((signal - C) / A) + B) / 12)  # noqa: PLR2004 - BT.2100
    luminance = (scene @ np.array(LUMINANCE.get(primaries, BT709)))[..., np.newaxis]
    shown: Floats = SCREEN * scene * np.maximum(luminance, 0) ** (SYSTEM_GAMMA - 1)
    return shown


def _from_pq(signal: Floats) -> Floats:
    root = signal ** (1 / M2)
    return BRIGHTEST * (np.maximum(root - C1, 0) / (C2 - C3 * root)) ** (1 / M1)


def _to_pq(light: Floats) -> Floats:
    power = (light / BRIGHTEST) ** M1
    return ((C1 + C2 * power) / (1 + C3 * power)) ** M2


def _rolled_off(light: Floats, peak: float) -> Floats:
    """BT.2390's: what is below the knee stays, `peak` (in PQ) becomes white."""
    white = float(_to_pq(np.array(WHITE)))
    if peak <= white:
        return light
    most = white / peak
    knee = 1.5 * most - 0.5
    signal = np.minimum(_to_pq(light) / peak, 1)
    t = np.maximum(signal - knee, 0) / (1 - knee)
    spline = (
        (2 * t**3 - 3 * t**2 + 1) * knee + (t**3 - 2 * t**2 + t) * (1 - knee) + (3 * t**2 - 2 * t**3) * most
    )
    return _from_pq(np.where(signal < knee, signal, spline) * peak)
