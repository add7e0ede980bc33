"""A replay by the product's own processes, once every original is gone: it reads the renditions."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image

from model.tiny_version import write_tiny_version
from schemas.addresses import BucketAddress
from schemas.records import ImageHead
from schemas.uploads import Location
from streams.adapters.s3.images import S3Images
from streams.adapters.s3.renditions import S3Renditions, settings_of
from streams.adapters.sqlite.store import SqliteScores
from streams.scanning import every_head
from tagstream.embedded_stack import EmbeddedStack, free_port, open_stack
from tests.e2e.fleet import ROOT

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

PHOTOGRAPHS = 6
SIDE = 128
"""Twice the input of the tiny version: what its decoders have of a photograph at least."""
PLACE = BucketAddress("small", "renditions")
WITHIN = 90.0


@pytest.fixture
async def stack(tmp_path: Path) -> AsyncIterator[EmbeddedStack]:
    async with open_stack("photos", tmp_path / "scores.sqlite") as opened:
        async with S3Images(settings_of(PLACE, opened.storage)) as images:
            await images.ensure_bucket(PLACE.bucket)
        yield opened


@pytest.fixture
def environment(stack: EmbeddedStack) -> dict[str, str]:
    settings = {**stack.settings, "RENDITIONS__URL": "s3://small/renditions", "RENDITIONS__SIDE": SIDE}
    settings |= {"MODEL__DEVICE": "cpu", "DECODE__PROCESSES": 1, "BATCH__MAX_SIZE": 4}
    return os.environ | {f"TAGSTREAM_{name}": str(value) for name, value in settings.items()}


def photographed(folder: Path) -> None:
    """Photographs of more bytes than are worth a rendition, turned by their EXIF, with a maker in it."""
    folder.mkdir()
    for number in range(PHOTOGRAPHS):
        image = Image.effect_noise((900, 700), 60 + number).convert("RGB")
        exif = Image.Exif()
        exif[0x0112], exif[0x010F] = 6, "a maker"
        image.save(folder / f"{number}.jpg", "JPEG", quality=92, exif=exif)


@contextmanager
def worker(environment: dict[str, str], version: Path, log: Path) -> Iterator[str]:
    """`tagstream worker` of that version; where its metrics are."""
    port = free_port()
    mine = environment | {"TAGSTREAM_MODEL__FOLDER": str(version), "TAGSTREAM_METRICS__PORT": str(port)}
    command = [sys.executable, "-m", "tagstream", "worker"]
    with log.open("wb") as out:
        process = subprocess.Popen(command, cwd=ROOT, env=mine, stdout=out, stderr=out)
    try:
        yield f"http://127.0.0.1:{port}/metrics"
        assert process.poll() is None, log.read_text()[-3000:]
        process.terminate()
        assert process.wait(30) == 0, log.read_text()[-3000:]
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


async def said(environment: dict[str, str], *words: str) -> str:
    """What `tagstream ...` answers."""
    run = lambda: subprocess.run(  # noqa: E731 - for a thread
        [sys.executable, "-m", "tagstream", *words],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=WITHIN,
        check=False,
    )
    ran = await asyncio.to_thread(run)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


async def heads(stack: EmbeddedStack) -> list[ImageHead]:
    async with SqliteScores(stack.store) as scores:
        return [head async for head in every_head(scores)]


async def until_kept(stack: EmbeddedStack) -> None:
    """Until each photograph that is tagged has its rendition."""
    async with S3Renditions(PLACE, stack.storage) as renditions, asyncio.timeout(WITHIN):
        while True:
            digests = [head.digest for head in await heads(stack) if head.digest]
            found = [await renditions.get(digest) for digest in digests]
            if len([each for each in found if each]) == PHOTOGRAPHS:
                return
            await asyncio.sleep(0.2)


def counted(metrics: str, line: str) -> float:
    told = [each for each in metrics.splitlines() if each.startswith(line)]
    return float(told[0].split()[-1]) if told else 0.0


async def test_a_replay_reads_the_renditions_and_none_of_the_originals(
    stack: EmbeddedStack, environment: dict[str, str], tmp_path: Path
) -> None:
    versions = [write_tiny_version(tmp_path / f"tiny-v{n}", version=f"v{n}", seed=n) for n in (1, 2)]
    photographed(tmp_path / "photographs")
    with worker(environment, versions[0], tmp_path / "first.log"):
        await said(environment, "upload", str(tmp_path / "photographs"), "--bucket", "photos")
        await until_kept(stack)
    before = await heads(stack)
    await without_originals(stack, before)
    with worker(environment, versions[1], tmp_path / "second.log") as metrics:
        words = ("replay", "start", "--from", "store", "--model", "v2", "--force", "--json")
        job: dict[str, Any] = json.loads(await said(environment, *words))["job"]
        told = (await asyncio.to_thread(httpx.get, metrics)).text
    assert (job["state"], job["counts"]["rescored"]) == ("finished", PHOTOGRAPHS)
    assert counted(told, 'tagstream_replay_reads_total{source="rendition"}') == PHOTOGRAPHS
    assert counted(told, 'tagstream_replay_reads_total{source="original"}') == 0
    for head in await heads(stack):
        assert head.scores is not None
        assert (head.scores.model.version, head.scores.rendition) == ("v2", f"jpeg-{SIDE}-q90-r1")
    why = await said(environment, "why", before[0].image_id)
    assert f"its rendition (jpeg-{SIDE}-q90-r1), by a replay" in " ".join(why.split())


async def without_originals(stack: EmbeddedStack, heads_before: list[ImageHead]) -> None:
    """Delete every original, unheard; look at the renditions, which stay."""
    async with S3Images(stack.storage) as images, S3Renditions(PLACE, stack.storage) as renditions:
        for head in heads_before:
            assert head.scores is not None
            assert head.digest is not None
            assert head.scores.rendition is None
            await images.remove(Location(bucket=head.location.bucket, key=head.location.key))
            assert not await images.exists(head.location)
            kept = await renditions.get(head.digest)
            assert kept is not None
            with Image.open(BytesIO(kept.data)) as small:
                assert small.size == (SIDE, round(900 / 700 * SIDE))
                assert not small.getexif()
