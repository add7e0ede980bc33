"""Framing of a message's value: from its bytes to the JSON value in them, or the words for what else it is.

A byte order mark is skipped, gzip is unpacked within a bound, and the frame of a schema registry is taken
off JSON. What is no JSON is told by its first bytes, so that its letter says what came and what to send.
"""

from __future__ import annotations

import codecs
import re
import zlib
from typing import Final

from schemas.errors import Malformed
from schemas.wire.json_bodies import parsed

MAX_UNPACKED: Final = 8 * 2**20
"""Bytes that a value may unpack to; a broker takes a message of 1 MiB where nothing else is set."""

_GZIP: Final = b"\x1f\x8b"
_REGISTRY: Final = b"\x00"
_GLUE: Final = b"\x03\x00"
_JSON_BEGINS: Final = (b"{", b"[", b'"')
_CONTROLS: Final = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f]")
_SEND_JSON: Final = "send the event as JSON in UTF-8"

_FOREIGN: Final = (
    (codecs.BOM_UTF32_LE, "UTF-32 text"),
    (codecs.BOM_UTF32_BE, "UTF-32 text"),
    (codecs.BOM_UTF16_LE, "UTF-16 text"),
    (codecs.BOM_UTF16_BE, "UTF-16 text"),
    (b"{\x00\x00\x00", "UTF-32 text"),
    (b"\x00\x00\x00{", "UTF-32 text"),
    (b"{\x00", "UTF-16 text"),
    (b"[\x00", "UTF-16 text"),
    (b"\x00{\x00", "UTF-16 text"),
    (b"\x00[\x00", "UTF-16 text"),
    (b"Obj\x01", "an Avro file"),
    (b"\xc3\x01", "an Avro message"),
    (b"\x28\xb5\x2f\xfd", "zstd, which is the producer's `compression.type` to do"),
    (b"\x04\x22\x4d\x18", "lz4, which is the producer's `compression.type` to do"),
    (b"\xff\x06\x00\x00sNaPpY", "snappy, which is the producer's `compression.type` to do"),
    (b"\x82SNAPPY\x00", "snappy, which is the producer's `compression.type` to do"),
    (b"BZh", "bzip2"),
    (b"\xfd7zXZ\x00", "xz"),
    (b"PK\x03\x04", "a ZIP archive"),
    (b"\xff\xd8\xff", "a photograph itself; put it into storage, and send where it is"),
    (b"\x89PNG", "a photograph itself; put it into storage, and send where it is"),
    (b"RIFF", "a photograph itself; put it into storage, and send where it is"),
    (b"PAR1", "Parquet"),
    (b"<", "XML or HTML"),
)
"""What a value may be by its first bytes; the longer beginnings come before those that begin them."""


def read(raw: bytes | None) -> object:
    """The JSON value in a message's value; raises `Malformed`."""
    value = _bare(_unpacked(raw or b""))
    if value and not _is_text(value):
        raise Malformed(f"not JSON, but {_guessed(value)}: {_SEND_JSON}")
    return parsed(value)


def _is_text(value: bytes) -> bool:
    try:
        value.decode()
    except UnicodeDecodeError:
        return False
    return value.startswith(_JSON_BEGINS) or _CONTROLS.search(value) is None


def _guessed(value: bytes) -> str:
    if value.startswith(_JSON_BEGINS):
        return "text in another encoding than UTF-8"
    return "bytes that are no text, perhaps Avro, Protobuf or MessagePack"


def _unpacked(raw: bytes) -> bytes:
    if not raw.startswith(_GZIP):
        return raw
    unpacking = zlib.decompressobj(16 + zlib.MAX_WBITS)
    try:
        value = unpacking.decompress(raw, MAX_UNPACKED + 1)
    except zlib.error as error:
        raise Malformed(f"gzip that does not unpack: {error}") from error
    if len(value) > MAX_UNPACKED:
        raise Malformed(f"gzip of more than {MAX_UNPACKED:,} bytes; smaller messages are read")
    if not unpacking.eof:
        raise Malformed("gzip that was cut short; send it whole")
    return value


def _bare(value: bytes) -> bytes:
    """`value` without its mark and its frame; raises `Malformed` where it is something that has a name."""
    text = value.removeprefix(codecs.BOM_UTF8)
    if text.startswith(_JSON_BEGINS) and text[1:2] != b"\x00":
        return text
    for beginning, what in _FOREIGN:
        if text.startswith(beginning):
            raise Malformed(f"not JSON, but {what}: {_SEND_JSON}")
    if text.startswith(_REGISTRY):
        return _out_of(
            text, "a Schema Registry's frame", heads=(5, 9)
        )  # Confluent's ids, Apicurio's old ones
    if text.startswith(_GLUE):
        return _out_of(text, "a frame of AWS Glue's Schema Registry", heads=(18,))
    return text


def _out_of(framed: bytes, what: str, *, heads: tuple[int, ...]) -> bytes:
    for head in heads:
        rest = framed[head:].removeprefix(codecs.BOM_UTF8)
        if rest.lstrip().startswith(_JSON_BEGINS):
            return rest
    raise Malformed(f"not JSON, but {what} around Avro, Protobuf or the like: {_SEND_JSON}")
