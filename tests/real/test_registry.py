"""A version's way from a registry into a worker that runs, by the product's own commands."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from model.tiny_version import write_tiny_version
from tagstream import samples
from tests.real.bucket import Bucket
from tests.real.findings import Findings
from tests.real.premises import Premises
from tests.real.processes import product_worker, tagstream

PHOTOGRAPH = samples.photographs()[0].read_bytes()

pytestmark = [pytest.mark.real, pytest.mark.timeout(300)]


async def test_a_worker_serves_the_champion_and_goes_on_with_it_while_the_registry_is_away(
    premises: Premises, bucket: Bucket, findings: Findings, tmp_path: Path
) -> None:
    registry = tmp_path / "registry"
    settings = {
        "TAGSTREAM_REGISTRY__URL": str(registry),
        "TAGSTREAM_REGISTRY__CACHE": str(tmp_path / "cache"),
        "TAGSTREAM_MODEL__REF": "tiny@champion",
    }

    def promote(version: str, seed: int) -> None:
        folder = write_tiny_version(tmp_path / f"tiny-{version}", version=version, seed=seed)
        tagstream(premises, "model", "publish", str(folder), "--registry", str(registry))
        why = ("--force", "--reason", "its weights mean nothing")
        tagstream(premises, "model", "promote", f"tiny/{version}", "--registry", str(registry), *why)

    async def scored_by(key: str) -> str:
        """The version that a worker which starts now scores a new photograph with."""
        lives = tmp_path / key
        lives.mkdir()
        with product_worker(premises, lives, **settings):
            bucket.put(key, PHOTOGRAPH)
            head = await findings.until(key)
        assert head.scores
        return f"{head.scores.model.name}/{head.scores.model.version}"

    promote("v1", seed=0)
    assert await scored_by("first.jpg") == "tiny/v1"
    promote("v2", seed=1)
    assert await scored_by("second.jpg") == "tiny/v2"
    shutil.rmtree(registry)
    assert await scored_by("third.jpg") == "tiny/v2"
