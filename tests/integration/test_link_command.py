"""`tagstream link`, over a store and the embedded S3 endpoint: whoever has the address sees the image."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.request
from pathlib import Path

from schemas.records import ImageHead, Kept
from schemas.uploads import Location
from streams.adapters.s3.embedded import CREDENTIALS, EmbeddedS3
from streams.adapters.s3.images import S3Images
from streams.adapters.s3.settings import S3Settings
from streams.adapters.sqlite.store import SqliteScores
from streams.ports import Change
from tests.unit.head_builders import IMAGE, after, claim, removed, scored

ROOT = Path(__file__).parents[2]


def becoming(head: ImageHead) -> Change:
    return lambda _stored: Kept(head=head)


async def kept(path: Path, head: ImageHead) -> None:
    async with SqliteScores(path) as scores:
        await scores.apply(head.image_id, becoming(head))


def link(
    path: Path, *arguments: str, endpoint: str = "http://127.0.0.1:1"
) -> subprocess.CompletedProcess[str]:
    settings = {
        "TAGSTREAM_STORE__PATH": str(path),
        "TAGSTREAM_S3__ENDPOINT_URL": endpoint,
        "TAGSTREAM_S3__BUCKETS": '["photos"]',
        "TAGSTREAM_S3__ACCESS_KEY_ID": CREDENTIALS.access_key_id,
        "TAGSTREAM_S3__SECRET_ACCESS_KEY": CREDENTIALS.secret_access_key.get_secret_value(),
    }
    command = [sys.executable, "-m", "tagstream", "link", *arguments]
    return subprocess.run(
        command, cwd=ROOT, env=os.environ | settings, capture_output=True, text=True, timeout=60, check=False
    )


async def test_the_address_shows_the_image(tmp_path: Path) -> None:
    with EmbeddedS3() as s3:
        settings = S3Settings(endpoint_url=s3.endpoint_url, **dict(s3.credentials), buckets=("photos",))
        async with S3Images(settings) as images:
            await images.ensure_bucket("photos")
            await images.put(Location(bucket="photos", key="a.jpg"), b"the photograph")
        await kept(tmp_path / "scores.sqlite", after(scored(claim(1))))
        ran = link(tmp_path / "scores.sqlite", IMAGE, "--json", endpoint=s3.endpoint_url)
        assert ran.returncode == 0, ran.stderr
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(json.loads(ran.stdout)["url"], timeout=10) as answer:
            assert answer.read() == b"the photograph"


async def test_a_removed_image_has_no_address(tmp_path: Path) -> None:
    gone = after(scored(claim(1)), removed(claim(2, removal=True)))
    await kept(tmp_path / "scores.sqlite", gone)
    ran = link(tmp_path / "scores.sqlite", IMAGE)
    assert (ran.returncode, ran.stdout) == (1, "")
    assert "was removed" in ran.stderr


def test_an_image_that_nobody_knows_is_one_line(tmp_path: Path) -> None:
    ran = link(tmp_path / "scores.sqlite", "img_nobody")
    assert ran.returncode == 1
    assert len(ran.stderr.splitlines()) == 1
