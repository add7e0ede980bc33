"""Pillow plugin for TIFF: the first page, in up to 16 bits a sample, by libtiff; raw photographs are named.

What camera makers call NEF, ARW, DNG or CR2 is a TIFF whose first page is a thumbnail or a sensor's raw
values: neither is the photograph. Beside the pixels only the turn is read.
"""

from __future__ import annotations

from io import BytesIO
from math import ceil
from typing import IO, Final, cast

from PIL import ExifTags, Image, TiffImagePlugin

from model.formats import tiff_directory as tags
from model.formats import tiff_silence
from model.formats.picture_file import PictureFile
from model.formats.tiff_directory import Directory
from schemas.errors import Undecodable

MAGICS: Final = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")

PLAIN: Final = 1
READ: Final = frozenset({PLAIN, 2, 3, 4, 5, 7, 8, 32_773, 32_946})
"""Compressions: none, three of fax, LZW, JPEG, two numbers of deflate, PackBits."""

UNREAD: Final = {
    6: "old-style JPEG",
    34_712: "JPEG 2000",
    34_887: "LERC",
    34_925: "LZMA",
    50_000: "Zstandard",
    50_001: "WebP",
    50_002: "JPEG XL",
    52_546: "JPEG XL",
}

SENSOR: Final = frozenset({32_803, 34_892})
"""Photometric interpretations of a sensor's values."""
RAW: Final = frozenset({32_767, 34_713, 65_000, 65_535})
"""Compressions of Sony, Nikon, Kodak, and Pentax."""

WHOLE, WHITE_IS_ZERO, IN_PLANES = 1, 0, 2
USUAL, DEEPEST = 8, 16
"""Bits of a sample."""
RGB, CMYK, YCBCR = 2, 5, 6
COLOURS: Final = frozenset({0, 1, RGB, 3, CMYK, YCBCR})
"""Photometric interpretations; 0 and 1 are grey, 3 is a palette."""
SUBSAMPLING: Final = 530
NOT_ASSOCIATED: Final = 2
"""Of alpha: the colours are not multiplied by it."""
MOST_SAMPLES: Final = 6
LARGE_TILE: Final = 1 << 22
"""Pixels of a tile that may be larger than its picture."""
TURNS: Final = range(1, 9)


class TiffPhotograph(PictureFile):
    """A TIFF file. Its size is told from its first directory; `load` decodes it."""

    format = "TIFF"
    format_description = "Adobe TIFF"
    _directory: Directory

    def _open(self) -> None:
        data = cast("IO[bytes]", self.fp).read()
        _refuse_raw(data)
        directory = Directory.of(data)
        _refuse_camera(directory)
        self._size = directory.number(tags.WIDTH), directory.number(tags.HEIGHT)
        if min(self._size) < 1:
            raise Undecodable("damaged TIFF image: its size is not told")
        self._mode = "RGB"
        self._turn(directory.number(tags.ORIENTATION, 1))
        self._directory = directory

    def _decode(self) -> Image.Image:
        """Raises `Undecodable` for what is not read, or where pixels are missing."""
        directory = self._directory
        del self._directory
        return _picture(directory)

    def _turn(self, orientation: int) -> None:
        if orientation in TURNS:
            exif = Image.Exif()
            exif[ExifTags.Base.Orientation] = orientation
            self.info["exif"] = exif.tobytes()


def _picture(directory: Directory) -> Image.Image:
    _refuse_unread(directory)
    _hold_pieces(directory)
    try:
        with TiffImagePlugin.TiffImageFile(BytesIO(directory.alone())) as page:
            page.load()
            return page.convert("LA") if page.mode == "La" else page.copy() if page.readonly else page
    except SyntaxError as error:
        raise Undecodable("a TIFF of a layout that is not read") from error


def _refuse_raw(data: bytes) -> None:
    if data[8:10] == b"CR":
        raise Undecodable(_raw("CR2"))


def _refuse_camera(directory: Directory) -> None:
    """A DNG has its tag; other cameras' files begin with a thumbnail, or with what a sensor saw."""
    if tags.DNG in directory.entries:
        raise Undecodable(_raw("DNG"))
    is_thumbnail = directory.number(tags.SUBFILE) & 1 and tags.SUBDIRECTORIES in directory.entries
    is_sensor = directory.number(tags.PHOTOMETRIC) in SENSOR or tags.CFA_PATTERN in directory.entries
    if is_thumbnail or is_sensor or directory.number(tags.COMPRESSION) in RAW:
        maker = directory.text(tags.MAKE).split(" ")[0].upper()
        raise Undecodable(_raw({"NIKON": "NEF", "SONY": "ARW", "PENTAX": "PEF"}.get(maker, "camera's")))


def _raw(name: str) -> str:
    return f"a {name} raw file: export the photograph as JPEG"


def _refuse_unread(directory: Directory) -> None:
    compression = directory.number(tags.COMPRESSION, PLAIN)
    if compression not in READ:
        name = UNREAD.get(compression, f"compression {compression}")
        raise Undecodable(f"a TIFF in {name}, which is not read")
    bits = directory.numbers(tags.BITS) or (1,)
    if any(kind != WHOLE for kind in directory.numbers(tags.FORMAT)) or max(bits) > DEEPEST:
        raise Undecodable(f"a TIFF of {max(bits)} bits a sample, signed or floating: up to 16 bits are read")
    photometric = directory.number(tags.PHOTOMETRIC)
    if photometric not in COLOURS:
        raise Undecodable(f"a TIFF of colours that are not read (photometric interpretation {photometric})")
    if photometric == YCBCR and compression == PLAIN and directory.numbers(SUBSAMPLING) != (1, 1):
        raise Undecodable("a TIFF of subsampled colours without compression, which is not read")
    if directory.number(tags.PLANAR, 1) == IN_PLANES and not _are_sure_planes(directory, bits):
        raise Undecodable("a TIFF in planes of a kind that is not read")
    if directory.number(tags.SAMPLES, 1) > MOST_SAMPLES:
        raise Undecodable(f"a TIFF of more than {MOST_SAMPLES} samples a pixel, which is not read")
    if directory.is_big and directory.order == ">":
        raise Undecodable("a big-endian BigTIFF, which is not read")
    deep = max(bits) > USUAL
    if deep and (set(bits) != {DEEPEST} or photometric == WHITE_IS_ZERO):
        raise Undecodable(f"a TIFF of {max(bits)} bits a sample of a kind that is not read")


def _are_sure_planes(directory: Directory, bits: tuple[int, ...]) -> bool:
    """Pillow puts other planes together wrong."""
    is_plain = directory.number(tags.PHOTOMETRIC) in (RGB, CMYK) and set(bits) == {USUAL}
    return is_plain and directory.number(tags.EXTRA, NOT_ASSOCIATED) == NOT_ASSOCIATED


def _hold_pieces(directory: Directory) -> None:
    """All strips or tiles are there, whole; libtiff and Pillow would leave black what is not."""
    tiled = tags.TILE_OFFSETS in directory.entries
    width, height = directory.number(tags.WIDTH), directory.number(tags.HEIGHT)
    across = directory.number(tags.TILE_WIDTH) if tiled else width
    down = directory.number(tags.TILE_HEIGHT) if tiled else min(height, directory.number(tags.ROWS, height))
    if min(across, down) < 1 or across * down > max(LARGE_TILE, 2 * width * height):
        raise Undecodable("damaged TIFF image: its strips or tiles have no size that can be")
    planes = directory.number(tags.SAMPLES, 1) if directory.number(tags.PLANAR, 1) == IN_PLANES else 1
    starts = directory.numbers(tags.TILE_OFFSETS if tiled else tags.OFFSETS)
    if len(starts) < ceil(width / across) * ceil(height / down) * planes:
        raise Undecodable("damaged TIFF image: some of its strips or tiles are missing")
    if directory.number(tags.COMPRESSION, PLAIN) == PLAIN:
        counts = tuple(_plain_counts(directory, across, down, tiled=tiled)[: len(starts)])
    else:
        counts = directory.numbers(tags.TILE_COUNTS if tiled else tags.COUNTS)
    if len(counts) < len(starts) or not all(counts):
        raise Undecodable("damaged TIFF image: it does not say how long its strips or tiles are")
    if any(start + count > len(directory.data) for start, count in zip(starts, counts, strict=False)):
        raise Undecodable("damaged TIFF image: it is cut short")


def _plain_counts(directory: Directory, across: int, down: int, *, tiled: bool) -> list[int]:
    """Bytes of each strip or tile that is not compressed; what a file says of it is often wrong."""
    samples = max(1, directory.number(tags.SAMPLES, 1))
    planes = samples if directory.number(tags.PLANAR, 1) == IN_PLANES else 1
    row = ceil(across * max(directory.numbers(tags.BITS) or (1,)) * (samples // planes) / 8)
    height = directory.number(tags.HEIGHT)
    if tiled:
        return [row * down] * len(directory.numbers(tags.TILE_OFFSETS))
    # The last strip of each plane holds the rows that are left.
    return [row * min(down, height - top) for _ in range(planes) for top in range(0, height, down)]


def is_tiff(prefix: bytes) -> bool:
    """Whether a file begins as a TIFF does, or a BigTIFF."""
    return prefix.startswith(MAGICS)


def register() -> None:
    """Let Pillow open TIFF through this. May be called again."""
    tiff_silence.keep()
    Image.register_open(TiffPhotograph.format, TiffPhotograph, is_tiff)
