"""What stands around and instead of JSON in a message's value."""

import gzip
import json
import zlib
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import wire
from schemas.wire.framing import MAX_UNPACKED

OWN: Final[dict[str, Any]] = {
    "location": {"bucket": "shots", "key": "a.jpg"},
    "uploaded_at": "2026-05-02T09:30:15Z",
}
PLAIN: Final = json.dumps(OWN).encode()
MARK: Final = b"\xef\xbb\xbf"


def decoded(raw: bytes) -> wire.Record:
    (record,) = wire.decode(raw, {})
    return record


def cause(raw: bytes) -> str:
    record = decoded(raw)
    assert isinstance(record, wire.Invalid)
    return str(record.error)


@pytest.mark.parametrize(
    "raw",
    [
        MARK + PLAIN,
        gzip.compress(PLAIN),
        gzip.compress(MARK + PLAIN),
        b"\x00\x00\x00\x00\x07" + PLAIN,
        b"\x00\x00\x00\x00\x07" + MARK + PLAIN,
        b"\x00" + bytes(7) + b"\x09" + PLAIN,
        b"\x03\x00" + bytes(16) + PLAIN,
        gzip.compress(b"\x00\x00\x00\x00\x07" + PLAIN),
    ],
    ids=["mark", "gzip", "gzip-mark", "registry", "registry-mark", "apicurio", "glue", "gzip-registry"],
)
def test_json_is_read_out_of_what_stands_around_it(raw: bytes) -> None:
    assert decoded(raw) == decoded(PLAIN)
    assert isinstance(decoded(raw), wire.Uploaded)


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (json.dumps(OWN).encode("utf-16"), "UTF-16 text"),
        (json.dumps(OWN).encode("utf-16-le"), "UTF-16 text"),
        (json.dumps(OWN).encode("utf-16-be"), "UTF-16 text"),
        (json.dumps(OWN).encode("utf-32"), "UTF-32 text"),
        (json.dumps(OWN).encode("utf-32-be"), "UTF-32 text"),
        (b"\x00\x00\x00\x00\x07\x02\x0cshots\x0aa.jpg", "a Schema Registry's frame around Avro, Protobuf"),
        (b"\x03\x00" + bytes(16) + b"\x0cshots", "AWS Glue's Schema Registry around Avro, Protobuf"),
        (b"Obj\x01\x04\x16avro.schema", "an Avro file"),
        (b"\xc3\x01" + bytes(8) + b"\x0cshots", "an Avro message"),
        (b"\x28\xb5\x2f\xfd\x20\x00", "zstd, which is the producer's `compression.type` to do"),
        (b"\x0a\x05shots\x12\x05a.jpg", "bytes that are no text, perhaps Avro, Protobuf or MessagePack"),
        (b"\x82\xa6bucket\xa5shots", "bytes that are no text, perhaps Avro, Protobuf or MessagePack"),
        (
            json.dumps(OWN | {"note": "caf\xe9"}, ensure_ascii=False).encode("latin-1"),
            "text in another encoding",
        ),
        (b"<Records><Record/></Records>", "XML or HTML"),
        (b"\xff\xd8\xff\xe0\x00\x10JFIF", "a photograph itself; put it into storage"),
    ],
)
def test_what_is_no_json_is_called_by_its_name_and_told_what_to_send(raw: bytes, said: str) -> None:
    assert said in cause(raw)
    assert cause(raw).startswith("not JSON, but ")
    assert cause(raw).endswith("send the event as JSON in UTF-8")


def test_gzip_beyond_the_bound_is_a_letter_and_is_not_unpacked_whole() -> None:
    bomb = gzip.compress(b'{"a": "' + bytes(64 * MAX_UNPACKED) + b'"}')
    assert cause(bomb) == f"gzip of more than {MAX_UNPACKED:,} bytes; smaller messages are read"


def test_gzip_at_the_bound_is_read() -> None:
    filled = json.dumps(OWN | {"note": ""}).encode()
    assert isinstance(
        decoded(gzip.compress(filled[:-2] + b"x" * (MAX_UNPACKED - len(filled)) + filled[-2:])), wire.Uploaded
    )


def test_gzip_that_is_damaged_or_cut_short_says_so() -> None:
    packed = gzip.compress(PLAIN)
    assert "cut short" in cause(packed[:-9])
    assert "does not unpack" in cause(packed[:10] + b"\xff" * 20)


def test_gzip_within_gzip_is_no_json() -> None:
    assert "not JSON" in cause(gzip.compress(gzip.compress(PLAIN)))


@given(
    raw=st.binary(max_size=64), head=st.sampled_from((b"\x1f\x8b\x08", b"\x00", b"\x03\x00", MARK, b"{\x00"))
)
def test_no_bytes_behind_any_beginning_are_an_error(raw: bytes, head: bytes) -> None:
    for value in (head + raw, gzip.compress(head + raw), gzip.compress(raw)[:-3]):
        assert wire.decode(value, {})
        assert wire.decode_decision(value, {})
        assert wire.decode_rescore(value, {})


def test_decisions_and_requests_are_read_out_of_their_frames_too() -> None:
    said = {"image_id": "i", "action": "approve", "decided_at": "2026-05-02T09:30:15Z", "decided_by": "ada"}
    raw = json.dumps(said).encode()
    plain = wire.decode_decision(raw, {})
    assert not isinstance(plain, wire.Invalid)
    enveloped = json.dumps({"schema": None, "payload": json.dumps(said)}).encode()
    for value in (
        MARK + raw,
        gzip.compress(raw),
        b"\x00\x00\x00\x00\x07" + raw,
        json.dumps(raw.decode()).encode(),
        enveloped,
    ):
        assert wire.decode_decision(value, {}) == plain


def test_zlib_without_gzips_head_is_no_json() -> None:
    assert "not JSON" in cause(zlib.compress(PLAIN))
