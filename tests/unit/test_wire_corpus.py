"""Payloads shaped as their senders shape them, and what each asks for (`tests/corpus/wire`).

Beside `put.json`, the message's value as it comes, stands `put.expected.json`: the payload's name where it is
another, the headers and settings with which it is read, and what it asks for, in order.
"""

import json
from pathlib import Path
from typing import Any, Final

import pytest

from schemas import identity, wire
from schemas.naming import Naming
from schemas.uploads import ImageRemoved, ImageUploaded

FOLDER: Final = Path(__file__).parents[1] / "corpus" / "wire"
EXPECTED: Final = sorted(FOLDER.rglob("*.expected.json"))
SENDERS: Final = {
    *("aws", "minio", "versitygw", "ceph", "noobaa", "scality", "rustfs", "cubefs", "storagegrid", "others"),
    *("eventbridge", "gcs", "refused", "own", "types", "cloudevents", "s3-adapter", "batch"),
    *("sns", "sqs", "connect", "debezium", "text"),
}


def told(record: wire.Record) -> dict[str, Any]:
    """The record in the corpus' words."""
    match record:
        case wire.Uploaded(upload, sequencer):
            said = {"asks": "uploaded", "at": upload.uploaded_at, "sequencer": sequencer}
            whose = upload.model_dump(include={"restaurant_id", "uploader_id"})
            return where(upload) | whose | said
        case wire.Removed(removal, sequencer, if_gone):
            said = {"asks": "removed", "at": removal.removed_at, "sequencer": sequencer}
            return where(removal) | said | {"if_gone": if_gone}
        case wire.Ignored(why):
            return {"asks": "ignored", "why": why}
        case wire.Invalid(error):
            return {"asks": "spoiled", "cause": str(error)}


def where(event: ImageUploaded | ImageRemoved) -> dict[str, Any]:
    ids = {"event_id": event.event_id, "image_id": event.image_id}
    return event.location.model_dump(include={"bucket", "key", "version", "etag"}) | ids


def assert_as(expected: dict[str, Any], record: wire.Record) -> None:
    """`record` is as the corpus says; ids that it does not name are the derived ones."""
    said = told(record)
    if expected["asks"] == "spoiled":
        assert expected["cause"] in said["cause"]
        assert said["asks"] == "spoiled"
        return
    named = {name: said[name].isoformat() if name == "at" else said[name] for name in expected}
    assert named == expected
    if "image_id" in said and "image_id" not in expected:
        assert said["image_id"] == identity.image_id(expected["bucket"], expected["key"])


def payload(expected: Path) -> Path:
    """The file that the expectation names, else the one of its own name: one may come in several ways."""
    named = json.loads(expected.read_text()).get("payload", expected.name.replace(".expected", ""))
    return expected.with_name(named)


def asked(expected: Path) -> tuple[wire.Record, ...]:
    said = json.loads(expected.read_text())
    headers = {name: value.encode() for name, value in said.get("headers", {}).items()}
    settings = said.get("settings", {})
    raw = payload(expected).read_bytes()
    return wire.decode(raw, headers, Naming.model_validate(settings))


@pytest.mark.parametrize("expected", EXPECTED, ids=lambda path: str(path.relative_to(FOLDER)).split(".")[0])
def test_a_payload_asks_for_what_its_sender_meant(expected: Path) -> None:
    records, wanted = asked(expected), json.loads(expected.read_text())["records"]
    assert len(records) == len(wanted)
    for record, one in zip(records, wanted, strict=True):
        assert_as(one, record)


def test_every_payload_has_its_expectation_and_every_sender_its_payloads() -> None:
    payloads = {path for path in FOLDER.rglob("*.json") if ".expected" not in path.name}
    assert payloads == set(map(payload, EXPECTED))
    assert {path.parent.name for path in payloads} == SENDERS
