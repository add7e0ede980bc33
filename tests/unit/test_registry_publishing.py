"""A publication is there at once or not at all, and nothing is ever put over anything else."""

from __future__ import annotations

import asyncio
import json
import pickle
from dataclasses import replace
from pathlib import Path

import pytest

from model import checkpoint
from model.checkpoint import sha256
from model.registry import contents
from model.registry.contents import Contents
from model.registry.refs import AliasRef, VersionRef, parse
from model.registry.registry import Registry
from model.tiny_version import write_tiny_version
from schemas.errors import ConfigurationError, Unavailable
from streams.adapters.objects_memory import MemoryObjects


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Contents:
    return contents.of_folder(write_tiny_version(tmp_path_factory.mktemp("tiny") / "tiny-v1"))


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Contents:
    """The same name and version, other weights."""
    return contents.of_folder(write_tiny_version(tmp_path_factory.mktemp("other") / "tiny-v1", seed=1))


@pytest.fixture
def objects() -> MemoryObjects:
    return MemoryObjects()


@pytest.fixture
def registry(objects: MemoryObjects) -> Registry:
    return Registry(objects, where="memory")


async def test_what_was_published_is_read_as_it_was(registry: Registry, tiny: Contents) -> None:
    published = await registry.publish(tiny)
    assert (str(published.ref), published.digest, published.is_new) == ("tiny/v1", tiny.digest, True)
    found = await registry.contents(published.ref, digest=published.digest)
    assert found == tiny


@pytest.mark.parametrize("puts", range(7))
async def test_a_publisher_that_dies_anywhere_leaves_no_version_and_may_begin_again(
    objects: MemoryObjects, registry: Registry, tiny: Contents, puts: int
) -> None:
    with objects.dying_after(puts), pytest.raises(Unavailable):
        await registry.publish(tiny)
    assert len(objects.objects) == puts < len(tiny.files)
    assert await registry.versions("tiny") == ()
    assert await registry.names() == ()
    with pytest.raises(ConfigurationError, match="no version tiny/v1"):
        await registry.resolve(VersionRef("tiny", "v1"))
    assert (await registry.publish(tiny)).is_new
    (entry,) = await registry.versions("tiny")
    assert entry.size == sum(len(data) for data in tiny.files.values())
    assert await registry.contents(entry.ref) == tiny


async def test_the_manifest_is_put_last(objects: MemoryObjects, registry: Registry, tiny: Contents) -> None:
    await registry.publish(tiny)
    puts = [asked.split()[1] for asked in objects.asked if asked.startswith("put ")]
    assert puts[: len(tiny.files)][-1] == "tiny/v1/manifest.json"


async def test_the_same_bytes_again_are_fine_and_said_to_be_there(registry: Registry, tiny: Contents) -> None:
    await registry.publish(tiny)
    assert not (await registry.publish(tiny)).is_new


async def test_other_bytes_of_a_published_version_are_refused_and_nothing_of_them_is_put(
    objects: MemoryObjects, registry: Registry, tiny: Contents, other: Contents
) -> None:
    await registry.publish(tiny)
    before = dict(objects.objects)
    with pytest.raises(ConfigurationError, match="tiny/v1 is published already, with other bytes"):
        await registry.publish(other)
    assert objects.objects == before


async def test_other_bytes_never_join_a_publication_that_is_under_way(
    objects: MemoryObjects, registry: Registry, tiny: Contents, other: Contents
) -> None:
    with objects.dying_after(1), pytest.raises(Unavailable):
        await registry.publish(tiny)
    with pytest.raises(ConfigurationError, match="other bytes are there, of a publication"):
        await registry.publish(other)
    await registry.publish(tiny)
    assert await registry.contents(VersionRef("tiny", "v1")) == tiny


async def test_of_two_who_publish_one_version_at_once_the_outcome_is_one_of_theirs_whole(
    registry: Registry, tiny: Contents, other: Contents
) -> None:
    ended = await asyncio.gather(
        *(registry.publish(each) for each in (tiny, other, tiny, other)), return_exceptions=True
    )
    assert all(not isinstance(each, BaseException) or isinstance(each, ConfigurationError) for each in ended)
    assert await registry.contents(VersionRef("tiny", "v1")) in (tiny, other)


async def test_a_payload_that_was_lost_is_made_good_by_publishing_again(
    objects: MemoryObjects, registry: Registry, tiny: Contents
) -> None:
    await registry.publish(tiny)
    del objects.objects["tiny/v1/model.safetensors"]
    with pytest.raises(ConfigurationError, match=r"model\.safetensors: it is gone; remove that object"):
        await registry.contents(VersionRef("tiny", "v1"))
    await registry.publish(tiny)
    assert await registry.contents(VersionRef("tiny", "v1")) == tiny


class Deaf(MemoryObjects):
    """A storage that does not know conditions."""

    async def put_if_absent(self, key: str, data: bytes) -> bool:
        self._keep(key, data)
        return True


async def test_a_storage_that_ignores_conditions_is_refused(tiny: Contents) -> None:
    with pytest.raises(ConfigurationError, match="ignores If-None-Match"):
        await Registry(Deaf(), where="memory").publish(tiny)


async def test_a_flipped_byte_is_found_whichever_file_it_is_in(
    objects: MemoryObjects, registry: Registry, tiny: Contents
) -> None:
    await registry.publish(tiny)
    for path in (path for path in tiny.files if path != "model-card.md"):
        key, sound = f"tiny/v1/{path}", tiny.files[path]
        objects.objects[key] = sound[:-9] + bytes([sound[-9] ^ 1]) + sound[-8:]
        with pytest.raises(ConfigurationError, match=path.replace(".", r"\.")):
            await registry.contents(VersionRef("tiny", "v1"), digest=tiny.digest)
        objects.objects[key] = sound


async def test_a_manifest_under_another_version_s_name_is_refused(
    objects: MemoryObjects, registry: Registry, tiny: Contents
) -> None:
    await registry.publish(tiny)
    for path in tiny.files:
        objects.objects[f"tiny/v2/{path}"] = objects.objects[f"tiny/v1/{path}"]
    with pytest.raises(ConfigurationError, match=r"it is the manifest of tiny/v1"):
        await registry.contents(VersionRef("tiny", "v2"))


async def test_one_damaged_manifest_hides_no_other_version(
    objects: MemoryObjects, registry: Registry, tiny: Contents, tmp_path: Path
) -> None:
    await registry.publish(tiny)
    await registry.publish(contents.of_folder(write_tiny_version(tmp_path / "tiny-v2", version="v2")))
    objects.objects["tiny/v1/manifest.json"] = b"{"
    entries = {each.ref.version: each for each in await registry.versions("tiny")}
    assert "manifest.json" in entries["v1"].damage
    assert entries["v1"].manifest is None
    assert entries["v2"].manifest is not None


async def test_other_objects_below_the_prefix_are_no_versions(
    objects: MemoryObjects, registry: Registry, tiny: Contents
) -> None:
    await registry.publish(tiny)
    for key in ("notes.txt", "tiny/readme.md", "t i n y/v1/manifest.json", "tiny/v1/deep/manifest.json"):
        await objects.put_if_absent(key, b"{}")
    assert await registry.names() == ("tiny",)
    assert [str(each.ref) for each in await registry.versions("tiny")] == ["tiny/v1"]


def test_what_is_no_part_of_a_version_is_left_out_and_named(tmp_path: Path) -> None:
    folder = write_tiny_version(tmp_path / "tiny-v1")
    (folder / "optimizer.pkl").write_bytes(b"")
    (folder / "golden" / "more.png").write_bytes(b"")
    found = contents.of_folder(folder)
    assert contents.left_out(folder, found) == ("golden/more.png", "optimizer.pkl")
    assert set(found.files) == {
        "openvino.xml",
        "model.safetensors",
        "manifest.json",
        "model-card.md",
        *(f"golden/{name}.png" for name in ("menu", "plate", "portrait", "gradient")),
    }


def test_a_pickle_by_the_name_of_the_weights_is_refused_though_its_digest_is_right(tmp_path: Path) -> None:
    folder = write_tiny_version(tmp_path / "tiny-v1")
    data = pickle.dumps({"classifier.1.bias": [0.0]})
    (folder / "model.safetensors").write_bytes(data)
    _edit(folder, sha256=sha256(data))
    with pytest.raises(ConfigurationError, match="not a safetensors file"):
        contents.of_folder(folder)


def test_a_golden_image_may_not_lead_out_of_its_folder(tmp_path: Path) -> None:
    folder = write_tiny_version(tmp_path / "tiny-v1")
    (folder / "outside.png").write_bytes((folder / "golden" / "menu.png").read_bytes())
    golden = json.loads((folder / "manifest.json").read_bytes())["golden"]
    menu = next(each for each in golden if each["file"] == "menu.png")
    _edit(folder, golden=[{**menu, "file": "../outside.png"}])
    with pytest.raises(ConfigurationError, match="cannot be the name of a golden image"):
        contents.of_folder(folder)


@pytest.mark.parametrize(
    "text",
    [
        "tiny",
        "",
        "/v1",
        "tiny/",
        "a/b/c",
        "../x",
        "tiny/..",
        "tiny/a b",
        "tiny@",
        "@champion",
        "tiny/aliases",
    ],
)
def test_what_names_no_version_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError):
        parse(text)


def test_versions_and_aliases_are_told_apart() -> None:
    assert parse("restaurant/v2") == VersionRef("restaurant", "v2")
    assert parse("restaurant@champion") == AliasRef("restaurant", "champion")


def _edit(folder: Path, **changes: object) -> None:
    file = folder / "manifest.json"
    file.write_text(json.dumps(json.loads(file.read_bytes()) | changes))


def test_the_digest_of_a_version_is_its_manifest_s(tiny: Contents) -> None:
    assert tiny.digest == sha256(tiny.files[checkpoint.MANIFEST])
    changed = replace(tiny, files={**tiny.files, checkpoint.MANIFEST: b"{}"})
    assert changed.digest != tiny.digest
