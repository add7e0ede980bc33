"""Pictures in PQ and HLG for tests, made of pictures in SDR by the inverse of what BT.2100 says."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
from PIL import Image

Floats = npt.NDArray[np.float64]

PQ, HLG = 16, 18

FROM_BT709: Final = {
    1: ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)),
    9: ((0.627404, 0.329283, 0.043313), (0.069097, 0.919540, 0.011362), (0.016391, 0.088013, 0.895595)),
    12: ((0.822462, 0.177538, 0.0), (0.033194, 0.966806, 0.0), (0.017083, 0.072397, 0.910520)),
}
LUMINANCE: Final = {1: (0.2126, 0.7152, 0.0722), 9: (0.2627, 0.6780, 0.0593), 12: (0.2290, 0.6917, 0.0793)}


def scene() -> Image.Image:
    """Ramps of light from black to white, in greys, skin, sky and leaf."""
    ramp = np.linspace(0, 1, 128)[np.newaxis, :, np.newaxis]
    shades = np.array([(255, 255, 255), (230, 180, 150), (140, 180, 230), (130, 180, 110)] * 24)[
        :, np.newaxis
    ]
    return Image.fromarray(np.rint(ramp * shades).astype(np.uint8))


def hdr(image: Image.Image, transfer: int, primaries: int, *, white: float = 203) -> Image.Image:
    """`image` in the numbers of that transfer, its white so many cd/m2 bright."""
    coded = np.asarray(image.convert("RGB")) / 255
    linear = np.where(coded <= 0.04045, coded / 12.92, ((coded + 0.055) / 1.055) ** 2.4)
    light = np.maximum(linear @ np.array(FROM_BT709[primaries]).T, 0) * white
    signal = _pq(light) if transfer == PQ else _hlg(light, LUMINANCE[primaries])
    return Image.fromarray(np.rint(np.clip(signal, 0, 1) * 255).astype(np.uint8))


def _pq(light: Floats) -> Floats:
    power: Floats = (light / 10_000) ** 0.1593017578125
    coded: Floats = ((0.8359375 + 18.8515625 * power) / (1 + 18.6875 * power)) ** 78.84375
    return coded


def _hlg(light: Floats, luminance: tuple[float, float, float]) -> Floats:
    shown = light / 1_000
    bright = np.maximum(shown @ np.array(luminance), 1e-9)[..., np.newaxis]
    emitted = shown * bright ** ((1 - 1.2) / 1.2)
    log = 0.17883277 * np.log(np.maximum(12 * emitted - 0.28466892, 1e-9)) + 0.55991073
    coded: Floats = np.where(emitted <= 1 / 12, np.sqrt(3 * emitted), log)
    return coded
