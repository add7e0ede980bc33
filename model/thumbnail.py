"""A photograph made small for a page, upright and on white."""

from __future__ import annotations

from PIL import Image, ImageOps

from model.preprocess import MAX_PIXELS


def thumbnail(image: Image.Image, side: int) -> Image.Image:
    """`image`, just opened, in RGB with its longer side at most `side` pixels. Raises what Pillow raises."""
    if image.width * image.height > MAX_PIXELS:
        raise ValueError("too many pixels")
    image.draft("RGB", (side * 2, side * 2))
    upright = ImageOps.exif_transpose(image)
    upright.thumbnail((side, side), reducing_gap=3.0)
    if not upright.has_transparency_data:
        return upright.convert("RGB")
    pixels = upright.convert("RGBA")
    page = Image.new("RGB", pixels.size, "white")
    page.paste(pixels, mask=pixels.getchannel("A"))
    return page
