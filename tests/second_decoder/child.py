"""Decodes each file of standard input with ours and with libvips, and says how far apart they are.

Each request is a line of JSON (`length`, `seconds`, `memory`) and the file; each answer is a line of JSON.
libvips shares no code with ours from the container to the colours; below, both use libjpeg-turbo, libpng or
dav1d, of their own builds.
"""

from __future__ import annotations

import json
import resource
import signal
import sys
from typing import IO, Any, Final

import numpy as np
import pyvips
from PIL import Image

from model.preprocess import Pixels, Preprocess
from schemas.errors import Rejected

SIDE: Final = 192
OURS: Final = Preprocess(size=SIDE)
PLAIN: Final = 8
"""Bits of a sample that need no conversion."""


def main(requests: IO[bytes], answers: IO[bytes]) -> None:
    """Answer until the input ends."""
    for line in requests:
        request = json.loads(line)
        data = requests.read(request["length"])
        signal.setitimer(signal.ITIMER_PROF, request["seconds"])
        resource.setrlimit(resource.RLIMIT_DATA, (request["memory"], -1))
        answers.write(json.dumps(compared(data)).encode() + b"\n")
        answers.flush()


def compared(data: bytes) -> dict[str, Any]:
    """What both made of `data`; `apart` is the mean difference in levels of 255 where both gave pixels."""
    mine, said = _ours(data)
    other, told = _theirs(data)
    apart = None
    if mine is not None and other is not None:
        apart = float(np.abs(mine.astype(np.int16) - other).mean())
    return {"ours": said, "theirs": told, "apart": apart}


def _ours(data: bytes) -> tuple[Pixels | None, str]:
    try:
        return OURS.decode(data), ""
    except (Rejected, MemoryError) as error:
        return None, str(error) or type(error).__name__


def _theirs(data: bytes) -> tuple[Pixels | None, str]:
    try:
        return _reduced(_on_white(_upright(data))), ""
    except (pyvips.Error, MemoryError) as error:
        return None, " ".join(str(error).split())


def _upright(data: bytes) -> pyvips.Image:
    return pyvips.Image.new_from_buffer(data, "", access="random", fail_on="error").autorot()


def _on_white(image: pyvips.Image) -> pyvips.Image:
    """As sRGB of 8 bits, by libvips' own conversion, without the profile: ours reads none either."""
    if image.get_typeof("icc-profile-data") and image.interpretation != "cmyk":
        image = image.copy()
        image.remove("icc-profile-data")
    if image.hasalpha():
        image = image.flatten(background=[_white(image)])
    return image.colourspace("srgb").cast("uchar")


def _white(image: pyvips.Image) -> int:
    return 65_535 if image.interpretation in {"rgb16", "grey16"} else 255


def _reduced(image: pyvips.Image) -> Pixels:
    whole = Image.fromarray(np.asarray(image.numpy(), dtype=np.uint8)[:, :, :3])
    small = whole.resize((SIDE, SIDE), Image.Resampling.BICUBIC, reducing_gap=3.0)
    return np.asarray(small).transpose(2, 0, 1)


if __name__ == "__main__":
    main(sys.stdin.buffer, sys.stdout.buffer)
