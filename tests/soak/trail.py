"""What is known of each image of which something is wrong: a finding is worth little without it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from schemas import topics, wire
from schemas.identity import image_id
from streams.message import Message
from tests.soak.account import Account
from tests.soak.evidence import Evidence
from tests.soak.ledger import Ledger
from tests.soak.oracle import NAMING
from tests.soak.plan import BUCKET

_INBOUND = (topics.UPLOADED, topics.DECISIONS)
_HEARD = (*_INBOUND, topics.RETRY, topics.DEAD_LETTERS)


def write(path: Path, account: Account, evidence: Evidence, ledger: Ledger) -> None:
    """A JSON document a finding: what was done to the image, what was said of it, and where that ended."""
    lines = (json.dumps(each, default=str) for each in _trails(account, evidence, ledger))
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def _trails(account: Account, evidence: Evidence, ledger: Ledger) -> Iterator[dict[str, Any]]:
    photographs = {image_id(BUCKET, each.key): each for each in ledger.photographs.values()}
    for finding in account.findings:
        photograph = photographs.get(finding.what)
        head = evidence.heads.get(finding.what)
        yield {
            "finding": [finding.fault, finding.what, finding.why],
            "key": photograph.key if photograph else None,
            "acts": [[each.etag, each.began, each.ended] for each in photograph.acts] if photograph else [],
            "head": head.model_dump(mode="json") if head else None,
            "messages": list(_messages(evidence, finding.what)),
        }


def _messages(evidence: Evidence, wanted: str) -> Iterator[dict[str, Any]]:
    for topic in _HEARD:
        for message in evidence.on(topic):
            if wanted in _images(message) or wanted == "/".join(map(str, message.source)):
                yield {
                    "source": message.source,
                    "at": message.timestamp,
                    "headers": [[name, value.decode(errors="replace")] for name, value in message.headers],
                    "value": (message.value or b"").decode(errors="replace"),
                }


def _images(message: Message) -> set[str]:
    if message.topic == topics.DECISIONS:
        return {(message.key or b"").decode(errors="replace")}
    found = set()
    for record in wire.decode(message.value, dict(message.headers), NAMING):
        match record:
            case wire.Uploaded(event) | wire.Removed(event):
                found.add(event.image_id)
    return found
