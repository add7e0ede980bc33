"""Image opening, the one door of every accepted format: a file's picture, its pixels not decoded yet."""

from __future__ import annotations

import warnings
from typing import IO, Final, cast

from PIL import ExifTags, Image

from model.formats import avif, bmp, gif, heif, jpeg, png, tiff, webp
from model.formats.picture_file import PictureFile

FORMATS: Final = ("JPEG", "PNG", "WEBP", "GIF", "AVIF", "HEIF", "TIFF", "BMP")
"""What is accepted; never whatever Pillow happens to open. GIF, WebP and APNG give their first frame,
HEIF (an iPhone's HEIC) its primary image, TIFF its first page. Tried in this order: both AVIF and HEIF claim
the shared brand `mif1`, and AVIF passes on what is not its own while HEIF would keep it.
"""

# Explicit formats, known before the first thread opens a file.
avif.register()
gif.register()
heif.register()
png.register()
webp.register()
tiff.register()
bmp.register()

# A photograph whose Exif is odd is a photograph. Once and for all threads, whatever PYTHONWARNINGS says:
# where warnings are errors the same bytes would else be refused that are an image elsewhere.
warnings.filterwarnings("ignore", module=r"PIL\.")

PREFIX: Final = 12
"""Bytes that tell a JPEG or a HEIC."""


def opened(file: IO[bytes]) -> PictureFile:
    """The image of an accepted format that `file` holds, its pixels not decoded yet.

    Raises what Pillow and the plugins do, and `TooManyPixels` for a JPEG that is too large to be drafted.
    """
    prefix = file.read(PREFIX)
    file.seek(0)
    # Not by Image.open: it counts pixels before they are drafted, and by one cap for all.
    if jpeg.is_jpeg(prefix):
        return jpeg.JpegPhotograph(file)
    if heif.is_heic(prefix):
        return heif.HeifImageFile(file)
    return cast("PictureFile", Image.open(file, formats=FORMATS))


def orientation(image: Image.Image) -> int:
    """EXIF orientation, 1 where there is none or it cannot be read: the pixels are good all the same."""
    try:
        return int(image.getexif().get(ExifTags.Base.Orientation, 1))
    except Exception:  # noqa: BLE001 - a broken EXIF block raises anything from struct.error to SyntaxError
        return 1
