"""Addresses of objects, as in `s3://bucket/key`."""

from __future__ import annotations

from typing import Final

from schemas.errors import ConfigurationError
from schemas.uploads import Location

SCHEME: Final = "s3://"


def is_object(given: str) -> bool:
    """Whether it is the address of an object, and no path."""
    return given.startswith(SCHEME)


def parse(given: str, *, example: str = "s3://photos/lunch.jpg") -> Location:
    """The object that `s3://bucket/key` names; raises `ConfigurationError`, which shows an `example`."""
    bucket, _, key = given.removeprefix(SCHEME).partition("/")
    if not is_object(given) or not bucket or not key:
        raise ConfigurationError(f"{given}: not the address of an object, as in {example}")
    return Location(bucket=bucket, key=key)
