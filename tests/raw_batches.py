"""Record batches byte by byte, sound ones and damaged ones, and a producer that sends them as they are."""

from __future__ import annotations

import gzip
import struct
from collections.abc import Sequence
from typing import Any, Final

from aiokafka.client import AIOKafkaClient
from aiokafka.protocol.produce import ProduceRequest
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.util import calc_crc32c
from aiokafka.structs import TopicPartition

GZIP: Final = 1
UNKNOWN_CODEC: Final = 6
_CHECKED: Final = 21
"""From here on the checksum counts; it stands in the four bytes before."""
_ATTRIBUTES: Final = 21
_HEADER: Final = 61


def sound(values: Sequence[bytes], *, header: bytes = b"", room: int = 1 << 20) -> bytes:
    """A batch without compression; each record with a header of that name where one is given."""
    builder = DefaultRecordBatchBuilder(2, 0, 0, -1, -1, -1, room)
    placeholder = "x" * len(header)
    for number, value in enumerate(values):
        builder.append(number, 1_760_000_000_000, None, value, [(placeholder, b"")] if header else [])
    built = bytes(builder.build())
    return sealed(built.replace(placeholder.encode(), header)) if header else built


def compressed(values: Sequence[bytes]) -> bytes:
    """The same by gzip."""
    whole = sound(values)
    return with_payload(whole, gzip.compress(whole[_HEADER:]), codec=GZIP)


def with_payload(batch: bytes, payload: bytes, *, codec: int) -> bytes:
    """The batch's header over another payload, whatever that is, with a checksum that is right."""
    head = bytearray(batch[:_HEADER])
    struct.pack_into(">h", head, _ATTRIBUTES, codec)
    return sealed(bytes(head) + payload)


def sealed(batch: bytes) -> bytes:
    """With its length and its checksum set right."""
    made = bytearray(batch)
    struct.pack_into(">i", made, 8, len(made) - 12)
    struct.pack_into(">I", made, _CHECKED - 4, calc_crc32c(bytes(made[_CHECKED:])))
    return bytes(made)


def bad_checksum(batch: bytes) -> bytes:
    """With the last byte turned over, and the checksum as it was."""
    return batch[:-1] + bytes([batch[-1] ^ 0xFF])


def bad_length(batch: bytes) -> bytes:
    """It says that it is longer than it is."""
    return batch[:8] + struct.pack(">i", len(batch) + 500) + batch[12:]


def too_short(batch: bytes) -> bytes:
    """It says that it is shorter than any batch can be."""
    return batch[:8] + struct.pack(">i", 3) + batch[12:]


def claiming(batch: bytes, *, last: int) -> bytes:
    """Its header names another last offset than it has, and the checksum was not told."""
    return batch[:23] + struct.pack(">i", last) + batch[27:]


async def produce(bootstrap: str, topic: str, partition: int, *batches: bytes) -> list[int]:
    """Send each as it is, in a request of its own; the broker's error codes, 0 where it took it."""
    client: Any = AIOKafkaClient(bootstrap_servers=bootstrap)
    await client.bootstrap()
    try:
        await client.set_topics([topic])
        node = client.cluster.leader_for_partition(TopicPartition(topic, partition))
        codes = []
        for batch in batches:
            request = ProduceRequest(None, -1, 10_000, [(topic, [(partition, batch)])])
            response = await client.send(node, request)
            ((_, ((_, code, *_),)),) = response.topics
            codes.append(code)
        return codes
    finally:
        await client.close()
