"""Inflation guard: what a compressed batch unpacks to is bounded, before anybody unpacks it.

A broker takes a batch by the size that it has compressed. A megabyte of zstd may unpack to thirty
gigabytes, and would end every worker that reads it, one after another. aiokafka unpacks a batch whole;
so one that could be larger than the bound is unpacked here first, into no more room than that.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from aiokafka import codec

MOST_BYTES: Final = 128 * 2**20
"""That a batch may unpack to; a hundred times what brokers take of a batch by default."""

_cramjam: Final[Any] = vars(codec)["cramjam"]
"""As aiokafka has it: None where it is not installed, and then it unpacks nothing of the three either."""

_HEADER: Final = struct.Struct(">qiibIh")
_RECORDS: Final = 61
"""Bytes before the records of a batch."""
_LOG_OVERHEAD: Final = 12
_NEWEST_FORMAT: Final = 2
_CODEC: Final = 7
_CHUNK: Final = 2**20
_XERIAL: Final = b"\x82SNAPPY\x00"
_XERIAL_HEADER: Final = 16


class TooInflated(ValueError):
    """It unpacks to more than memory should hold."""

    def __init__(self) -> None:
        super().__init__(f"it unpacks to more than {MOST_BYTES // 2**20} MB")


def inflated(answer: bytes) -> Iterator[tuple[int, Exception]]:
    """The first offsets of the batches in a broker's answer that are not to be unpacked, and why."""
    at = 0
    while at + _RECORDS <= len(answer):
        offset, length, _, magic, _, attributes = _HEADER.unpack_from(answer, at)
        end = at + _LOG_OVERHEAD + length
        if length <= 0 or end > len(answer):
            return
        ratio, unpack = _CODECS.get(attributes & _CODEC, (0, _gzip))
        is_suspicious = magic == _NEWEST_FORMAT and (end - at) * ratio > MOST_BYTES
        if is_suspicious and (error := _tried(unpack, answer[at + _RECORDS : end])):
            yield offset, error
        at = end


def _tried(unpack: Callable[[bytes], None], payload: bytes) -> Exception | None:
    try:
        unpack(payload)
    except TooInflated as error:
        return error
    except Exception as error:  # noqa: BLE001 - each codec has its own, too for what does not fit
        return TooInflated() if "whole buffer" in str(error) else error
    return None


def _gzip(payload: bytes) -> None:
    unpacking, size = zlib.decompressobj(wbits=31), 0
    while payload:
        size += len(unpacking.decompress(payload, _CHUNK))
        if size > MOST_BYTES:
            raise TooInflated
        payload = unpacking.unconsumed_tail
        if unpacking.eof:  # another one may stand behind it
            payload, unpacking = unpacking.unused_data, zlib.decompressobj(wbits=31)


def _snappy(payload: bytes) -> None:
    if payload.startswith(_XERIAL):
        at, size = _XERIAL_HEADER, 0
        while at < len(payload):
            (length,) = struct.unpack_from(">i", payload, at)
            size += _cramjam.snappy.decompress_raw_len(payload[at + 4 : at + 4 + length])
            at += 4 + max(0, length)
    else:
        size = _cramjam.snappy.decompress_raw_len(payload)
    if size > MOST_BYTES:
        raise TooInflated


def _lz4(payload: bytes) -> None:
    _cramjam.lz4.decompress_into(payload, bytearray(MOST_BYTES))


def _zstd(payload: bytes) -> None:
    _cramjam.zstd.decompress_into(payload, bytearray(MOST_BYTES))


_CODECS: Final[Mapping[int, tuple[int, Callable[[bytes], None]]]] = {
    1: (1032, _gzip),
    2: (MOST_BYTES, _snappy),  # it says itself how much it is, and aiokafka believes it
    3: (255, _lz4),
    4: (32_768, _zstd),
}
"""By Kafka's number of each codec: how many times larger it can make a byte, and how that is tried."""
