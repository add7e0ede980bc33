"""An erasure on real servers: after the broker's cleaner and in the store nothing of the images is left."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from pymongo import MongoClient

from operations.erasure_receipt import Receipt
from schemas import topics
from streams.adapters.kafka.reader import TopicReader
from tests.e2e.fleet import Fleet
from tests.real.bucket import Bucket
from tests.real.findings import Findings
from tests.real.pictures import picture
from tests.real.premises import Premises
from tests.real.processes import tagstream
from tests.real.test_compaction import clean_eagerly, latest, stir_until_clean
from tests.seen import Tell

pytestmark = [pytest.mark.real, pytest.mark.timeout(500)]

KEPT = [f"r1/kept-{number}.jpg" for number in range(4)]
ERASED = [f"r1/secret-{number}.jpg" for number in range(4)]


async def test_of_an_erased_image_the_cleaner_the_store_and_storage_leave_nothing(
    premises: Premises, bucket: Bucket, fleet: Fleet, findings: Findings, *, tell: Tell, tmp_path: Path
) -> None:
    await clean_eagerly(premises)
    worker = fleet.start()
    for key in (*KEPT, *ERASED):
        bucket.put(key, picture("ambiance", of=key))
    await findings.all_until([*KEPT, *ERASED])
    ids = [findings.image(key) for key in ERASED]
    receipt = tmp_path / "receipt.json"
    addresses = [f"s3://{premises.bucket}/{key}" for key in ERASED]
    told = await asyncio.to_thread(
        tagstream, premises, "erase", *addresses, "--objects", "--receipt", str(receipt), "--yes", "--json"
    )
    assert json.loads(told)["standing"] == []
    assert not set(ERASED) & bucket.holds().keys()
    kept = Receipt.model_validate_json(receipt.read_bytes())
    assert {line.outcome for line in kept.images} == {"erased"}
    assert [line.versions_deleted for line in kept.images] == [1] * len(ERASED)
    bounds = {each.topic: each for each in kept.topics}
    assert bounds[topics.UPLOADED].why.startswith("retention.ms 7 d")
    assert bounds[topics.UPLOADED].until is not None
    assert bounds[topics.UPLOADED].oldest is not None
    assert bounds[topics.LATEST].until is None
    assert "max.compaction.lag.ms" in bounds[topics.LATEST].why

    await stir_until_clean(premises, bucket, findings)
    left = await latest(premises)
    assert not {(message.key or b"").decode() for message in left} & set(ids)
    assert not [message for message in left if b"secret" in (message.value or b"")]
    assert {findings.image(key) for key in KEPT} <= {(message.key or b"").decode() for message in left}
    assert await asyncio.to_thread(worker.stop, 40) == 0
    assert documents_that_say(premises, "secret") == []
    heads = await findings.heads()
    assert {heads[image].is_erased for image in ids if image in heads} <= {True}
    async with TopicReader(premises.bootstrap, topics.UPLOADED) as reader:
        still = sum([b"secret" in (message.value or b"") async for message in reader.read()])
    tell(f"erasure: {still} uploads on the uploads topic until {bounds[topics.UPLOADED].until}")


def documents_that_say(premises: Premises, word: str) -> list[str]:
    """The collections in which any document has the word."""
    url = premises.store.url
    assert url is not None
    with MongoClient(url.get_secret_value()) as client:  # type: ignore[var-annotated]
        database = client[premises.database]
        return [
            name
            for name in database.list_collection_names()
            if any(word in json.dumps(document, default=str) for document in database[name].find())
        ]
