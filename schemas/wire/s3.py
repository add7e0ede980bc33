r"""From S3 bucket notifications to what they ask for, record by record.

Who sent a record, and so how its keys are spelt and what orders it, is told in `schemas.wire.emitters`.
Whoever sent it, a key that no encoder would leave is raw: one with a space, a control character, a
character beyond ASCII, one of ``"<>\^`{|}``, a `%` without two hexadecimal digits behind it, or one
that would not decode to UTF-8. The setting `TAGSTREAM_UPLOADS__KEYS` overrules all of this.

versitygw does not say that only one version was deleted, so each of its removals is believed when
nothing stands at the key.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Final
from urllib.parse import unquote_plus

from pydantic import BeforeValidator, ConfigDict, Field
from pydantic.alias_generators import to_camel

from schemas import identity
from schemas.errors import Malformed
from schemas.naming import Keys, Naming
from schemas.tags import Value
from schemas.uploads import ImageRemoved, ImageUploaded, Moment
from schemas.wire import emitters
from schemas.wire.emitters import Emitter, Spelling
from schemas.wire.event_names import Means, Name
from schemas.wire.json_bodies import IDS, as_object, validated, without_nulls
from schemas.wire.record_types import MAX_RECORDS, Ignored, Part, Record, Removed, Uploaded

_SEQUENCER: Final = re.compile(r"[0-9A-Fa-f]{1,64}")


def _whole(given: object) -> object:
    return None if given == "" else given


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
    size: Annotated[int | None, BeforeValidator(_whole)] = None
    e_tag: str | None = None
    """With or without quotes; not with removals."""
    content_type: str | None = None
    """Of MinIO, RustFS and CubeFS."""
    version_id: str | None = None
    sequencer: Annotated[str | None, BeforeValidator(_hexadecimal)] = None
    """Orders the events of one key; anything but hexadecimal digits counts as absent."""


class S3Entity(_Sent):
    """The bucket and the object."""

    bucket: S3Bucket
    object: S3Object


class S3Record(_Sent):
    """One record of a notification."""

    event_version: str = Field("2.1", pattern=r"^[0-2]\.\d+$")
    """2 with all but Scality, which counts its own."""
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
_POST: Final = "Post"


def is_test_event(body: object) -> bool:
    """Whether `body` is what storages send when notifications are switched on."""
    return isinstance(body, dict) and body.get("Event") == TEST_EVENT


def is_record(body: object) -> bool:
    """Whether `body` is one record of a notification."""
    return isinstance(body, dict) and "s3" in body and ("eventName" in body or "eventVersion" in body)


def part(sent: object, naming: Naming) -> Part:
    """What one record asks for; raises `Malformed`."""
    document = without_nulls(as_object(sent))
    return part_of(emitters.of_record(document), document, sent, naming)


def part_of(emitter: Emitter, document: Mapping[str, object], sent: object, naming: Naming) -> Part:
    """What a record of `emitter` asks for, of which `document` says all; `sent` is the record as it came."""
    name = document.get("eventName")
    if isinstance(name, str) and Name.of(name).means is Means.NOTHING:
        return Part(Ignored(Name.of(name).why_nothing), sent)
    record = validated(S3Record, document)
    return Part(_asked(record, emitter, naming), sent, record.s3.object.content_type)


def _asked(record: S3Record, emitter: Emitter, naming: Naming) -> Record:
    key, name = _key(record, emitter, naming.keys), Name.of(record.event_name)
    if key.endswith("/") and not record.s3.object.size:
        return Ignored("a folder, which has no bytes")
    if emitter.post_begins and name.act == _POST and not record.s3.object.e_tag:
        return Ignored("a multipart upload has begun; its completion is an event of its own")
    sequencer = emitter.order(record.s3.object.sequencer, record.event_time)
    event = _event(record, emitter, key, sequencer)
    if name.means is Means.CREATED:
        made = event | naming.facts(key) | {"uploaded_at": record.event_time}
        return Uploaded(validated(ImageUploaded, made, derived=IDS), sequencer)
    removal = validated(ImageRemoved, event | {"removed_at": record.event_time}, derived=IDS)
    return Removed(removal, sequencer, if_gone=_may_remain(record, emitter))


def _key(record: S3Record, emitter: Emitter, keys: Keys) -> str:
    """The key as the storage knows it; raises `Malformed` where it is not spelt as `keys` says."""
    key = record.s3.object.key
    raw = emitter.spelling is Spelling.RAW or _NEVER_ENCODED.search(key) is not None
    if keys is Keys.RAW or (raw and (keys is Keys.AUTO or emitter.never_encodes)):
        return key
    try:
        return unquote_plus(key, errors="strict")
    except UnicodeDecodeError as error:
        if keys is Keys.AUTO:
            return key
        raise Malformed("s3.object.key: does not decode to UTF-8") from error


def _event(record: S3Record, emitter: Emitter, key: str, sequencer: str | None) -> dict[str, object]:
    """What our own event of the same would say, under an id that every delivery of the record gives."""
    sent, bucket, name = record.s3.object, record.s3.bucket.name, Name.of(record.event_name)
    etag = (sent.e_tag or "").strip('"') or None if emitter.etag_is_whole else None
    # `null` names any content that has no version; such contents are told apart by their etags.
    version = None if sent.version_id == "null" else sent.version_id or None
    which = sequencer or record.event_time.isoformat()
    facts = (name.family, name.act, bucket, key, version or "", etag or "", which)
    location = {"bucket": bucket, "key": key, "version": version, "etag": etag}
    return {"event_id": identity.event_id("s3", *facts), "location": location}


def _may_remain(record: S3Record, emitter: Emitter) -> bool:
    """Whether something may stand at the key after this removal."""
    name = Name.of(record.event_name)
    one_version = bool(record.s3.object.version_id) or name.is_of_old_version
    return not name.leaves_nothing and (one_version or emitter.removal_may_leave)
