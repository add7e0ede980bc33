"""Addresses in S3: the names that buckets have, and a place that is a prefix of a bucket or a folder."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

BUCKET: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,253}[A-Za-z0-9]")
"""S3's own rule is narrower today, and was wider once. What is none could be another host to the client:
an ARN names a host, and `/`, `@`, `:` or `?` could end one."""

_S3: Final = "s3://"


@dataclass(frozen=True, slots=True)
class BucketAddress:
    """A prefix in a bucket."""

    bucket: str
    prefix: str


def registry(url: str) -> BucketAddress | Path:
    """`s3://bucket/prefix`, or a folder of this machine.

    Raises `ValueError` for anything else, and does not repeat it: somebody may have put a password into it.
    """
    if not url.startswith(_S3):
        if not url or "://" in url:
            raise ValueError("a registry is s3://BUCKET/PREFIX, or a folder")
        return Path(url)
    bucket, _, prefix = url.removeprefix(_S3).partition("/")
    if not BUCKET.fullmatch(bucket):
        raise ValueError("what follows s3:// is not a bucket's name (of an access point, take the alias)")
    if not {".", ".."}.isdisjoint(prefix.split("/")):
        raise ValueError("a prefix has no segment . or ..")
    return BucketAddress(bucket, prefix)
