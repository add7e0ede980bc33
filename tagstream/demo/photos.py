"""Demo photographs: the samples and two bad ones, or the user's own folder."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from operations import photographs
from schemas import identity
from schemas.errors import ConfigurationError
from schemas.uploads import Location
from tagstream.samples import photographs as sample_photographs

BUCKET: Final = "demo-photographs"

MOST: Final = 2_000
"""The embedded broker keeps about 5 MB a partition and drops older records in silence. In the worst
case all events of a topic share one partition, at 1 to 2 kB each."""

MOST_BYTES: Final = 2 * 2**30
"""The embedded S3 endpoint holds every object in memory."""

RESTAURANTS: Final = ("trattoria-lucia", "noodle-house", "cafe-north")

_LONGEST_KEY: Final = 900
_INSTEAD: Final = "`tagstream classify` has no limit"


@dataclass(frozen=True, slots=True)
class Photo:
    """One photograph of the run, before it is uploaded."""

    name: str
    """What people call it: its path below the folder."""
    path: Path | None
    """Its file; None for the event whose object is not there."""
    location: Location
    restaurant_id: str | None

    @property
    def image_id(self) -> str:
        """The id that the event will carry."""
        return identity.image_id(self.location.bucket, self.location.key)


def samples(made: Path) -> tuple[Photo, ...]:
    """The sample photographs and, among them, a truncated JPEG (written to `made`) and a missing object."""
    good = list(sample_photographs())
    whole = next(path for path in good if path.suffix == ".jpg")
    cut = made / f"{whole.stem}-cut-in-half.jpg"
    data = whole.read_bytes()
    cut.write_bytes(data[: len(data) // 2])
    files: list[tuple[str, Path | None]] = [(path.name, path) for path in good]
    files.insert(len(files) // 3, (cut.name, cut))
    files.insert(2 * len(files) // 3, ("never-uploaded.jpg", None))
    return tuple(
        Photo(name, path, Location(bucket=BUCKET, key=name), RESTAURANTS[number % len(RESTAURANTS)])
        for number, (name, path) in enumerate(files)
    )


def of_folder(folder: Path, *, most: int = MOST, most_bytes: int = MOST_BYTES) -> tuple[Photo, ...]:
    """Every photograph in `folder` and below; the folder that holds one is its restaurant.

    Raises:
        ConfigurationError: there is no such folder, nothing in it, or more than the demo can hold.
    """
    if not folder.is_dir():
        raise ConfigurationError(f"--photos {folder}: there is no such folder")
    files = list(photographs.below(folder))
    if not files:
        suffixes = ", ".join(sorted(photographs.SUFFIXES))
        raise ConfigurationError(f"--photos {folder}: no photographs in it ({suffixes})")
    if len(files) > most:
        raise ConfigurationError(
            f"--photos {folder}: {len(files):,} photographs, and the demo's broker holds {most:,}; {_INSTEAD}"
        )
    _refuse_bytes(folder, files, most=most_bytes)
    return tuple(_photo(path, folder, number=number) for number, path in enumerate(files))


def _refuse_bytes(folder: Path, files: Iterable[Path], *, most: int) -> None:
    size = sum(path.stat().st_size for path in files if path.is_file())
    if size > most:
        raise ConfigurationError(
            f"--photos {folder}: {size / 2**30:.1f} GiB, and the demo's S3 endpoint holds "
            f"{most / 2**30:.0f} GiB in memory; {_INSTEAD}"
        )


def _photo(path: Path, folder: Path, *, number: int) -> Photo:
    name = printable(path.relative_to(folder).as_posix())
    # S3 keys are UTF-8 of at most 1,024 bytes; a file's name may be neither.
    is_key = os.fsencode(path.relative_to(folder)) == name.encode() and len(name.encode()) <= _LONGEST_KEY
    key = name if is_key else f"unnameable/{number}{path.suffix.lower()}"
    restaurant = printable(path.resolve().parent.name) or None
    return Photo(name, path, Location(bucket=BUCKET, key=key), restaurant)


def printable(name: str) -> str:
    """`name` with what is no Unicode replaced."""
    return os.fsencode(name).decode(errors="replace")
