"""S3 bucket notifications as AWS documents them (event structure 2.x), and MinIO and versitygw send them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Final

from pydantic import BeforeValidator, ConfigDict, Field
from pydantic.alias_generators import to_camel

from schemas.tags import Value
from schemas.uploads import Moment
from schemas.wire_records import MAX_RECORDS

_SEQUENCER: Final = re.compile(r"[0-9A-Fa-f]{1,64}")


def _hexadecimal(given: object) -> str | None:
    return given if isinstance(given, str) and _SEQUENCER.fullmatch(given) else None


class _Sent(Value):
    model_config = ConfigDict(alias_generator=to_camel)


class S3Bucket(_Sent):
    """Where it happened."""

    name: str


class S3Object(_Sent):
    """What it happened to."""

    key: str
    size: int | None = None
    e_tag: str | None = None
    """With or without quotes; not with removals."""
    version_id: str | None = None
    sequencer: Annotated[str | None, BeforeValidator(_hexadecimal)] = None
    """Orders the events of one key; anything but hexadecimal digits counts as absent."""


class S3Entity(_Sent):
    """The bucket and the object."""

    bucket: S3Bucket
    object: S3Object


class S3Record(_Sent):
    """One record of a notification."""

    event_version: str = Field(pattern=r"^2\.\d+$")
    event_source: str = ""
    event_time: Moment
    event_name: str
    """`ObjectCreated:Put` and the like; behind `s3:` with MinIO and versitygw."""
    user_identity: Mapping[str, Any] | None = None
    s3: S3Entity


class S3Notification(Value):
    """One message of a bucket's notifications; MinIO's names the first record's event and key as well.

    This is what is published of it. It is read record by record (`schemas.wire_s3`), so that one bad
    record spoils no other.
    """

    records: tuple[S3Record, ...] = Field(alias="Records", max_length=MAX_RECORDS)
