"""Wire format: decoders and encoders of all that travels over Kafka; `wire.decode` is where to begin."""

from __future__ import annotations

from schemas.wire.decoding import Headers, decode, decode_decision, decode_rescore, encode
from schemas.wire.record_types import Ignored, Invalid, Record, Removed, Uploaded
from schemas.wire.trace import traceparent

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
