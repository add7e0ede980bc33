"""Sources of images to rescore: each goes on behind a checkpoint, and names an image once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest

from operations.rescore_ids import IdsSource, digest_of
from operations.rescore_latest import LatestClaims
from operations.rescore_sources import ImageSource, PrefixSource, StoreSource
from operations.rescore_start import Start
from operations.rescore_uploads import UploadsSource
from schemas import identity
from schemas.claims import Claims
from schemas.errors import ConfigurationError
from schemas.rescore_jobs import FromUploads
from streams.adapters.limits import Limits
from streams.adapters.memory import MemoryImages
from streams.message import Message

from .head_builders import claim
from .rescore_rig import Log, Rig
from .straight_path import raw_message, s3_message, upload_of

A, B = upload_of("r1/a.jpg"), upload_of("r2/b.jpg", restaurant="r2")


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    return Rig(tmp_path)


async def pages(source: ImageSource, *, size: int = 2) -> list[list[str]]:
    """The images of every page."""
    found, after = [], ""
    while page := await source.page(after, limit=size):
        found.append(sorted(page.images))
        after = page.after
    return found


async def gathered(source: UploadsSource) -> list[tuple[int, int]]:
    told: list[tuple[int, int]] = []
    await source.gather(lambda done, total: told.append((done, total)))
    return told


async def test_the_store_names_its_images_in_pages(rig: Rig) -> None:
    every = [upload_of(f"r1/{number}.jpg") for number in range(5)]
    await rig.tagged(*every)
    ids = sorted(upload.image_id for upload in every)
    assert await pages(StoreSource(rig.world.scores)) == [ids[:2], ids[2:4], ids[4:]]


async def test_the_uploads_name_each_image_once_with_its_latest_claim(rig: Rig) -> None:
    newer = upload_of("r1/a.jpg", minute=5)
    for upload in (newer, A, B):
        rig.publish(upload)
    with rig.uploads() as source:
        assert await gathered(source) == [(1, 3), (2, 3), (3, 3)]
        assert await pages(source, size=9) == [sorted([A.image_id, B.image_id])]
        claims = (await source.again([A.image_id]))[A.image_id]
    assert claims is not None
    assert claims.current.location == newer.location
    assert (source.total, source.read, source.unreadable) == (2, 3, 0)


async def test_more_uploads_than_the_memory_holds_are_joined_on_disk(rig: Rig) -> None:
    uploads = [upload_of(f"r1/{number}.jpg", minute=minute) for minute in (1, 2) for number in range(620)]
    for upload in uploads:
        rig.publish(upload)
    with rig.uploads(together=7) as source:
        await gathered(source)
        found = [page async for page in every_page(source)]
    assert sum(map(len, found)) == 620
    assert {claims.current.position.uploaded_at.minute for page in found for claims in page} == {2}


async def every_page(source: UploadsSource):  # type: ignore[no-untyped-def]  # noqa: ANN201
    after = ""
    while page := await source.page(after, limit=500):
        yield list(page.images.values())
        after = page.after


async def test_only_the_range_that_the_job_fixed_is_read(rig: Rig) -> None:
    for upload in (A, B):
        rig.publish(upload)
    with rig.uploads(FromUploads(begin={3: 1, 7: 5}, end={3: 2})) as source:
        assert await gathered(source) == [(1, 1)]  # the topic has no partition 7
        assert await pages(source) == [[B.image_id]]


async def test_what_is_no_event_and_what_is_dated_ahead_is_counted(rig: Rig) -> None:
    rig.messages.append(raw_message(b"?", offset=0))
    rig.publish(A)
    rig.publish(upload_of("r1/a.jpg", minute=60 * 24 * 365 * 73))
    with rig.uploads() as source:
        await gathered(source)
        claims = (await source.again([A.image_id]))[A.image_id]
    assert (source.read, source.unreadable, source.total) == (3, 2, 1)
    assert claims is not None
    assert claims.current.position.uploaded_at == A.uploaded_at


async def test_the_removal_of_one_version_removes_nothing_from_a_replay(rig: Rig) -> None:
    rig.publish(A)
    key = A.location.key
    rig.messages.append(
        s3_message("ObjectRemoved:Delete", key, minute=50, sequencer="B", offset=1, version="v")
    )
    with rig.uploads() as source:
        await gathered(source)
        claims = (await source.again([A.image_id]))[A.image_id]
    assert claims is not None
    assert not claims.current.is_removal


async def test_a_range_of_which_retention_has_deleted_records_is_refused_with_their_number(
    tmp_path: Path,
) -> None:
    topic = Log(*[raw_message(b"?", offset=number) for number in range(9)], first=6)
    asked = FromUploads(begin={3: 2}, end={3: 5})
    said = r"3 records .*\(3 of partition 3\): .*--from store"
    with UploadsSource(topic, asked, tmp_path / "a") as source, pytest.raises(ConfigurationError, match=said):
        await gathered(source)
    accepting = asked.model_copy(update={"end": {3: 9}, "accepts_gone": True})
    with UploadsSource(topic, accepting, tmp_path / "b") as source:
        await gathered(source)


class Forgetting(Log):
    """A topic of which retention deletes records while they are read."""

    async def read(self, start: Mapping[int, int], until: Mapping[int, int]) -> AsyncIterator[Message]:
        async for message in super().read(start, until):
            if message.offset == 2:
                self.first = 6
            if not 2 < message.offset < self.first:
                yield message


@pytest.mark.parametrize("end", [4, 9])
async def test_records_that_retention_deletes_while_they_are_read_are_refused_with_their_number(
    tmp_path: Path, end: int
) -> None:
    topic = Forgetting(*[raw_message(b"?", offset=number) for number in range(9)])
    asked = FromUploads(begin={3: 0}, end={3: end})
    said = f"{min(end, 6) - 3} records"
    with UploadsSource(topic, asked, tmp_path / "a") as source, pytest.raises(ConfigurationError, match=said):
        await gathered(source)


def ids(folder: Path, text: str, *, buckets: tuple[str, ...] = ()) -> IdsSource:
    path = folder / "ids.csv"
    path.write_text(text)
    return IdsSource(path, digest=digest_of(path), buckets=buckets, scratch=folder / "ids.sqlite")


@pytest.mark.parametrize(
    "text",
    [
        "img_b\nimg_a\n\nimg_b\n",
        "image_id,restaurant\nimg_b,x\nimg_a,y\nimg_b,z\n",
        '\ufeff"image_id"\r\n"img_a"\r\nimg_b\r\n',
    ],
)
async def test_a_file_names_each_image_once(tmp_path: Path, text: str) -> None:
    source = ids(tmp_path, text)
    await source.read()
    assert (source.total, await pages(source, size=1)) == (2, [["img_a"], ["img_b"]])
    assert await source.again(["img_a"]) == {"img_a": None}
    source.close()


@pytest.mark.parametrize(
    ("text", "buckets"),
    [
        ("bucket,key\nphotos,r1/a.jpg\n", ()),
        ("key\nr1/a.jpg\n", ("photos", "others")),
        ("s3://photos/r1/a.jpg\n", ()),
    ],
)
async def test_a_file_of_keys_names_the_images_of_their_objects(
    tmp_path: Path, text: str, buckets: tuple[str, ...]
) -> None:
    source = ids(tmp_path, text, buckets=buckets)
    await source.read()
    assert await pages(source) == [[identity.image_id("photos", "r1/a.jpg")]]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("bucket\nphotos\n", "neither `image_id` nor `key`"),
        ("key\nr1/a.jpg\n", "line 2: it names no bucket"),
        ("image_id,key\n,\n", "line 2: it names no image"),
        ("", "ids.csv: it names no image"),
        ("image_id\n", "ids.csv: it names no image"),
    ],
)
async def test_a_file_that_names_nothing_is_refused_with_its_line(
    tmp_path: Path, text: str, said: str
) -> None:
    with pytest.raises(ConfigurationError, match=said):
        await ids(tmp_path, text).read()


async def test_a_file_that_has_changed_is_refused(tmp_path: Path) -> None:
    source = ids(tmp_path, "img_a\n")
    (tmp_path / "ids.csv").write_text("img_a\nimg_b\n")
    with pytest.raises(ConfigurationError, match="it has changed since the job was started"):
        await source.read()


async def test_a_reading_that_is_broken_off_ends_before_its_file_is_closed(tmp_path: Path) -> None:
    source = ids(tmp_path, "".join(f"img_{number}\n" for number in range(200_000)))
    for pauses in range(40):
        reading = asyncio.create_task(source.read())
        for _ in range(pauses):
            await asyncio.sleep(0.0005)
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
        source.close()
        (tmp_path / "ids.sqlite").unlink(missing_ok=True)


def test_a_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read: No such file"):
        digest_of(tmp_path / "none.csv")


async def test_a_prefix_names_the_objects_below_it_in_the_order_of_their_keys() -> None:
    images = MemoryImages(Limits(buckets=("photos",), max_object_bytes=10))
    for key in ("r1/b.jpg", "r1/", "r1/a.jpg", "r2/c.jpg", "r1/c.jpg"):
        images.objects["photos", key] = b""
    source = PrefixSource(images, bucket="photos", prefix="r1/")
    first = await source.page("", limit=2)
    assert first is not None
    assert (list(first.images), first.after) == ([identity.image_id("photos", "r1/a.jpg")], "r1/a.jpg")
    wanted = [identity.image_id("photos", f"r1/{name}.jpg") for name in "bc"]
    assert [image for page in await pages(source) for image in page][1:] == sorted(wanted)


@pytest.mark.parametrize(
    ("said", "begin"), [("earliest", {3: 0}), ("3:1", {3: 1}), ("2026-01-01T00:00Z", {3: 1})]
)
async def test_it_begins_where_it_is_told_to(said: str, begin: dict[int, int]) -> None:
    assert await Start.parse(said).places(Log(raw_message(b"?", offset=0))) == begin


@pytest.mark.parametrize(
    ("said", "words"),
    [("7:0", "--from 7:0: the uploads topic has the partitions 3"), ("3:2", "partition 3 .* ends at 1")],
)
async def test_offsets_that_the_topic_has_not_are_refused(said: str, words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        await Start.parse(said).places(Log(raw_message(b"?", offset=0)))


def test_a_moment_is_read_as_utc() -> None:
    assert Start.parse("2026-05-01").moment == datetime(2026, 5, 1, tzinfo=UTC)


@pytest.mark.parametrize("said", ["latest", "", "0:", "0:1,", "a:b", "yesterday"])
def test_a_start_that_is_none_is_refused_with_what_is_wanted(said: str) -> None:
    with pytest.raises(ConfigurationError, match="earliest"):
        Start.parse(said)


def test_claims_that_come_in_any_order_are_joined_with_what_was_written_before(tmp_path: Path) -> None:
    older, newer = (Claims.of(claim(minute)) for minute in (1, 2))
    with LatestClaims(tmp_path / "latest.sqlite") as latest:
        latest.add("img_1", newer)
        assert latest.page("", 10) == {"img_1": newer}
        latest.add("img_1", older)
        assert latest.page("", 10) == {"img_1": newer}
        assert latest.page("img_1", 10) == {}
