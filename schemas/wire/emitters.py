"""Registry of emitters: the storages whose notifications come in, told by what each says of itself.

A storage's notification looks like AWS's and means something else: its keys are encoded or raw, its sequencer
orders or does not. Nobody can tell from a key alone, so it is told from the sender. The table of
docs/producers.md is made from this one. A storage that cannot be read is here too, with the words for its
letters: what it is, and what to do.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

Said = Mapping[str, object]
"""One record of a notification, or a whole foreign event, as it came."""
Order = Callable[[str | None, datetime], str | None]
"""From a record's sequencer and its time to what orders the events of one key as text, right-padded."""

_FORTY_BITS: Final = 2**40 - 1
_BEYOND_RAW: Final = "FFFFFFFF"
_BILLION: Final = 1_000_000_000
_DIGITS: Final = 16


class Spelling(StrEnum):
    """How an emitter spells keys."""

    ENCODED = "URL-encoded, `+` a space"
    RAW = "as they are"


def as_it_comes(sequencer: str | None, _at: datetime) -> str | None:
    """The sequencer is in order."""
    return sequencer


def counted(sequencer: str | None, at: datetime) -> str | None:
    """The sequencer counts, unpadded, from a start of its gateway: the event's second comes before it."""
    return None if sequencer is None else f"{int(at.timestamp()) & _FORTY_BITS:010X}{int(sequencer, 16):016X}"


def seconds_and_nanoseconds(sequencer: str | None, at: datetime) -> str | None:
    """The sequencer is two numbers of four bytes as the gateway's memory holds them, mostly little-endian.

    Before them stands what is greater than any that an earlier version kept as it came: those order nothing.
    """
    if sequencer is None or len(sequencer) != _DIGITS:
        return None
    memory = bytes.fromhex(sequencer)
    read = (struct.unpack(endian, memory) for endian in ("<II", ">II"))
    possible = [(seconds, nanos) for seconds, nanos in read if nanos < _BILLION]
    if not possible:
        return None
    seconds, nanos = min(possible, key=lambda moment: abs(moment[0] - at.timestamp()))
    return f"{_BEYOND_RAW}{seconds:08X}{nanos:08X}"


def by_time(_sequencer: str | None, at: datetime) -> str | None:
    """The sequencer is of several kinds; the event's time orders."""
    return f"{max(0, int(at.timestamp() * 1_000_000)):016X}"


def by_generation(generation: str | None, _at: datetime | None = None) -> str | None:
    """A generation is the time at which the object came to be, in microseconds and decimal digits."""
    return None if generation is None else f"{int(generation):016X}"


_IN_WORDS: Final[Mapping[Order, str]] = {
    as_it_comes: "`sequencer`",
    counted: "the second, then `sequencer`, a count",
    seconds_and_nanoseconds: "`sequencer`, read as seconds and nanoseconds, each little-endian",
    by_time: "`eventTime`",
    by_generation: "the object's generation",
}


@dataclass(frozen=True, slots=True)
class Emitter:
    """A storage that says what happened to its objects."""

    name: str
    told_by: str
    """In words, for the documentation."""
    looked_up: str
    """Where its format was read."""
    is_sender: Callable[[Said], bool]
    spelling: Spelling = Spelling.ENCODED
    never_encodes: bool = False
    """Whether the setting that overrules how keys are spelt is not about this one."""
    order: Order = as_it_comes
    post_begins: bool = False
    """Whether `ObjectCreated:Post` without an etag says that a multipart upload has begun."""
    etag_is_whole: bool = True
    removal_may_leave: bool = False
    """Whether a removal may be that of one version without saying so."""
    refused: str | None = None
    """What to do about one that cannot be read; None where it is read."""

    @property
    def order_in_words(self) -> str:
        """What orders the events of one key."""
        return "" if self.refused else _IN_WORDS[self.order]


def _from(source: str) -> Callable[[Said], bool]:
    return lambda record: record.get("eventSource") == source


def _has(record: Said, *names: str) -> bool:
    return all(name in record for name in names)


def _is_versitygw(record: Said) -> bool:
    identity = record.get("userIdentity")
    return isinstance(identity, Mapping) and "PrincipalId" in identity


def _is_ceph(record: Said) -> bool:
    # The first releases said `aws:s3`, with names in their records that nobody else has.
    return record.get("eventSource") == "ceph:s3" or _has(record, "opaqueData", "eventId")


def _is_noobaa(record: Said) -> bool:
    # It names the system that its administrator named; `noobaa` is only what most are called.
    source = record.get("eventSource")
    if not isinstance(source, str) or source == "aws:s3":
        return False
    return source == "noobaa:s3" or (source.endswith(":s3") and "awsRegion" not in record)


def _nobody(_said: Said) -> bool:
    return False


AWS: Final = Emitter(
    "AWS S3",
    "`eventSource` `aws:s3`, or nothing of what follows",
    "docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html",
    lambda _record: True,
)
EVENT_BRIDGE: Final = Emitter(
    "AWS S3 through EventBridge",
    "`source` `aws.s3` and a `detail-type`",
    "docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html",
    lambda body: _has(body, "detail-type", "detail") and body.get("source") == "aws.s3",
    spelling=Spelling.RAW,
    never_encodes=True,
)
GCS: Final = Emitter(
    "Google Cloud Storage",
    "the attributes `eventType`, `bucketId`, `objectId`, or a CloudEvent of `google.cloud.storage.object.v1`",
    "cloud.google.com/storage/docs/pubsub-notifications",
    _nobody,  # its attributes may be the message's headers: `schemas.wire.gcs`
    spelling=Spelling.RAW,
    order=by_generation,
)

S3_EMITTERS: Final = (
    Emitter(
        "MinIO",
        "`eventSource` `minio:s3`",
        "minio/minio cmd/event-notification.go",
        _from("minio:s3"),
    ),
    Emitter(
        "versitygw",
        "`userIdentity.PrincipalId`, capital P",
        "versity/versitygw s3event/event.go",
        _is_versitygw,
        spelling=Spelling.RAW,
        order=counted,
        removal_may_leave=True,
    ),
    Emitter(
        "Ceph RGW",
        "`eventSource` `ceph:s3`, or `eventId` and `opaqueData`",
        "ceph/ceph src/rgw/driver/rados/rgw_notify.cc, src/rgw/rgw_notify_event_type.cc",
        _is_ceph,
        spelling=Spelling.RAW,
        order=seconds_and_nanoseconds,
        post_begins=True,
    ),
    Emitter(
        "RustFS",
        "`eventSource` `rustfs:s3`",
        "rustfs/rustfs crates/notify/src/event.rs",
        _from("rustfs:s3"),
    ),
    Emitter(
        "CubeFS",
        "`eventSource` `cubefs:s3`",
        "cubefs/cubefs objectnode/event_notification.go",
        _from("cubefs:s3"),
    ),
    Emitter(
        "StorageGRID",
        "`eventSource` `sgws:s3`",
        "docs.netapp.com/us-en/storagegrid/tenant/understanding-notifications-for-buckets.html",
        _from("sgws:s3"),
    ),
    Emitter(
        "Scality",
        "`eventSource` `scality:s3` (`eventVersion` 1.0)",
        "scality/backbeat extensions/notification/utils/message.js",
        _from("scality:s3"),
        spelling=Spelling.RAW,
        order=by_time,  # it says none
    ),
    Emitter(
        "NooBaa",
        "`eventSource` `noobaa:s3`, or `NAME:s3` without an `awsRegion`",
        "noobaa/noobaa-core src/util/notifications_util.js",
        _is_noobaa,
        spelling=Spelling.RAW,
        order=by_time,
        etag_is_whole=False,  # it cuts a digit off at either end
    ),
    AWS,
)
"""Those that send AWS's records, in the order in which they are told apart; the last one takes the rest."""

_PUBLISH: Final = (
    'publish `{"location": {"bucket": ..., "key": ...}, "uploaded_at": ...}` for it, and with'
    ' `"type": "ImageRemoved"` and `removed_at` what is deleted'
)


def _is_azure(event: Said) -> bool:
    kind = event.get("eventType", event.get("type"))
    return isinstance(kind, str) and kind.startswith("Microsoft.")


def _is_b2(event: Said) -> bool:
    events = event.get("events")
    first = events[0] if isinstance(events, list) and events else event
    return isinstance(first, Mapping) and _has(first, "eventType", "bucketName", "objectName")


def _is_seaweed(event: Said) -> bool:
    return "eventNotification" in event or _has(event, "event_type", "key", "message")


def _is_cloudtrail(event: Said) -> bool:
    return event.get("detail-type") == "AWS API Call via CloudTrail"


REFUSED: Final = (
    Emitter(
        "Azure Event Grid",
        "`eventType` `Microsoft.*`",
        "learn.microsoft.com/azure/event-grid/event-schema-blob-storage",
        _is_azure,
        refused="Azure's blobs have no S3 interface, so they cannot be read from there; copy photographs to a"
        f" bucket of S3, and {_PUBLISH}",
    ),
    Emitter(
        "Cloudflare R2",
        "`account`, `action`, `bucket` and `object`",
        "developers.cloudflare.com/r2/buckets/event-notifications",
        lambda event: _has(event, "account", "action", "bucket", "object"),
        refused=f"its notifications are not read; let the consumer of its queue {_PUBLISH}",
    ),
    Emitter(
        "Backblaze B2",
        "`eventType` `b2:*`, `bucketName` and `objectName`",
        "backblaze.com/docs/cloud-storage-event-notifications-reference-guide",
        _is_b2,
        refused=f"its webhooks are not read; let what takes them {_PUBLISH}",
    ),
    Emitter(
        "SeaweedFS",
        "`eventNotification`, or `event_type`, `key` and `message`; over Kafka Protobuf, which is no JSON",
        "seaweedfs/seaweedfs weed/notification, weed/pb/filer.proto",
        _is_seaweed,
        refused=f"its filer tells of files and not of objects, which is not read; {_PUBLISH}",
    ),
    Emitter(
        "Garage",
        "nothing: it sends no notifications",
        "garagehq.deuxfleurs.fr/documentation/reference-manual/s3-compatibility",
        _nobody,
        refused=_PUBLISH.replace("for it, and", "for each upload, and"),
    ),
    Emitter(
        "AWS CloudTrail",
        "`detail-type` `AWS API Call via CloudTrail`",
        "docs.aws.amazon.com/AmazonS3/latest/userguide/cloudtrail-logging.html",
        _is_cloudtrail,
        refused="it says what was called, not what became of it; switch EventBridge on at the bucket itself",
    ),
)

ALL: Final = (*S3_EMITTERS[-1:], EVENT_BRIDGE, *S3_EMITTERS[:-1], GCS, *REFUSED)
"""As the documentation lists them."""


def of_record(record: Said) -> Emitter:
    """Who sent a record of AWS's shape."""
    return next(emitter for emitter in S3_EMITTERS if emitter.is_sender(record))


def refusing(event: Said) -> Emitter | None:
    """Who sent `event`, where it is one that cannot be read."""
    return next((emitter for emitter in REFUSED if emitter.is_sender(event)), None)
