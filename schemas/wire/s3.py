r"""From S3 bucket notifications to what they ask for.

| emitter     | told by                               | its keys                 | its sequencer       |
|-------------|---------------------------------------|--------------------------|---------------------|
| MinIO       | `eventSource` is `minio:s3`           | URL-encoded, `+` a space | in order            |
| versitygw   | `userIdentity.PrincipalId`, capital P | raw                      | counts from a start |
| AWS, others | neither                               | URL-encoded, `+` a space | in order            |

Whoever sent it, a key that no encoder would leave is raw: one with a space, a control character, a
character beyond ASCII, one of ``"<>\^`{|}``, a `%` without two hexadecimal digits behind it, or one
that would not decode to UTF-8. The setting `TAGSTREAM_UPLOADS__KEYS` overrules all of this.

versitygw's sequencer alone orders nothing: it is not padded, and it begins anew when the gateway does.
The event's whole second and that count together do, and become the sequencer. Nor does it say that
only one version was deleted, so each of its removals is believed when nothing stands at the key.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import Enum, auto
from typing import Annotated, Any, Final
from urllib.parse import unquote_plus

from pydantic import BeforeValidator, ConfigDict, Field
from pydantic.alias_generators import to_camel

from schemas import identity
from schemas.errors import Malformed
from schemas.naming import Keys, Naming
from schemas.tags import Value
from schemas.uploads import ImageRemoved, ImageUploaded, Moment
from schemas.wire.json_bodies import as_object, validated
from schemas.wire.record_types import MAX_RECORDS, Ignored, Invalid, Part, Record, Removed, Uploaded

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

    This is what is published of it. It is read record by record (`schemas.wire.s3`), so that one bad
    record spoils no other.
    """

    records: tuple[S3Record, ...] = Field(alias="Records", max_length=MAX_RECORDS)


TEST_EVENT: Final = "s3:TestEvent"
_NEVER_ENCODED: Final = re.compile(r'[^\x21-\x7e]|["<>\\^`{|}]|%(?![0-9A-Fa-f]{2})')
_CREATED: Final = "ObjectCreated"
_REMOVED: Final = frozenset({"ObjectRemoved", "LifecycleExpiration", "LifecycleDelMarkerExpiration"})
_NOTHING_LEFT: Final = frozenset({"DeleteMarkerCreated", "DeleteAllVersions"})
"""Removals after which nothing can be read at the key, whatever version they name."""
_SAME_BYTES: Final = frozenset({"PutTagging", "DeleteTagging", "PutRetention", "PutLegalHold"})
"""What MinIO calls a creation though the bytes stay as they are."""
_NAMED: Final = 100
_FORTY_BITS: Final = 2**40 - 1


class _Emitter(Enum):
    AWS = auto()
    MINIO = auto()
    VERSITYGW = auto()

    @classmethod
    def of(cls, record: S3Record) -> _Emitter:
        if record.event_source == "minio:s3":
            return cls.MINIO
        return cls.VERSITYGW if "PrincipalId" in (record.user_identity or {}) else cls.AWS


def is_notification(body: object) -> bool:
    """Whether `body` is a notification, or the bare list of its records that early versitygws sent."""
    if isinstance(body, list):
        return bool(body) and all(isinstance(each, dict) and "s3" in each for each in body)
    return isinstance(body, dict) and ("Records" in body or body.get("Event") == TEST_EVENT)


def records(body: object, naming: Naming) -> tuple[Part, ...]:
    """What each record of a notification asks for; a bad one is spoiled alone. Raises `Malformed`."""
    if isinstance(body, dict) and body.get("Event") == TEST_EVENT:
        return (Part(Ignored("a test event of a bucket's notifications"), body),)
    sent = body.get("Records") if isinstance(body, dict) else body
    if not isinstance(sent, list):
        raise Malformed(f"Records: a JSON {type(sent).__name__}, not an array")
    if len(sent) > MAX_RECORDS:
        raise Malformed(f"Records: {len(sent):,} of them; at most {MAX_RECORDS:,} are taken")
    asked = tuple(
        Part(_record(each, naming, place=place), {"Records": [each]}) for place, each in enumerate(sent)
    )
    return asked or (Part(Ignored("a notification without records"), body),)


def _record(sent: object, naming: Naming, *, place: int) -> Record:
    try:
        document = as_object(sent)
        return _ignored(document.get("eventName")) or _asked(validated(S3Record, document), naming)
    except Malformed as error:
        return Invalid(Malformed(f"Records.{place}: {error}"))


def _ignored(name: object) -> Ignored | None:
    """Why an event of this name asks for nothing; None where it asks for something, or is no name."""
    if not isinstance(name, str):
        return None
    family, act = _parts(name)
    if family == _CREATED:
        return Ignored(f"{act} leaves the bytes as they are") if act in _SAME_BYTES else None
    return None if family in _REMOVED else Ignored(f"neither an upload nor a removal: {name[:_NAMED]}")


def _asked(record: S3Record, naming: Naming) -> Record:
    key = _key(record, naming.keys)
    if key.endswith("/") and not record.s3.object.size:
        return Ignored("a folder, which has no bytes")
    event, sequencer = _event(record, key), _sequencer(record)
    if _parts(record.event_name)[0] == _CREATED:
        made = event | naming.facts(key) | {"uploaded_at": record.event_time}
        return Uploaded(validated(ImageUploaded, made), sequencer)
    removal = validated(ImageRemoved, event | {"removed_at": record.event_time})
    return Removed(removal, sequencer, if_gone=_may_remain(record))


def _key(record: S3Record, keys: Keys) -> str:
    """The key as the storage knows it; raises `Malformed` where it is not spelt as `keys` says."""
    key = record.s3.object.key
    raw = _Emitter.of(record) is _Emitter.VERSITYGW or _NEVER_ENCODED.search(key) is not None
    if keys is Keys.RAW or (keys is Keys.AUTO and raw):
        return key
    try:
        return unquote_plus(key, errors="strict")
    except UnicodeDecodeError as error:
        if keys is Keys.AUTO:
            return key
        raise Malformed("s3.object.key: does not decode to UTF-8") from error


def _event(record: S3Record, key: str) -> dict[str, object]:
    """What our own event of the same would say, under an id that every delivery of the record gives."""
    sent, bucket = record.s3.object, record.s3.bucket.name
    etag = (sent.e_tag or "").strip('"') or None
    # `null` names any content that has no version; such contents are told apart by their etags.
    version = None if sent.version_id == "null" else sent.version_id or None
    which = _sequencer(record) or record.event_time.isoformat()
    facts = (*_parts(record.event_name), bucket, key, version or "", etag or "", which)
    location = {"bucket": bucket, "key": key, "version": version, "etag": etag}
    return {"event_id": identity.event_id("s3", *facts), "location": location}


def _sequencer(record: S3Record) -> str | None:
    sequencer = record.s3.object.sequencer
    if sequencer is None or _Emitter.of(record) is not _Emitter.VERSITYGW:
        return sequencer
    return f"{int(record.event_time.timestamp()) & _FORTY_BITS:010X}{int(sequencer, 16):016X}"


def _may_remain(record: S3Record) -> bool:
    """Whether something may stand at the key after this removal."""
    act = _parts(record.event_name)[1]
    one_version = bool(record.s3.object.version_id) or act == "NoOP"
    return act not in _NOTHING_LEFT and (one_version or _Emitter.of(record) is _Emitter.VERSITYGW)


def _parts(name: str) -> tuple[str, str]:
    """`s3:ObjectCreated:Put` and `ObjectCreated:Put` alike as ("ObjectCreated", "Put")."""
    family, _, act = name.removeprefix("s3:").partition(":")
    return family, act
