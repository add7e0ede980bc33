"""Image file that decodes once (template method): told from its header, its pixels on demand."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING

from PIL import Image, ImageFile

if TYPE_CHECKING:
    from PIL._imaging import PixelAccess  # a name of the stubs alone


class PictureFile(ImageFile.ImageFile):
    """A file of an accepted format. `_open` tells its size and mode, and keeps what `_decode` needs."""

    largest: tuple[int, int] | None = None
    """What is decoded, where more is than is shown of it."""
    is_lean = False
    """Whether decoding takes less memory a pixel than the usual cap is made for."""
    _is_decoded = False

    @abstractmethod
    def _decode(self) -> Image.Image:
        """The picture, or whatever the format's decoder raises; called once, so its source may go."""

    def load(self) -> PixelAccess | None:
        """Decode, once."""
        if not self._is_decoded:
            self._is_decoded = True
            picture = self._decode()
            self.im, self.palette = picture.im, picture.palette
            self._mode, self._size = picture.mode, picture.size
            if "transparency" in picture.info:
                self.info["transparency"] = picture.info["transparency"]
        return super().load()
