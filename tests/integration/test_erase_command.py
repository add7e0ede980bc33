"""`tagstream erase` as people run it: what it refuses, asks, leaves and says."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest
from confluent_kafka import Producer

from agents.transitions import Transitions, acknowledged
from operations.erasure_receipt import Receipt, ReceiptState, hashed
from schemas import identity, topics
from schemas.addresses import BucketAddress
from schemas.claims import Claim
from schemas.records import ImageHead
from schemas.uploads import Location
from streams.adapters.kafka.reader import read_all
from streams.adapters.s3.images import S3Images
from streams.adapters.s3.renditions import S3Renditions, location_of, settings_of
from streams.adapters.s3.versions import S3Versions
from streams.adapters.sqlite.store import SqliteScores
from streams.ports import StoredRendition
from tagstream import cli
from tagstream.embedded_stack import EmbeddedStack, open_stack
from tests.unit.head_builders import NOW, TAGGER, claim, scoring
from tests.unit.test_audit_trail import record

T = TypeVar("T")
MENU = Location(bucket="photos", key="secret/menu.jpg")
ID = identity.image_id(MENU.bucket, MENU.key)


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedStack]:
    with asyncio.Runner() as loop:
        opened = open_stack("photos", tmp_path_factory.mktemp("unused") / "kept.sqlite")
        try:
            yield loop.run(opened.__aenter__())
        finally:
            loop.run(opened.__aexit__(None, None, None))


@pytest.fixture(autouse=True)
def here(stack: EmbeddedStack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder and a store of the test's own, which knows a photograph of a menu; it stands in storage."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    settings = {**stack.settings, "STORE__PATH": tmp_path / "kept.sqlite"}
    for name, value in settings.items():
        monkeypatch.setenv(f"TAGSTREAM_{name}", str(value))
    asyncio.run(put(stack, MENU))
    asyncio.run(keep(tmp_path / "kept.sqlite", of(MENU)))
    return tmp_path


def of(location: Location, *, uploader: str = "u-secret") -> Claim:
    return claim(1, restaurant="r-secret").model_copy(update={"location": location, "uploader_id": uploader})


async def put(stack: EmbeddedStack, location: Location) -> None:
    async with S3Images(stack.storage) as images:
        await images.put(location, b"menu")


async def keep(path: Path, said: Claim) -> None:
    image = identity.image_id(said.location.bucket, said.location.key)
    seen = scoring(said, menu=0.9)
    async with SqliteScores(path) as store:
        change = Transitions(image, TAGGER, NOW).scored(seen)
        kept = await store.apply(image, change, record(seen).model_copy(update={"image_id": image}))
        await store.apply(image, acknowledged(kept.head))


async def in_store(here: Path, ask: Callable[[SqliteScores], Awaitable[T]]) -> T:
    async with SqliteScores(here / "kept.sqlite") as store:
        return await ask(store)


def head_of(here: Path, image: str = ID) -> ImageHead:
    found = asyncio.run(in_store(here, lambda store: store.head(image)))
    assert found is not None
    return found


def stands(stack: EmbeddedStack) -> bool:
    async def ask() -> bool:
        async with S3Images(stack.storage) as images:
            return await images.exists(MENU)

    return asyncio.run(ask())


def say(stack: EmbeddedStack, topic: str) -> None:
    producer = Producer({"bootstrap.servers": stack.broker})
    producer.produce(topic, b"{}", b"k")
    producer.flush(10)


def ran(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    """How `tagstream erase` ends."""
    monkeypatch.setattr(sys, "argv", ["tagstream", "erase", *arguments])
    with pytest.raises(SystemExit) as end:
        cli.main()
    assert isinstance(end.value.code, int)
    return end.value.code


def document(capsys: pytest.CaptureFixture[str]) -> Any:
    return json.loads(capsys.readouterr().out)


@pytest.mark.parametrize("arguments", [(), (ID, "--uploader", "u"), ("--uploader", "")])
def test_it_wants_images_or_an_uploader(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...]
) -> None:
    assert ran(monkeypatch, *arguments) == 2
    assert "say which images" in capsys.readouterr().err


def test_an_image_that_nobody_knows_ends_it_and_nothing_is_erased(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ran(monkeypatch, ID, "img_nobody", "--yes") == 1
    assert "img_nobody is not in the store" in capsys.readouterr().err
    assert not head_of(here).is_erased


def test_one_that_is_meant_all_the_same_gets_its_tombstone_before_its_upload_comes(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ran(monkeypatch, "img_nobody", "--unseen", "--yes", "--json") == 0
    assert document(capsys)["receipt"]["images"][0]["outcome"] == "erased"
    assert head_of(here, "img_nobody").is_erased


@pytest.mark.parametrize("image", ["", "x" * 201, "x" * 2000])
def test_an_id_that_no_event_can_bring_gets_no_tombstone(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], image: str
) -> None:
    assert ran(monkeypatch, image, "--unseen", "--yes") == 2
    assert "1 to 200 characters" in capsys.readouterr().err


def test_nobody_to_be_asked_is_an_error_and_nothing_is_erased(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ran(monkeypatch, ID) == 2
    assert "say --yes, or --dry-run" in capsys.readouterr().err
    assert not head_of(here).is_erased


def test_a_dry_run_says_what_stands_where_and_changes_nothing(
    here: Path, stack: EmbeddedStack, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before = head_of(here)
    say(stack, topics.DECISIONS)
    assert ran(monkeypatch, "--uploader", "u-secret", "--dry-run") == 0
    told = capsys.readouterr().out
    assert "1 image: 1 to be erased" in told
    assert str(MENU) in told
    assert "the broker says nothing of retention" in told
    assert (head_of(here), stands(stack)) == (before, True)


def test_it_erases_says_what_is_left_and_leaves_the_object_where_it_is(
    here: Path, stack: EmbeddedStack, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ran(monkeypatch, str(MENU), "--yes", "--receipt", "receipt.json", "--by", "ann") == 0
    told = capsys.readouterr().out
    assert "1 image: 1 erased" in told
    assert "1 score deleted, 2 events published" in told
    assert str(MENU) in told.split("Objects that stand in storage")[1]
    assert head_of(here).is_erased
    assert stands(stack)
    receipt = Receipt.model_validate_json((here / "receipt.json").read_bytes())
    assert (receipt.state, receipt.run_by) == (ReceiptState.FINISHED, "ann")
    assert [(line.image, line.versions_standing) for line in receipt.images] == [(hashed(ID), 1)]
    text = (here / "receipt.json.txt").read_text()
    assert f"{hashed(ID)} erased" in text
    assert receipt.digest in text
    assert "secret" not in (here / "receipt.json").read_text() + text
    latest = asyncio.run(read_all(stack.broker, topics.LATEST))
    assert [message.value for message in latest if message.key == ID.encode()][-1] is None


def test_a_second_run_says_already_erased_and_publishes_nothing(
    here: Path, stack: EmbeddedStack, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ran(monkeypatch, ID, "--yes", "--json") == 0
    first, head = document(capsys), head_of(here)
    said = len(asyncio.run(read_all(stack.broker, topics.LATEST)))
    assert ran(monkeypatch, ID, "--json") == 0  # it does not ask: there is nothing to be lost
    second = document(capsys)
    assert second["receipt"]["images"][0]["outcome"] == "already erased"
    assert second["receipt"]["images"][0]["erased_at"] == first["receipt"]["images"][0]["erased_at"]
    assert head_of(here) == head
    assert len(asyncio.run(read_all(stack.broker, topics.LATEST))) == said
    assert ran(monkeypatch, "--uploader", "u-secret") == 0
    assert "never was one, or all are erased" in capsys.readouterr().out


def test_uploads_that_still_wait_are_said_to_need_another_run(
    stack: EmbeddedStack, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ran(monkeypatch, "--uploader", "u-secret", "--dry-run") == 0
    assert "Not worked on yet" not in capsys.readouterr().out
    say(stack, topics.RETRY)
    assert ran(monkeypatch, "--uploader", "u-secret", "--dry-run") == 0
    assert "Not worked on yet: 1 message" in capsys.readouterr().out


def test_objects_are_deleted_where_that_is_said(
    stack: EmbeddedStack, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ran(monkeypatch, ID, "--objects", "--yes", "--json") == 0
    told = document(capsys)
    assert (told["standing"], told["receipt"]["images"][0]["versions_deleted"]) == ([], 1)
    assert not stands(stack)


def test_the_object_of_an_erased_image_is_deleted_by_its_address(
    stack: EmbeddedStack, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ran(monkeypatch, ID, "--yes", "--json") == 0
    assert document(capsys)["standing"] == [str(MENU)]
    assert ran(monkeypatch, str(MENU), "--objects") == 2  # it asks, for there is something to be lost
    assert stands(stack)
    capsys.readouterr()
    assert ran(monkeypatch, str(MENU), "--objects", "--yes", "--json") == 0
    told = document(capsys)
    assert [line["outcome"] for line in told["receipt"]["images"]] == ["already erased"]
    assert not stands(stack)


def test_an_image_whose_object_cannot_be_deleted_keeps_its_address_and_is_not_erased(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    elsewhere = Location(bucket="elsewhere", key="a.jpg")
    asyncio.run(keep(here / "kept.sqlite", of(elsewhere)))
    words = ("--uploader", "u-secret", "--objects", "--yes", "--receipt", "receipt.json", "--json")
    assert ran(monkeypatch, *words) == 1
    told = document(capsys)
    assert len(told["refused"]) == 1
    assert "its object cannot be deleted" in told["refused"][0]
    assert sorted(line["outcome"] for line in told["receipt"]["images"]) == ["erased", "not erased"]
    assert head_of(here).is_erased
    assert not head_of(here, identity.image_id("elsewhere", "a.jpg")).is_erased
    assert told["receipt"]["state"] == "begun"  # the same file may be named again
    assert ran(monkeypatch, "--uploader", "u-secret", "--yes", "--receipt", "receipt.json") == 0


def test_storage_that_is_away_holds_up_no_erasure(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TAGSTREAM_S3__ENDPOINT_URL", "http://127.0.0.1:9")
    assert ran(monkeypatch, ID, "--yes", "--json") == 0
    told = document(capsys)
    assert told["standing"] == [str(MENU)]
    assert told["receipt"]["images"][0]["versions_standing"] is None
    assert head_of(here).is_erased


def test_a_finished_receipt_is_refused_before_anything_is_done(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ran(monkeypatch, "img_nobody", "--unseen", "--yes", "--receipt", "receipt.json") == 0
    capsys.readouterr()
    assert ran(monkeypatch, ID, "--yes", "--receipt", "receipt.json") == 2
    assert "never overwritten" in capsys.readouterr().err
    assert not head_of(here).is_erased


def test_nothing_of_an_erased_image_is_left_in_the_file_of_the_store(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = here / "kept.sqlite"
    assert b"secret" in file.read_bytes()
    assert ran(monkeypatch, ID, "--yes", "--json") == 0
    assert [path.name for path in here.glob("kept.sqlite*") if b"secret" in path.read_bytes()] == []


def test_labels_go_and_their_file_is_named(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / "batch").mkdir()
    (here / "batch" / "review.csv").write_text(f"path,labels\n{MENU},menu\ns3://photos/b.jpg,food\n")
    assert ran(monkeypatch, ID, "--data", "batch", "--yes", "--json") == 0
    (line,) = document(capsys)["data"]
    assert (line["place"], line["removed"]) == ("batch/review.csv", 1)
    assert "secret" not in (here / "batch" / "review.csv").read_text()


@pytest.mark.parametrize("command", ["why", "scores"])
def test_who_asks_afterwards_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    assert ran(monkeypatch, ID, "--yes", "--json") == 0
    capsys.readouterr()
    monkeypatch.setattr(sys, "argv", ["tagstream", command, ID])
    with pytest.raises(SystemExit):
        cli.main()
    told = capsys.readouterr().out
    assert "erased" in told
    assert "secret" not in told


@pytest.fixture
def small(stack: EmbeddedStack, monkeypatch: pytest.MonkeyPatch) -> BucketAddress:
    """A bucket that keeps versions, with the rendition of the photograph of the menu, written twice."""
    place = BucketAddress("small", "a")
    monkeypatch.setenv("TAGSTREAM_RENDITIONS__URL", "s3://small/a")

    async def fill() -> None:
        async with S3Images(settings_of(place, stack.storage)) as images:
            await images.ensure_bucket(place.bucket)
            await images._client.put_bucket_versioning(
                Bucket=place.bucket, VersioningConfiguration={"Status": "Enabled"}
            )
        async with S3Renditions(place, stack.storage) as renditions:
            for data in (b"first", b"second"):
                await renditions.put(BYTES, StoredRendition(data, "jpeg-320-q90-r1", "0" * 64))
            await renditions.put("f" * 64, StoredRendition(b"another's", "jpeg-320-q90-r1", "0" * 64))

    asyncio.run(fill())
    return place


BYTES = scoring(of(MENU)).content.digest


def rendition_versions(stack: EmbeddedStack, place: BucketAddress, digest: str = BYTES) -> int:
    async def ask() -> int:
        async with S3Versions(settings_of(place, stack.storage)) as versions:
            return await versions.standing(location_of(place, digest))

    return asyncio.run(ask())


def test_an_erased_photograph_has_no_rendition_and_the_receipt_says_so(
    stack: EmbeddedStack,
    small: BucketAddress,
    here: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert ran(monkeypatch, ID, "--dry-run", "--json") == 0
    assert document(capsys)["receipt"]["images"][0]["renditions"] == 2
    assert rendition_versions(stack, small) == 2
    assert ran(monkeypatch, ID, "--yes", "--json") == 0
    assert document(capsys)["receipt"]["images"][0]["renditions"] == 2
    assert rendition_versions(stack, small) == 0
    assert rendition_versions(stack, small, "f" * 64) == 1
    assert head_of(here).is_erased


def test_an_image_whose_rendition_cannot_be_deleted_is_not_erased(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TAGSTREAM_RENDITIONS__URL", "s3://no-such-bucket/a")
    assert ran(monkeypatch, ID, "--yes", "--json") == 1
    assert "its rendition cannot be deleted: s3://no-such-bucket/a/" in document(capsys)["refused"][0]
    assert not head_of(here).is_erased
