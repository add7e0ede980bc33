"""What was sent to the lane, and the tags that it had: a file, for an archive has more images than memory."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path


class SentImages:
    """Appended to while the lane is fed, read when it is done."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def add(self, images: Iterable[tuple[str, tuple[str, ...]]]) -> None:
        """Remember images and the tags that they have now."""
        with self._path.open("a") as lines:
            lines.writelines(json.dumps([image_id, tags]) + "\n" for image_id, tags in images)

    def pages(self, size: int) -> Iterator[dict[str, tuple[str, ...]]]:
        """All of them, `size` a page."""
        if not self._path.exists():
            return
        with self._path.open() as lines:
            while page := dict(map(json.loads, islice(lines, size))):
                yield page
