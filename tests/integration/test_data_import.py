"""`tagstream data import` over a broker, S3 and a store: a CSV of a bucket, and what moderators decided."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

from schemas.decisions import ModerationDecided
from schemas.records import ImageHead, Kept
from schemas.uploads import Location
from streams.adapters.kafka.connection import EmbeddedBroker
from streams.adapters.kafka.producer import ProducerSettings
from streams.adapters.kafka.publisher import DecisionPublisher
from streams.adapters.s3.embedded import CREDENTIALS, EmbeddedS3
from streams.adapters.s3.images import S3Images
from streams.adapters.s3.settings import S3Settings
from streams.adapters.sqlite.store import SqliteScores
from streams.ports import Change
from tests.unit.cli_builders import NOW, head, upload
from tests.unit.data_builders import picture

BUCKET = "photos"
FOOD = [f"food-{number}.jpg" for number in range(3)]
MENU = [f"menu-{number}.jpg" for number in range(3)]


def becoming(kept: ImageHead) -> Change:
    return lambda _stored: Kept(head=kept)


def said(key: str, action: str, *labels: str) -> ModerationDecided:
    facts = {"image_id": upload(key).image_id, "action": action, "decided_by": "ann"}
    named = {"labels": labels} if action == "correct" else {}
    return ModerationDecided.model_validate(facts | named | {"decided_at": NOW + timedelta(minutes=5)})


async def fill(s3: EmbeddedS3, bootstrap: str, store: Path) -> None:
    """Six photographs in a bucket, of which the model says menu; moderators say otherwise of some."""
    settings = S3Settings(endpoint_url=s3.endpoint_url, **dict(s3.credentials), buckets=(BUCKET,))
    async with S3Images(settings) as images, SqliteScores(store) as scores:
        await images.ensure_bucket(BUCKET)
        for key in (*FOOD, *MENU):
            await images.put(Location(bucket=BUCKET, key=f"2026/{key}"), picture(key))
            await images.put(Location(bucket=BUCKET, key=key), picture(key))
            await scores.apply(upload(key).image_id, becoming(head(upload(key))))
        rows = [f"{key},menu" for key in (*FOOD, *MENU)]
        table = "\n".join(["path,label", *rows, "gone.jpg,menu"])
        await images.put(Location(bucket=BUCKET, key="2026/labels.csv"), table.encode())
    async with DecisionPublisher(ProducerSettings(bootstrap=bootstrap)) as publisher:
        await publisher.publish(*(said(key, "correct", "food") for key in FOOD))
        await publisher.publish(*(said(key, "approve") for key in MENU[:2]), said(MENU[2], "reject"))


def test_a_csv_of_a_bucket_and_what_moderators_decided_become_one_snapshot(tmp_path: Path) -> None:
    with EmbeddedS3() as s3, EmbeddedBroker() as broker:
        store = tmp_path / "scores.sqlite"
        asyncio.run(fill(s3, broker.bootstrap, store))
        settings = {
            "TAGSTREAM_KAFKA__BROKERS": broker.bootstrap,
            "TAGSTREAM_STORE__PATH": str(store),
            "TAGSTREAM_S3__ENDPOINT_URL": s3.endpoint_url,
            "TAGSTREAM_S3__BUCKETS": f'["{BUCKET}"]',
            "TAGSTREAM_S3__ACCESS_KEY_ID": CREDENTIALS.access_key_id,
            "TAGSTREAM_S3__SECRET_ACCESS_KEY": CREDENTIALS.secret_access_key.get_secret_value(),
        }
        source = f"s3://{BUCKET}/2026/labels.csv"
        words = ("import", source, "--decisions", "--output", "out", "--processes", "1", "--json")
        ran = subprocess.run(
            [sys.executable, "-m", "tagstream", "data", *words],
            cwd=tmp_path,
            env=os.environ | settings,
            capture_output=True,
            text=True,
            timeout=90,
            check=False,
        )
    assert ran.returncode == 0, ran.stderr
    about = json.loads(ran.stdout)
    assert about["labels"] == ["food", "menu"]
    assert about["pictures"] == 6
    # A person's word outranks the table's; of what was rejected the table's word is all there is.
    assert about["refused"]["counts"] == {"duplicate": 2, "missing": 1, "not_decided": 1, "outranked": 3}
    missing = next(each for each in about["refused"]["every"] if each["cause"] == "missing")
    assert "gone.jpg" in missing["place"]
    assert "does not exist" in missing["why"]
    assert [path.name for path in (tmp_path / "out").iterdir()] == [Path(about["folder"]).name]
