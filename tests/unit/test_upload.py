"""Photographs into S3 and their events onto the topic: what is chosen, what is sent, what is refused."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import aclosing
from pathlib import Path

import pytest

from agents.wiring import settings
from operations import upload_sources
from operations.upload import UploadRequest
from operations.upload_sources import Source
from operations.uploader import AT_ONCE, NotSent, Sent, Uploader
from schemas import identity
from schemas.errors import ConfigurationError, Unavailable
from schemas.uploads import Location
from streams.adapters.limits import Limits
from streams.adapters.memory import MemoryImages, MemoryTags


@pytest.fixture
def images() -> MemoryImages:
    return MemoryImages(Limits(buckets=("photos",)))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("a.jpg", "deep/b.png", "deep/c.txt", ".hidden.jpg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(name.encode())
    return tmp_path


def _keys(*given: str | Path, prefix: str = "") -> list[str]:
    chosen = upload_sources.sources([str(each) for each in given], bucket="photos", prefix=prefix)
    return [source.location.key for source in chosen]


async def _uploaded(
    images: MemoryImages, *sources: Source, restaurant: str | None = None, max_bytes: int = 100
) -> tuple[list[Sent | NotSent], MemoryTags]:
    said = MemoryTags()
    uploader = Uploader(images, said, restaurant=restaurant, max_bytes=max_bytes)
    async with aclosing(uploader.upload(sources)) as outcomes:
        return [outcome async for outcome in outcomes], said


def _file(path: Path) -> Source:
    (chosen,) = upload_sources.sources([str(path)], bucket="photos", prefix="")
    return chosen


def test_a_folder_s_photographs_have_their_paths_below_it_as_keys(folder: Path) -> None:
    assert _keys(folder) == ["a.jpg", "deep/b.png"]
    assert _keys(folder, prefix="/2026/") == ["2026/a.jpg", "2026/deep/b.png"]


def test_a_file_is_tried_whatever_it_is_called(folder: Path) -> None:
    assert _keys(folder / "deep" / "c.txt") == ["c.txt"]


def test_an_address_keeps_its_own_bucket_and_key() -> None:
    (source,) = upload_sources.sources(["s3://menus/a/b c.jpg"], bucket="photos", prefix="2026")
    assert source == Source("s3://menus/a/b c.jpg", Location(bucket="menus", key="a/b c.jpg"), None)


def test_the_same_file_twice_is_one_photograph(folder: Path) -> None:
    assert _keys(folder / "a.jpg", folder) == ["a.jpg", "deep/b.png"]


def test_two_files_that_would_become_one_object_are_refused(folder: Path) -> None:
    (folder / "deep" / "a.jpg").touch()
    with pytest.raises(ConfigurationError, match="would both become"):
        _keys(folder / "a.jpg", folder / "deep" / "a.jpg")


@pytest.mark.parametrize("given", ["s3://photos", "s3://photos/", "s3:///a.jpg"])
def test_an_address_of_no_object_is_refused(given: str) -> None:
    with pytest.raises(ConfigurationError, match="not the address of an object"):
        _keys(given)


def test_a_folder_without_photographs_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="no photographs there"):
        _keys(tmp_path)


async def test_a_photograph_is_put_and_announced_under_the_derived_id(
    images: MemoryImages, folder: Path
) -> None:
    (sent,), said = await _uploaded(images, _file(folder / "a.jpg"), restaurant="trattoria")
    assert isinstance(sent, Sent)
    assert images.objects == {("photos", "a.jpg"): b"a.jpg"}
    assert images.metadata == {("photos", "a.jpg"): {"restaurant-id": "trattoria"}}
    assert said.uploaded == [sent.upload]
    assert sent.upload.image_id == identity.image_id("photos", "a.jpg")
    assert sent.upload.restaurant_id == "trattoria"
    assert sent.upload.location.etag is not None


async def test_uploading_again_is_the_same_image_and_another_event(
    images: MemoryImages, folder: Path
) -> None:
    (first,), _ = await _uploaded(images, _file(folder / "a.jpg"))
    (second,), _ = await _uploaded(images, _file(folder / "a.jpg"))
    assert isinstance(first, Sent)
    assert isinstance(second, Sent)
    assert first.upload.image_id == second.upload.image_id
    assert first.upload.event_id != second.upload.event_id


async def test_an_object_that_is_there_is_announced_and_not_put(images: MemoryImages) -> None:
    await images.put(Location(bucket="photos", key="a.jpg"), b"before")
    (source,) = upload_sources.sources(["s3://photos/a.jpg"], bucket="photos", prefix="")
    (sent,), said = await _uploaded(images, source, restaurant="trattoria")
    assert isinstance(sent, Sent)
    assert [upload.location.key for upload in said.uploaded] == ["a.jpg"]
    assert images.metadata == {("photos", "a.jpg"): {}}


async def test_what_cannot_be_sent_says_why_and_does_not_stop_the_others(
    images: MemoryImages, folder: Path
) -> None:
    big, none = folder / "big.jpg", folder / "none.jpg"
    big.write_bytes(b"x" * 101)
    latin = folder / os.fsdecode(b"caf\xe9.jpg")
    latin.touch()
    (gone,) = upload_sources.sources(["s3://photos/none.jpg"], bucket="photos", prefix="")
    sources = (_file(big), _file(none), _file(latin), gone, _file(folder / "a.jpg"))
    outcomes, said = await _uploaded(images, *sources)
    codes = {outcome.source: outcome.error.code for outcome in outcomes if isinstance(outcome, NotSent)}
    assert [codes.get(source) for source in sources] == ["too_large", "gone", "unreadable", "gone", None]
    assert [upload.location.key for upload in said.uploaded] == ["a.jpg"]


class AwayStorage:
    """A storage that is away."""

    async def put(
        self, location: Location, data: bytes, *, metadata: Mapping[str, str] | None = None
    ) -> Location:
        raise Unavailable("s3", f"{location}, {len(data)}, {metadata}")

    async def exists(self, location: Location) -> bool:
        raise Unavailable("s3", str(location))


async def test_a_storage_that_is_away_ends_it(folder: Path) -> None:
    uploader = Uploader(AwayStorage(), MemoryTags(), restaurant=None, max_bytes=100)
    with pytest.raises(Unavailable):
        async with aclosing(uploader.upload([_file(folder / "a.jpg")])) as outcomes:
            await anext(outcomes)


async def test_many_more_photographs_than_are_sent_at_once_are_all_sent(
    images: MemoryImages, tmp_path: Path
) -> None:
    for number in range(3 * AT_ONCE + 1):
        (tmp_path / f"{number}.jpg").write_bytes(b"x")
    chosen = upload_sources.sources([str(tmp_path)], bucket="photos", prefix="")
    outcomes, said = await _uploaded(images, *chosen)
    assert len(outcomes) == len(chosen)
    assert {upload.location.key for upload in said.uploaded} == {source.location.key for source in chosen}


def _config(monkeypatch: pytest.MonkeyPatch, *buckets: str) -> settings.Settings:
    named = ", ".join(f'"{bucket}"' for bucket in buckets)
    monkeypatch.setenv("TAGSTREAM_S3__BUCKETS", f"[{named}]")
    return settings.load()


def test_the_only_allowed_bucket_is_the_default(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    config = _config(monkeypatch, "menus")
    (source,) = upload_sources.choose([str(folder / "a.jpg")], bucket=None, prefix="", config=config)
    assert source.location.bucket == "menus"


@pytest.mark.parametrize(
    ("buckets", "bucket", "said"),
    [
        (("menus", "photos"), None, "--bucket: say into which bucket; one of menus, photos"),
        ((), None, "--bucket: say into which bucket; TAGSTREAM_S3__BUCKETS names none"),
        (("menus",), "photos", "bucket 'photos' is not in TAGSTREAM_S3__BUCKETS"),
    ],
)
def test_a_bucket_that_nobody_named_or_no_worker_reads_is_refused(
    buckets: tuple[str, ...], bucket: str | None, said: str, *, monkeypatch: pytest.MonkeyPatch, folder: Path
) -> None:
    config = _config(monkeypatch, *buckets)
    with pytest.raises(ConfigurationError, match=said):
        upload_sources.choose([str(folder / "a.jpg")], bucket=bucket, prefix="", config=config)


def test_addresses_need_no_default_bucket(monkeypatch: pytest.MonkeyPatch) -> None:
    config = _config(monkeypatch, "menus", "photos")
    (source,) = upload_sources.choose(["s3://photos/x.jpg"], bucket=None, prefix="", config=config)
    assert source.location.bucket == "photos"


@pytest.mark.parametrize("given", ["", " "])
def test_an_empty_path_is_refused_and_does_not_mean_the_whole_folder(
    given: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    monkeypatch.setenv("TAGSTREAM_S3__BUCKETS", '["photos"]')
    with pytest.raises(ConfigurationError, match="names no photograph"):
        upload_sources.choose(["a.jpg", given], bucket=None, prefix="", config=settings.load())


@pytest.mark.parametrize("restaurant", ["", "x" * 201])
def test_a_restaurant_that_no_event_can_name_is_refused_before_anything_is_put(
    restaurant: str, folder: Path
) -> None:
    chosen = (_file(folder / "a.jpg"),)
    with pytest.raises(ConfigurationError, match="--restaurant"):
        UploadRequest(chosen, restaurant)
