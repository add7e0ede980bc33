"""Stored renditions over real servers: kept beside uploads, read by a replay, gone with the photograph."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from io import BytesIO
from pathlib import Path
from typing import Final

import httpx
import pytest
from PIL import Image

from model.tiny_version import write_tiny_version
from schemas import topics
from schemas.records import State
from tagstream.embedded_stack import free_port
from tests.e2e.fleet import Worker
from tests.real.bucket import Bucket
from tests.real.findings import WITHIN, Findings
from tests.real.premises import Premises
from tests.real.processes import product_worker, tagstream

pytestmark = [pytest.mark.real, pytest.mark.timeout(300)]

SIDE: Final = 128
KEYS: Final = tuple(f"r1/{number}.jpg" for number in range(6))


def photograph(number: int) -> bytes:
    """Of more bytes than are worth a rendition."""
    made = BytesIO()
    Image.effect_noise((900, 700), 60 + number).convert("RGB").save(made, "JPEG", quality=92)
    return made.getvalue()


async def test_a_replay_reads_the_renditions_and_a_removal_takes_them_along(
    premises: Premises, bucket: Bucket, findings: Findings, tmp_path: Path
) -> None:
    small = bucket.beside("renditions")
    with _worker(premises, tmp_path, "v1"):
        for number, key in enumerate(KEYS):
            bucket.put(key, photograph(number))
        await findings.all_until(KEYS)
        await _until(small, lambda held: len(held) == len(KEYS))
        bucket.delete(KEYS[-1])
        await _until(small, lambda held: len(held) == len(KEYS) - 1)
    for data in small.holds().values():
        with Image.open(BytesIO(data)) as rendition:
            assert min(rendition.size) == SIDE
    port = free_port()
    with _worker(premises, tmp_path, "v2", TAGSTREAM_METRICS__PORT=str(port)):
        said = tagstream(premises, "replay", "start", "--from", "store", "--model", "v2", "--force", "--json")
        told = (await asyncio.to_thread(httpx.get, f"http://127.0.0.1:{port}/metrics")).text
    counts = json.loads(said)["job"]["counts"]
    assert (counts["rescored"], counts["unfinished"]) == (len(KEYS) - 1, 0)
    read = f'tagstream_replay_reads_total{{source="rendition"}} {len(KEYS) - 1}.0'
    assert read in told.splitlines()
    heads = await findings.all_until(KEYS)
    assert heads.pop(KEYS[-1]).state is State.DELETED
    kept = {(head.scores.model.version, head.scores.rendition) for head in heads.values() if head.scores}
    assert kept == {("v2", f"jpeg-{SIDE}-q90-r1")}
    # This storage tells of every bucket: a rendition is no upload for it.
    assert len(await findings.notified()) == 2 * (len(KEYS) + 1)
    assert set(await findings.heads()) == set(KEYS)
    assert await findings.messages(topics.DEAD_LETTERS) == ()


def _worker(premises: Premises, folder: Path, version: str, **more: str) -> AbstractContextManager[Worker]:
    """One that keeps renditions, of a version of its own."""
    made = folder / f"tiny-{version}"
    write_tiny_version(made, version=version, seed=int(version[1:]))
    settings = {
        "TAGSTREAM_MODEL__FOLDER": str(made),
        "TAGSTREAM_RENDITIONS__URL": "s3://renditions/small",
        "TAGSTREAM_RENDITIONS__SIDE": str(SIDE),
    }
    return product_worker(premises, folder, **settings, **more)


async def _until(bucket: Bucket, holds: Callable[[Mapping[str, bytes]], bool]) -> None:
    async with asyncio.timeout(WITHIN):
        while not holds(await asyncio.to_thread(bucket.holds)):
            await asyncio.sleep(0.2)
