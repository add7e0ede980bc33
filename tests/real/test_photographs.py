"""Photographs put by a plain S3 client, before the product's own worker: storage's word is enough."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from schemas import topics
from schemas.records import State
from schemas.uploads import ImageUploaded, Location
from streams.adapters.kafka.publisher import ProducerSettings, UploadPublisher
from tagstream import samples
from tests.e2e.fleet import Worker
from tests.real.bucket import Bucket
from tests.real.findings import Findings
from tests.real.premises import Premises
from tests.real.processes import product_worker

pytestmark = [pytest.mark.real, pytest.mark.timeout(300)]

SAMPLES = {path.name: path.read_bytes() for path in samples.photographs()}
SEEN = {
    "coffee.jpg": ("food", None),
    "lobby.jpg": ("ambiance", topics.AMBIANCE),
    "menu-trattoria.jpg": ("menu", topics.MODERATION),
    "grace-hopper.jpg": ("human", topics.MODERATION),
}
"""What the packaged model sees in some of them, and which topic's readers hear of it."""
ODD = ("r1/a photo.jpg", "r1/é 漢字.jpg", "r1/a+b.jpg", "r1/100%.jpg", "r1/%41.jpg", "r1/#?&=;'\".jpg")
STORAGE_FIRST, PRODUCER_FIRST = "r1/storage-first.jpg", "r1/producer-first.jpg"


async def announce(premises: Premises, key: str) -> None:
    """Our own event, as a producer sends it that puts its photographs itself."""
    said = ImageUploaded.model_validate(
        {
            "event_id": f"ours-{key}",
            "location": Location(bucket=premises.bucket, key=key),
            "uploaded_at": datetime.now(UTC),
            "restaurant_id": "r1",
        }
    )
    async with UploadPublisher(ProducerSettings(bootstrap=premises.bootstrap)) as uploads:
        await uploads.publish(said)


@pytest.fixture(scope="module", autouse=True)
def worker(premises: Premises, bucket: Bucket, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worker]:
    """It finds that much waiting when it starts."""
    for name, data in SAMPLES.items():
        bucket.put(f"bistro/{name}", data)
    for key in ODD:
        bucket.put(key, SAMPLES["lobby.jpg"])
    bucket.put(STORAGE_FIRST, SAMPLES["menu-trattoria.jpg"])
    for key in (STORAGE_FIRST, PRODUCER_FIRST):
        asyncio.run(announce(premises, key))
    bucket.put(PRODUCER_FIRST, SAMPLES["menu-trattoria.jpg"])
    folder: Path = tmp_path_factory.mktemp("product")
    with product_worker(
        premises, folder, TAGSTREAM_UPLOADS__KEY_PATTERN="^(?P<restaurant>[^/]+)/"
    ) as running:
        yield running


async def test_every_photograph_ends_with_its_scores_and_its_tags(findings: Findings) -> None:
    heads = await findings.all_until([f"bistro/{name}" for name in SAMPLES])
    for key, head in heads.items():
        (record,) = await findings.history(key)
        assert record.scores == head.scores
        (tagged,) = await findings.said(topics.TAGGED, key)
        (held,) = await findings.said(topics.LATEST, key)
        assert tagged
        assert held
        assert {tag["label"] for tag in held["tags"]} == {t["label"] for t in tagged["tags"] if t["tagged"]}
        assert tagged["restaurant_id"] == "bistro"
        assert tagged["model"] == head.scores.model.model_dump() if head.scores else None
    assert await findings.messages(topics.DEAD_LETTERS) == ()


@pytest.mark.parametrize("name", SEEN)
async def test_who_acts_on_a_tag_hears_of_it_once(findings: Findings, name: str) -> None:
    label, topic = SEEN[name]
    key = f"bistro/{name}"
    head = await findings.until(key)
    assert head.verdict
    assert [tag.label for tag in head.verdict.tags if tag.tagged] == [label]
    assert head.state is (State.HIDDEN if topic == topics.MODERATION else State.VISIBLE)
    heard = {each: await findings.said(each, key) for each in (topics.MODERATION, topics.AMBIANCE)}
    actions = [
        (where, event["action"], event["label"]) for where, all_ in heard.items() for event in all_ if event
    ]
    assert actions == ([(topic, "added", label)] if topic else [])


async def test_a_key_of_any_characters_is_taken_as_storage_spells_it(findings: Findings) -> None:
    assert set(ODD) <= set(await findings.notified())
    heads = await findings.all_until(ODD)
    assert {key: head.location.key for key, head in heads.items()} == {key: key for key in ODD}
    assert len({head.image_id for head in heads.values()}) == len(ODD)


@pytest.mark.parametrize("key", [STORAGE_FIRST, PRODUCER_FIRST])
async def test_what_storage_and_a_producer_both_say_is_one_image(findings: Findings, key: str) -> None:
    voices = [
        each for each in await findings.messages(topics.UPLOADED) if key.encode() in (each.value or b"")
    ]
    assert len(voices) == 2
    head = await findings.until(key, lambda head: None not in (head.claims.storage, head.claims.producer))
    assert len(await findings.history(key)) == 1
    routes = [event for event in await findings.said(topics.MODERATION, key) if event]
    assert [(event["action"], event["label"]) for event in routes] == [("added", "menu")]
    # One answer a voice at most: who speaks later of the same bytes may move the image's place in time.
    tagged = [event for event in await findings.said(topics.TAGGED, key) if event]
    assert len({event["event_id"] for event in tagged}) == len(tagged) <= len(voices)
    assert tagged[-1]["position"]["event_id"] == head.position.event_id
