"""Photographs to upload: files, what lies in folders, and objects that are in S3 already."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from agents.wiring.settings import Settings
from operations import object_address, photographs
from schemas.errors import ConfigurationError
from schemas.uploads import Location

_LONGEST_KEY: Final = 1024


@dataclass(frozen=True, slots=True)
class Source:
    """One photograph that is to be tagged."""

    name: str
    """What the user calls it."""
    location: Location
    path: Path | None
    """Its file; None where it lies in S3 already."""


def choose(given: Sequence[str], *, bucket: str | None, prefix: str, config: Settings) -> tuple[Source, ...]:
    """The photographs that are meant.

    Raises:
        ConfigurationError: there are none, or nobody says into which bucket they go, or no worker
            would read that.
    """
    if blank := [each for each in given if not each.strip()]:
        raise ConfigurationError(f"{blank[0]!r} names no photograph; is a variable of your shell empty?")
    allowed = config.s3.buckets
    if bucket is None and len(allowed) != 1 and not all(map(object_address.is_object, given)):
        many = f"one of {', '.join(allowed)}" if allowed else "TAGSTREAM_S3__BUCKETS names none"
        raise ConfigurationError(f"--bucket: say into which bucket; {many}")
    chosen = sources(given, bucket=bucket or "".join(allowed[:1]) or "-", prefix=prefix)
    for source in chosen:
        if source.location.bucket not in allowed:
            raise ConfigurationError(
                f"bucket {source.location.bucket!r} is not in TAGSTREAM_S3__BUCKETS: no worker would read it"
            )
    return chosen


def sources(given: Sequence[str], *, bucket: str, prefix: str) -> tuple[Source, ...]:
    """What to upload: files, the photographs in folders, and objects that are in S3 already.

    Raises:
        ConfigurationError: there is nothing, or two files would become one object.
    """
    found = tuple(source for each in given for source in _sources(each, bucket=bucket, prefix=prefix))
    if not found:
        raise ConfigurationError("no photographs there; name a file to have it tried whatever it is called")
    by_key: dict[Location, Source] = {}
    for source in found:
        if (other := by_key.setdefault(source.location, source)).path != source.path:
            raise ConfigurationError(
                f"{other.name} and {source.name} would both become {source.location}; "
                "upload the folder that holds both, or one at a time with --prefix"
            )
    return tuple(by_key.values())


def _sources(given: str, *, bucket: str, prefix: str) -> Iterator[Source]:
    if object_address.is_object(given):
        yield Source(given, object_address.parse(given), None)
        return
    path = Path(given)
    folder = path if path.is_dir() else path.parent
    for file in photographs.below(path) if path.is_dir() else (path,):
        key = "/".join(part for part in (prefix.strip("/"), file.relative_to(folder).as_posix()) if part)
        yield Source(str(file), Location(bucket=bucket, key=_readable(key)), file)


def _readable(key: str) -> str:
    """The key as Unicode; a file's name may be none, and then `Uploader` refuses the file."""
    if len(os.fsencode(key)) > _LONGEST_KEY:
        raise ConfigurationError(f"{key[:80]}...: an S3 key has at most {_LONGEST_KEY:,} bytes")
    return os.fsencode(key).decode(errors="replace")
