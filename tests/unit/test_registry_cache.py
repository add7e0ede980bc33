"""The cache gives out what was published or nothing, to however many workers at once."""

from __future__ import annotations

import asyncio
import os
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from model import checkpoint
from model.registry import contents
from model.registry.cache import STALE_SECONDS, Cache, Resolved, default_root
from model.registry.contents import Contents
from model.registry.registry import Registry
from model.tiny_version import write_tiny_version
from schemas.errors import ConfigurationError, Unavailable
from streams.adapters.objects_memory import MemoryObjects


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Contents:
    return contents.of_folder(write_tiny_version(tmp_path_factory.mktemp("tiny") / "tiny-v1"))


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "cache")


def flip(file: Path) -> None:
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)


def test_a_version_that_is_kept_is_found_under_its_manifest_s_digest(cache: Cache, tiny: Contents) -> None:
    assert cache.find(tiny.digest) is None
    folder = cache.keep(tiny)
    assert cache.find(tiny.digest) == folder
    assert folder.name == tiny.digest
    assert contents.of_folder(folder) == tiny


@pytest.mark.parametrize("file", ["model.safetensors", "manifest.json", "golden/menu.png"])
def test_a_version_that_was_damaged_here_is_not_found_and_fetched_again(
    cache: Cache, tiny: Contents, file: str
) -> None:
    async def fetch() -> Path:
        registry = Registry(MemoryObjects(), where="memory")
        await registry.publish(tiny)
        return await registry.fetch(Resolved(version="v1", digest=tiny.digest), "tiny", cache)

    folder = asyncio.run(fetch())
    flip(folder / file)
    assert cache.find(tiny.digest) is None
    assert not folder.exists()
    assert checkpoint.read(asyncio.run(fetch())).manifest == tiny.manifest


async def test_what_is_here_is_not_fetched_again(cache: Cache, tiny: Contents) -> None:
    objects = MemoryObjects()
    registry = Registry(objects, where="memory")
    await registry.publish(tiny)
    resolved = Resolved(version="v1", digest=tiny.digest)
    await registry.fetch(resolved, "tiny", cache)
    objects.asked.clear()
    await registry.fetch(resolved, "tiny", cache)
    assert objects.asked == []


def test_many_workers_keep_one_version_at_once(cache: Cache, tiny: Contents, tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        folders = set(pool.map(lambda _: cache.keep(tiny), range(16)))
    assert folders == {cache.find(tiny.digest)}
    assert list((tmp_path / "cache" / "incoming").iterdir()) == []


def test_what_is_no_safetensors_file_is_never_given_a_name(cache: Cache, tiny: Contents) -> None:
    data = b"\x80\x04N."
    manifest = tiny.manifest.model_copy(update={"sha256": checkpoint.sha256(data)})
    files = {**tiny.files, "model.safetensors": data, "manifest.json": manifest.model_dump_json().encode()}
    pickled = replace(tiny, manifest=manifest, files=files)
    with pytest.raises(ConfigurationError, match="not a safetensors file"):
        cache.keep(pickled)
    assert cache.find(pickled.digest) is None


def test_what_somebody_died_over_a_day_ago_goes(cache: Cache, tiny: Contents, tmp_path: Path) -> None:
    old, new = (tmp_path / "cache" / "incoming" / name for name in ("old", "new"))
    for folder in (old, new):
        folder.mkdir(parents=True)
    long_ago = time.time() - STALE_SECONDS - 60
    os.utime(old, (long_ago, long_ago))
    cache.keep(tiny)
    assert not old.exists()
    assert new.exists()


def test_a_cache_that_cannot_be_written_names_its_setting(tiny: Contents, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(ConfigurationError, match=r"TAGSTREAM_REGISTRY__CACHE: .* cannot be written"):
        Cache(tmp_path / "file").keep(tiny)


def test_what_a_ref_stood_for_is_remembered_until_it_stands_for_something_else(cache: Cache) -> None:
    first, second = (Resolved(version=name, digest=digit * 64) for name, digit in (("v1", "1"), ("v2", "2")))
    assert cache.recall("s3://models/restaurant@champion") is None
    cache.remember("s3://models/restaurant@champion", first)
    cache.remember("s3://models/restaurant@champion", second)
    assert cache.recall("s3://models/restaurant@champion") == second
    assert cache.recall("s3://others/restaurant@champion") is None


def test_a_memory_that_is_damaged_is_none(cache: Cache, tmp_path: Path) -> None:
    cache.remember("a", Resolved(version="v1", digest="1" * 64))
    (file,) = (tmp_path / "cache" / "resolved").iterdir()
    file.write_bytes(b"{")
    assert cache.recall("a") is None


async def test_a_registry_that_goes_away_in_the_middle_leaves_nothing_half_fetched(
    cache: Cache, tiny: Contents, tmp_path: Path
) -> None:
    class Leaving(MemoryObjects):
        async def _answer(self, asked: str) -> None:
            self.is_away = self.is_away or asked.endswith("menu.png")
            await super()._answer(asked)

    objects = Leaving()
    objects.objects = {f"tiny/v1/{path}": data for path, data in tiny.files.items()}
    with pytest.raises(Unavailable):
        await Registry(objects, where="memory").fetch(
            Resolved(version="v1", digest=tiny.digest), "tiny", cache
        )
    assert not (tmp_path / "cache" / "versions").exists()


def test_the_cache_is_where_the_system_keeps_such_things(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/somewhere")
    assert default_root() == Path("/somewhere/tagstream/models")
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", "/home/anna")
    assert default_root() == Path("/home/anna/.cache/tagstream/models")
