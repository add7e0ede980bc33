"""What every place for objects does, whichever it is; above all, that of several writers one wins."""

from __future__ import annotations

import asyncio
import fcntl
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from schemas.errors import ConfigurationError
from schemas.objects import Objects
from streams.adapters.objects_folder import FolderObjects

from .object_places import OPENERS, PLACES

WRITERS = 12


@pytest.fixture(params=PLACES)
async def objects(request: pytest.FixtureRequest) -> AsyncIterator[Objects]:
    async with AsyncExitStack() as stack:
        yield await OPENERS[request.param](stack, request)


async def test_an_object_is_read_as_it_was_put(objects: Objects) -> None:
    data = bytes(range(256)) * 300
    assert await objects.put_if_absent("m/v1/weights", data)
    found = await objects.get("m/v1/weights")
    assert found is not None
    assert found.data == data


async def test_nothing_is_where_nothing_was_put(objects: Objects) -> None:
    assert await objects.get("m/v1/weights") is None
    assert await objects.list("m/") == ()
    assert not await objects.put_if_match("m/v1/weights", b"b", etag='"0"')
    assert await objects.get("m/v1/weights") is None


async def test_a_prefix_of_a_key_is_no_object(objects: Objects) -> None:
    await objects.put_if_absent("m/v1/weights", b"a")
    assert await objects.get("m/v1") is None


async def test_what_is_there_is_not_put_over(objects: Objects) -> None:
    assert await objects.put_if_absent("m/a", b"first")
    assert not await objects.put_if_absent("m/a", b"second")
    assert not await objects.put_if_absent("m/a", b"first")
    found = await objects.get("m/a")
    assert found is not None
    assert found.data == b"first"


async def test_a_content_is_replaced_by_whoever_has_seen_it_and_by_nobody_else(objects: Objects) -> None:
    await objects.put_if_absent("m/a", b"first")
    first = await objects.get("m/a")
    assert first is not None
    assert await objects.put_if_match("m/a", b"second", etag=first.etag)
    assert not await objects.put_if_match("m/a", b"third", etag=first.etag)
    second = await objects.get("m/a")
    assert second is not None
    assert second.data == b"second"
    assert second.etag != first.etag


async def test_a_listing_names_every_object_of_the_prefix_by_key_with_its_size(objects: Objects) -> None:
    for key in ("m/v2/b", "m/v1/a", "m/v10/c", "n/v1/d", "m/aliases/e"):
        await objects.put_if_absent(key, key.encode())
    listed = await objects.list("m/v1")
    assert [(each.key, each.size) for each in listed] == [("m/v1/a", 6), ("m/v10/c", 7)]
    assert all(each.modified.tzinfo for each in listed)
    assert len(await objects.list("")) == 5


async def test_of_many_who_put_where_nothing_is_one_wins(objects: Objects) -> None:
    for race in range(4):
        key, contents = f"m/{race}", [f"{writer}".encode() * 2000 for writer in range(WRITERS)]
        won = await asyncio.gather(*(objects.put_if_absent(key, data) for data in contents))
        found = await objects.get(key)
        assert found is not None
        assert [data for data, is_ours in zip(contents, won, strict=True) if is_ours] == [found.data]


async def test_of_many_who_replace_one_content_one_wins(objects: Objects) -> None:
    await objects.put_if_absent("m/a", b"0")
    for race in range(4):
        seen = await objects.get("m/a")
        assert seen is not None
        contents = [f"{race}.{writer}".encode() * 2000 for writer in range(WRITERS)]
        won = await asyncio.gather(*(objects.put_if_match("m/a", data, etag=seen.etag) for data in contents))
        found = await objects.get("m/a")
        assert found is not None
        assert [data for data, is_ours in zip(contents, won, strict=True) if is_ours] == [found.data]


@pytest.mark.parametrize("key", ["../secret", "m/../../secret", "/etc/passwd", "m//a", ".incoming/a", ""])
async def test_a_key_leads_nowhere_but_into_its_folder(key: str, tmp_path: Path) -> None:
    async with FolderObjects(tmp_path / "registry") as objects:
        with pytest.raises(ConfigurationError, match="not a key"):
            await objects.put_if_absent(key, b"x")
        with pytest.raises(ConfigurationError, match="not a key"):
            await objects.get(key)


async def test_a_registry_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(ConfigurationError, match="is a file"):
        async with FolderObjects(tmp_path / "file"):
            pass


async def test_what_somebody_died_over_is_not_listed(tmp_path: Path) -> None:
    async with FolderObjects(tmp_path) as objects:
        await objects.put_if_absent("m/a", b"a")
        (tmp_path / ".incoming" / "half").write_bytes(b"ha")
        assert [each.key for each in await objects.list("")] == ["m/a"]


async def test_who_replaces_a_file_waits_for_who_is_at_it_and_then_sees_what_came_of_it(
    tmp_path: Path,
) -> None:
    async with FolderObjects(tmp_path) as objects:
        await objects.put_if_absent("m/a", b"first")
        first = await objects.get("m/a")
        assert first is not None
        with (tmp_path / ".lock").open("ab") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # as another process has it
            late = asyncio.create_task(objects.put_if_match("m/a", b"late", etag=first.etag))
            while not late.done() and not list((tmp_path / ".incoming").iterdir()):
                await asyncio.sleep(0.01)
            (tmp_path / "m" / "a").write_bytes(b"second")
        assert not await late
        second = await objects.get("m/a")
    assert second is not None
    assert second.data == b"second"
