"""Pillow plugin for HEIF (an iPhone's HEIC): the primary image, upright, and nothing else of it.

pillow-heif decodes; its own Pillow plugin is left aside. That one copies the metadata and colour profile of
every image in the file as soon as it is opened, so that 100 kB of images which share one block of Exif take
gigabytes; and it may hand over an embedded thumbnail, which need not show the photograph. So this calls the
private function below it, which is why pillow-heif is pinned.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import prod
from struct import unpack_from
from typing import IO, Any, Final, cast

import _pillow_heif
from PIL import Image

from model.formats import hdr, iso_boxes
from model.formats.picture_file import PictureFile

Size = tuple[int, int]

BRANDS: Final = frozenset({b"heic", b"heix", b"heim", b"heis", b"mif1"})
"""Major brands of still images; `hevc` and `msf1` are sequences, which need have no primary image."""

MAX_PIXELS: Final = 202_000_000
"""Without alpha, tiles included: a phone's 200 megapixels. 8.4 bytes a pixel at the peak, in 8 bits or 10;
with alpha it may be 12, which the decoders' memory does not hold."""

CONTAINERS: Final = {b"meta": 4, b"iprp": 0, b"ipco": 0}
"""The boxes on the way to an image's size, and what stands in each before its first child, in bytes."""

NEEDED: Final = frozenset({b"meta", b"mdat"})
"""Boxes that must be whole: of a photograph in tiles libheif leaves those blank that did not arrive."""

LOAD: Final = (
    0,  # threads: none of libheif's own; whoever calls has a pool
    True,  # 10 and 12 bits become 8 (grey without alpha stays in 16)
    False,  # not BGR
    False,  # the stride stays: Pillow reads it
    True,  # grey of 10 and 12 bits is scaled to 16
    "",  # whichever decoder there is
    False,  # libheif's security limits stay on
)
"""What `_pillow_heif.load_file` takes after the bytes."""


class HeifImageFile(PictureFile):
    """The primary image of a HEIF file. Its size is told from the header; `load` decodes it.

    The file's own turns (`irot`, `imir`) and crop (`clap`) are applied, to size and pixels alike. Exif turns
    it where the primary image has no turn of its own: else it would only repeat that. PQ and HLG become SDR.
    """

    format = "HEIF"
    format_description = "HEIF container"
    largest: Size
    """Of all the images in the file, the tiles together included; what is shown may be a corner of it."""
    _primary: Any
    _told: iso_boxes.PrimaryImage

    def _open(self) -> None:
        data = cast("IO[bytes]", self.fp).read()
        images, _groups = _pillow_heif.load_file(data, *LOAD)
        self._primary = next((image for image in images if image is not None and image.primary), None)
        if self._primary is None:
            raise ValueError("a HEIF file whose primary image cannot be read")
        self._told = iso_boxes.primary_image(memoryview(data))
        if self._told.exif and not self._told.turns:
            self.info["exif"] = self._told.exif
        self._size, self._mode = self._primary.size_mode
        sizes = (self._size, _canvas(self._primary.tiling), *_sizes(memoryview(data)))
        self.largest = max(sizes, key=prod)
        self.is_lean = self.mode in {"RGB", "L"}

    def _decode(self) -> Image.Image:
        """Raises what pillow-heif does: `ValueError`, `EOFError`, `OSError`, `RuntimeError`."""
        primary = self._primary
        del self._primary
        data = primary.data
        size, mode = primary.size_mode
        picture = Image.frombytes(mode, size, data, "raw", mode, primary.stride)
        del data, primary
        return hdr.to_sdr(picture, *iso_boxes.nclx(self._told))


def is_heif(prefix: bytes) -> bool:
    """Whether a file that begins so is a still image in HEIF; AVIF may share the brand `mif1`."""
    return prefix[4:8] == b"ftyp" and prefix[8:12] in BRANDS


def is_heic(prefix: bytes) -> bool:
    """Whether it can be nothing else."""
    return is_heif(prefix) and prefix[8:12] != b"mif1"


def register() -> None:
    """Let Pillow open HEIF. May be called again."""
    Image.register_open(HeifImageFile.format, HeifImageFile, is_heif)


def _canvas(tiling: dict[str, int] | None) -> Size:
    """What all tiles make together, of which the photograph may be a corner; each of them is decoded."""
    if tiling is None:
        return (0, 0)
    return tiling["num_columns"] * tiling["tile_width"], tiling["num_rows"] * tiling["tile_height"]


def _sizes(boxes: memoryview) -> Iterator[Size]:
    """What every image of the file says of its size, hidden ones too; libheif holds each to it."""
    for kind, body in _boxes(boxes):
        if kind == b"ispe":
            yield unpack_from(">II", body, 4)
        elif kind in CONTAINERS:
            yield from _sizes(body[CONTAINERS[kind] :])


def _boxes(data: memoryview) -> Iterator[tuple[bytes, memoryview]]:
    """The boxes of ISO 14496-12 that lie side by side in `data`, each with its body.

    Raises `ValueError` where the pictures or their description are cut short. Else no stricter about a length
    than libheif, which would decode what was not seen here: a box that is too long ends with `data`, and what
    follows one that is too short is passed over (some cameras append).
    """
    for kind, _at, start, end in iso_boxes.spans(data):
        if end > len(data) and kind in NEEDED:
            raise ValueError(f"cut short by {end - len(data):,} bytes")
        yield kind, data[start:end]
