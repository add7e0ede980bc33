"""A version is tried in the shadow while uploads go on, a runner and a worker are killed; it is published.

What the uploads waited for their tags is stated beside what those waited that came before: it is no check.
"""

from __future__ import annotations

import asyncio
import io
import json
import math
import os
import statistics
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
from PIL import Image

from model import checkpoint
from model.policy import fitting
from model.serving.classifier import Classifier
from model.tiny_version import write_tiny_version
from schemas import topics
from schemas.records import ImageHead
from tests.e2e.fleet import ROOT
from tests.real.bucket import Bucket
from tests.real.findings import WITHIN, Findings
from tests.real.premises import Premises
from tests.real.processes import command, doomed_worker, product_worker, tagstream
from tests.seen import Tell

IMAGES: Final = int(os.environ.get("SHADOW_IMAGES", "150"))
pytestmark = [pytest.mark.real, pytest.mark.timeout(1200 + IMAGES)]

KEYS: Final = [f"r{number % 7}/{number}.png" for number in range(IMAGES)]
DECIDED: Final = KEYS[:3]
QUIET: Final = 20
"""Uploads before the shadow."""
Uploads = dict[str, datetime]
"""When each key was begun to be uploaded."""
RATE: Final = IMAGES / 20
"""Images a second of the shadow, so that there is time to stop it."""


def picture(seed: int) -> bytes:
    """Stripes of two colours: networks of random weights see something else in each."""
    random = np.random.default_rng(seed)
    pixels = np.zeros((96, 96, 3), np.uint8)
    pixels[:] = random.integers(0, 256, 3)
    pixels[:: int(random.integers(2, 9))] = random.integers(0, 256, 3)
    made = io.BytesIO()
    Image.fromarray(pixels).save(made, "PNG")
    return made.getvalue()


async def test_a_shadow_outlives_its_runner_and_a_worker_and_exactly_its_changes_are_published(
    premises: Premises, bucket: Bucket, findings: Findings, tmp_path: Path, tell: Tell
) -> None:
    settings = registry_of(premises, tmp_path)
    lives = [tmp_path / name for name in ("first", "second")]
    for life in lives:
        life.mkdir()
    with product_worker(premises, lives[1], **settings):
        with doomed_worker(premises, lives[0], **settings) as victim:
            for number, key in enumerate(KEYS):
                bucket.put(key, picture(number))
            assert versions(await findings.all_until(KEYS)) == {"v1"}
            for key in DECIDED:
                tagstream(premises, "decide", findings.image(key), "correct", "--labels", "food")
            await findings.all_until(DECIDED, lambda head: holds(head) == {"food"})
            quiet = await uploaded_before(bucket, findings)
            job = shadow(premises, settings)
            async with uploading(bucket) as live:
                with command(premises, "replay", "resume", job, **settings) as runner:
                    await until(premises, job, lambda told: told["counts"]["sent"] > 0)
                    tagstream(premises, "replay", "pause", job)
                    assert await asyncio.to_thread(runner.wait, 60) == 0
                with command(premises, "replay", "resume", job, **settings) as runner:
                    await until(premises, job, lambda told: told["counts"]["sent"] >= IMAGES / 3)
                    runner.kill()
                victim.kill()
                await finished(premises, settings, job)
        before = await findings.all_until(KEYS)
        assert versions(before) == {"v1"}
        await findings.all_until(tuple(live))
        assert await replayed(findings) == []
        tell(await what_uploads_waited(findings, quiet, live))

        report = json.loads(tagstream(premises, "replay", "report", job, "--json"))
        assert report["images"] >= IMAGES
        refused = subprocess_says(premises, settings, "replay", "publish", job, exits=2)
        assert "--accept" in refused
        published = publish(premises, settings, job)
        assert published["counts"]["unfinished"] == 0
        after = await findings.all_until(KEYS)
        assert versions(after) == {"v2"}
        assert await findings.scored_by(KEYS) == {key: {"v1", "v2"} for key in KEYS}
        assert all(holds(after[key]) == {"food"} for key in DECIDED)

        changed = {key for key in KEYS if judged(before[key]) != judged(after[key])}
        assert 0 < len(changed) < IMAGES
        assert report["changed"] >= len(changed)
        keys = {findings.image(key): key for key in KEYS}
        news = await replayed(findings)
        ours = [event for event in news if event["image_id"] in keys]
        assert {keys[event["image_id"]] for event in ours} == changed - set(DECIDED)
        assert len({event["event_id"] for event in ours}) == len(changed - set(DECIDED))
        for event in ours:
            key = keys[event["image_id"]]
            assert set(event["before"]["labels"]) == judged(before[key])
            assert {tag["label"] for tag in event["tags"] if tag["tagged"]} == judged(after[key])
        assert publish(premises, settings, job)["state"] == "finished"
        assert await replayed(findings) == news


async def replayed(findings: Findings) -> list[dict[str, Any]]:
    """The tag events that a replay has brought."""
    said = [json.loads(each.value or b"{}") for each in await findings.messages(topics.TAGGED)]
    return sorted(
        (event for event in said if event["reason"] == "replay"), key=lambda event: str(event["event_id"])
    )


def holds(head: ImageHead) -> set[str]:
    """Its tags, whoever says so."""
    return set(head.verdict.tagged) if head.verdict else set()


def judged(head: ImageHead) -> set[str]:
    """Its tags as the model has them."""
    return set(head.judged.tagged) if head.judged else set()


def versions(heads: Mapping[str, ImageHead]) -> set[str]:
    """Whose scores hold."""
    return {head.scores.model.version for head in heads.values() if head.scores}


def shadow(premises: Premises, settings: dict[str, str]) -> str:
    """The name of a shadow that nobody runs yet."""
    options = ("--from", "store", "--model", "v2", "--shadow", "--rate", str(RATE), "--detach", "--json")
    said = json.loads(tagstream(premises, "replay", "start", *options, exits=0, within=WITHIN, **settings))
    return str(said["job"]["id"])


def publish(premises: Premises, settings: dict[str, str], job: str) -> dict[str, Any]:
    """The job that has published it."""
    told: dict[str, Any] = json.loads(
        tagstream(
            premises, "replay", "publish", job, "--accept", "--json", exits=0, within=WITHIN * 4, **settings
        )
    )
    return told


async def until(premises: Premises, job: str, is_so: Callable[[dict[str, Any]], bool]) -> None:
    """Until the job's document says so."""
    async with asyncio.timeout(WITHIN):
        while not is_so(json.loads(tagstream(premises, "replay", "status", job, "--json"))):
            await asyncio.sleep(0.2)


async def finished(premises: Premises, settings: dict[str, str], job: str) -> None:
    """Take over from whoever was killed, as soon as that can be seen, and run to the end."""
    await until(premises, job, lambda told: told["is_orphaned"])
    tagstream(premises, "replay", "rate", job, "0")
    with command(premises, "replay", "resume", job, **settings) as runner:
        # While uploads come a worker of two processors has one image of it in work.
        assert await asyncio.to_thread(runner.wait, WITHIN + IMAGES / 4) == 0
    await until(premises, job, lambda told: told["state"] == "finished")


async def upload(bucket: Bucket, uploads: Uploads, *, prefix: str, number: float) -> None:
    """So many photographs, two a second; each is noted once storage has it."""
    while len(uploads) < number:
        key, begun = f"{prefix}/{len(uploads)}.png", datetime.now(UTC)
        await asyncio.to_thread(bucket.put, key, picture(10_000 + len(uploads)))
        uploads[key] = begun
        await asyncio.sleep(0.5)


async def uploaded_before(bucket: Bucket, findings: Findings) -> Uploads:
    """Photographs that come while no replay runs, tagged."""
    uploads: Uploads = {}
    await upload(bucket, uploads, prefix="quiet", number=QUIET)
    await findings.all_until(tuple(uploads))
    return uploads


async def percentile(findings: Findings, uploads: Uploads) -> float:
    """Seconds within which 95 of 100 uploads had their first tags on the topic."""
    begun = {findings.image(key): when for key, when in uploads.items()}
    waited: dict[str, float] = {}
    for message in await findings.messages(topics.TAGGED):
        image = json.loads(message.value or b"{}").get("image_id")
        if image in begun and message.timestamp is not None:
            waited.setdefault(image, (message.timestamp - begun[image]).total_seconds())
    assert len(waited) == len(uploads)
    return statistics.quantiles(waited.values(), n=20)[-1]


async def what_uploads_waited(findings: Findings, quiet: Uploads, live: Uploads) -> str:
    """Without the shadow, and during it, in one line."""
    without, during = await percentile(findings, quiet), await percentile(findings, live)
    return (
        f"p95 from upload to tags: {during:.2f} s of {len(live)} uploads during the shadow, two kills among"
        f" them, {without:.2f} s of {len(quiet)} before it: {during / without:.1f} x"
    )


@asynccontextmanager
async def uploading(bucket: Bucket) -> AsyncIterator[Uploads]:
    """Photographs that come meanwhile."""
    uploads: Uploads = {}
    task = asyncio.create_task(upload(bucket, uploads, prefix="live", number=math.inf))
    try:
        yield uploads
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def subprocess_says(premises: Premises, settings: dict[str, str], *arguments: str, exits: int) -> str:
    """What it says on standard error."""
    ran = subprocess.run(
        [sys.executable, "-m", "tagstream", *arguments],
        cwd=ROOT,
        env=os.environ | dict(premises.settings) | dict(settings),
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert ran.returncode == exits, ran.stderr or ran.stdout
    return ran.stderr


def registry_of(premises: Premises, folder: Path) -> dict[str, str]:
    """A registry with v1, which is the champion, and v2; for a worker's environment.

    v2 has the weights of v1, and of each label the threshold that splits the pictures in halves: some tags
    change, and some do not.
    """
    url = str(folder / "registry")
    first = write_tiny_version(folder / "tiny-v1", version="v1")
    version = checkpoint.read(first)
    scores = Classifier.load(first, device="cpu", threads=1).forward(
        [version.manifest.input.preprocess().decode(picture(number)) for number in range(IMAGES)]
    )
    halves = {
        label: round(float(np.median([each.probabilities[label] for each in scores])), 4)
        for label in version.manifest.labels
    }
    changed = {"version": "v2", "thresholds": halves, "routes": fitting(version.manifest.routes, halves)}
    manifest = version.manifest.model_copy(update=changed)
    checkpoint.write(folder / "tiny-v2", replace(version, manifest=manifest))
    for name in ("v1", "v2"):
        tagstream(premises, "model", "publish", str(folder / f"tiny-{name}"), "--registry", url)
    why = ("--force", "--reason", "its weights mean nothing")
    tagstream(premises, "model", "promote", "tiny/v1", "--registry", url, *why)
    return {
        "TAGSTREAM_REGISTRY__URL": url,
        "TAGSTREAM_REGISTRY__CACHE": str(folder / "cache"),
        "TAGSTREAM_MODEL__REF": "tiny@champion",
    }
