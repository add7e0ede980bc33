"""Topic ids: which topic of its name this is; one that was deleted and made again has another.

aiokafka goes by names alone, and asks for metadata in a version that has no ids yet: so the one request
that has them is spelt out here. Brokers have them since Apache Kafka 3.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from io import BytesIO
from typing import Any, Final

from aiokafka.protocol.abstract import AbstractType
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import (
    Boolean,
    CompactArray,
    CompactString,
    Int16,
    Int32,
    Schema,
    TaggedFields,
)

_METADATA: Final = 3
_VERSION: Final = 12
_BYTES: Final = 16
_NONE: Final = bytes(_BYTES)


class _Uuid(AbstractType[bytes]):
    """Sixteen bytes."""

    @classmethod
    def encode(cls, value: bytes) -> bytes:
        return value

    @classmethod
    def decode(cls, data: BytesIO) -> bytes:
        return data.read(_BYTES)


_PARTITION: Final = Schema(
    ("error_code", Int16),
    ("partition", Int32),
    ("leader", Int32),
    ("leader_epoch", Int32),
    ("replicas", CompactArray(Int32)),
    ("isr", CompactArray(Int32)),
    ("offline", CompactArray(Int32)),
    ("tags", TaggedFields),
)


class _MetadataResponse(Response):
    API_KEY = _METADATA
    API_VERSION = _VERSION
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        (
            "brokers",
            CompactArray(
                ("node_id", Int32),
                ("host", CompactString("utf-8")),
                ("port", Int32),
                ("rack", CompactString("utf-8")),
                ("tags", TaggedFields),
            ),
        ),
        ("cluster_id", CompactString("utf-8")),
        ("controller_id", Int32),
        (
            "topics",
            CompactArray(
                ("error_code", Int16),
                ("topic", CompactString("utf-8")),
                ("topic_id", _Uuid),
                ("is_internal", Boolean),
                ("partitions", CompactArray(_PARTITION)),
                ("authorized_operations", Int32),
                ("tags", TaggedFields),
            ),
        ),
        ("tags", TaggedFields),
    )


class _MetadataRequest(RequestStruct):
    API_KEY = _METADATA
    API_VERSION = _VERSION
    FLEXIBLE_VERSION = True
    RESPONSE_TYPE = _MetadataResponse
    SCHEMA = Schema(
        (
            "topics",
            CompactArray(("topic_id", _Uuid), ("topic", CompactString("utf-8")), ("tags", TaggedFields)),
        ),
        ("allow_auto_topic_creation", Boolean),
        ("include_topic_authorized_operations", Boolean),
        ("tags", TaggedFields),
    )


class _AskIds(Request[_MetadataRequest]):
    API_KEY = _METADATA

    def __init__(self, names: Collection[str]) -> None:
        self._names = names

    def build(self, request_struct_class: type[_MetadataRequest]) -> _MetadataRequest:
        asked: list[tuple[bytes, str, dict[int, bytes]]] = [(_NONE, name, {}) for name in self._names]
        return request_struct_class(asked, False, False, {})  # noqa: FBT003 - as it goes over the wire


@dataclass(frozen=True, slots=True)
class TopicIdentity:
    """A topic that is there."""

    topic_id: bytes
    """Empty where the broker has no ids."""
    partitions: tuple[int, ...]


async def identities(client: Any, names: Collection[str]) -> dict[str, TopicIdentity] | None:  # noqa: ANN401 - aiokafka's, untyped
    """Those of the topics that are there, and of no other; None where the broker is too old to say."""
    try:
        answer = await client.send(client.get_random_node(), _AskIds(names))
    except NotImplementedError:  # aiokafka's word for such a broker
        return None
    return {
        topic: TopicIdentity(topic_id, tuple(sorted(each[1] for each in partitions)))
        for code, topic, topic_id, _, partitions, *_ in answer.topics
        if not code
    }
