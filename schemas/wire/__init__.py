"""Wire format: decoders and encoders of all that travels over Kafka; `wire.decode` is where to begin."""

from __future__ import annotations

from schemas.wire.decoding import (
    Headers,
    Ignored,
    Invalid,
    Record,
    Removed,
    Uploaded,
    decode,
    decode_decision,
    decode_rescore,
    encode,
    traceparent,
)

__all__ = [
    "Headers",
    "Ignored",
    "Invalid",
    "Record",
    "Removed",
    "Uploaded",
    "decode",
    "decode_decision",
    "decode_rescore",
    "encode",
    "traceparent",
]
