"""Which version a worker starts with: from the registry, from its cache while that is away, or none."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import structlog

from agents.wiring import model_source as residing
from agents.wiring import settings
from agents.wiring.model_source import resolve_model
from agents.wiring.settings import Settings
from agents.wiring.tagging import load_tagger
from model import checkpoint
from model.registry import contents
from model.registry.aliases import Note
from model.registry.refs import AliasRef, VersionRef
from model.registry.registry import Registry
from model.tiny_version import write_tiny_version
from operations import health_checks
from schemas.errors import ConfigurationError, Unavailable
from streams.adapters.objects_folder import FolderObjects
from streams.adapters.s3.embedded import EmbeddedS3
from streams.adapters.s3.images import S3Images
from streams.adapters.s3.objects import S3Objects
from streams.adapters.s3.settings import S3Settings
from streams.resilience.retry import Backoff, Dependencies
from tests.faults.speech import Http
from tests.faults.wire import Wire

CHAMPION = AliasRef("tiny", "champion")
BUCKET = "models"


@pytest.fixture(scope="module")
def versions(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    place = tmp_path_factory.mktemp("versions")
    return {
        name: write_tiny_version(place / f"tiny-{name}", version=name, seed=seed)
        for seed, name in enumerate(("v1", "v2"))
    }


@pytest.fixture
def named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a registry that the environment names, and the champion of which it wants."""
    monkeypatch.setenv("TAGSTREAM_REGISTRY__URL", str(tmp_path / "registry"))
    monkeypatch.setenv("TAGSTREAM_REGISTRY__CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("TAGSTREAM_MODEL__REF", "tiny@champion")
    monkeypatch.setenv("TAGSTREAM_MODEL__DEVICE", "cpu")
    return tmp_path / "registry"


@pytest.fixture(scope="module")
def storage(versions: dict[str, Path]) -> Iterator[Wire]:
    """A wire that may be cut, to an S3 endpoint in which v1 is the champion."""
    with EmbeddedS3() as s3, Wire(int(s3.endpoint_url.rsplit(":", 1)[1]), Http()) as wire:
        where = S3Settings(endpoint_url=s3.endpoint_url, **dict(s3.credentials))
        asyncio.run(in_s3(where, versions["v1"]))
        yield wire


async def champion(registry: Registry, folder: Path) -> None:
    """Publish the version, and point the champion at it."""
    published = await registry.publish(contents.of_folder(folder))
    seen, to = await registry.alias_state(CHAMPION), await registry.resolve(published.ref)
    await registry.promote(CHAMPION, to, seen=seen, note=Note(when=datetime.now(UTC), by="anna"))


async def in_s3(where: S3Settings, folder: Path) -> None:
    async with S3Images(where.model_copy(update={"buckets": (BUCKET,)})) as images:
        await images.ensure_bucket(BUCKET)
    async with S3Objects(BUCKET, "tagstream", where) as objects:
        await champion(Registry(objects, where="s3://models/tagstream"), folder)


async def in_folder(root: Path, folder: Path) -> None:
    async with FolderObjects(root) as objects:
        await champion(Registry(objects, where=str(root)), folder)


async def test_without_a_ref_it_is_the_folder_or_the_packaged_version(
    versions: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (await resolve_model(settings.load())).folder == checkpoint.PACKAGED
    monkeypatch.setenv("TAGSTREAM_MODEL__FOLDER", str(versions["v1"]))
    assert (await resolve_model(settings.load())).folder == versions["v1"]


async def test_a_worker_s_model_is_what_the_alias_points_at_when_it_starts(
    named: Path, versions: dict[str, Path]
) -> None:
    await in_folder(named, versions["v1"])
    tagger = await load_tagger(settings.load())
    await in_folder(named, versions["v2"])
    assert tagger.model.version == "v1"
    assert (await load_tagger(settings.load())).model.version == "v2"


async def test_a_version_may_be_named_itself(
    named: Path, versions: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder in versions.values():
        await in_folder(named, folder)
    monkeypatch.setenv("TAGSTREAM_MODEL__REF", "tiny/v1")
    assert checkpoint.read_manifest((await resolve_model(settings.load())).folder).version == "v1"


async def test_a_version_that_is_named_itself_stays_what_it_was(
    named: Path, versions: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    await in_folder(named, versions["v1"])
    monkeypatch.setenv("TAGSTREAM_MODEL__REF", "tiny/v1")
    await resolve_model(settings.load())
    manifest = named / "tiny" / "v1" / "manifest.json"
    manifest.write_text(manifest.read_text().replace("Apache-2.0", "MIT"))
    with pytest.raises(ConfigurationError, match="tiny/v1 is not the one that this machine has"):
        await resolve_model(settings.load())


async def test_weights_that_were_flipped_in_the_registry_name_the_setting_the_file_and_what_to_do(
    named: Path, versions: dict[str, Path]
) -> None:
    await in_folder(named, versions["v1"])
    weights = named / "tiny" / "v1" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\x7f")
    with pytest.raises(ConfigurationError) as raised:
        await load_tagger(settings.load())
    said = str(raised.value)
    assert said.startswith(f"TAGSTREAM_MODEL__REF: {named}/tiny/v1/model.safetensors: damaged or replaced")
    assert "tagstream model rollback" in said
    assert "\n" not in said


async def test_weights_that_were_flipped_in_the_cache_are_fetched_again(
    named: Path, versions: dict[str, Path]
) -> None:
    await in_folder(named, versions["v1"])
    folder = (await resolve_model(settings.load())).folder
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\x7f")
    assert (await load_tagger(settings.load())).model.version == "v1"


def over_s3(wire: Wire, monkeypatch: pytest.MonkeyPatch, cache: Path) -> Settings:
    monkeypatch.setenv("TAGSTREAM_S3__ENDPOINT_URL", f"http://127.0.0.1:{wire.port}")
    monkeypatch.setenv("TAGSTREAM_S3__ACCESS_KEY_ID", "anybody")
    monkeypatch.setenv("TAGSTREAM_S3__SECRET_ACCESS_KEY", "secret-in-the-clear")
    monkeypatch.setenv("TAGSTREAM_REGISTRY__URL", f"s3://{BUCKET}/tagstream")
    monkeypatch.setenv("TAGSTREAM_REGISTRY__CACHE", str(cache))
    monkeypatch.setenv("TAGSTREAM_MODEL__REF", "tiny@champion")
    return settings.load()


async def test_a_folder_that_is_not_mounted_is_a_registry_that_is_away(
    named: Path, versions: dict[str, Path]
) -> None:
    with pytest.raises(Unavailable, match="there is no such folder"):
        await resolve_model(settings.load())
    await in_folder(named, versions["v1"])
    assert not (await resolve_model(settings.load())).is_remembered
    shutil.rmtree(named)
    known = await resolve_model(settings.load())
    assert known.is_remembered
    assert checkpoint.read_manifest(known.folder).version == "v1"


async def test_while_the_registry_is_away_the_version_that_was_last_known_here_is_taken_and_said(
    storage: Wire, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = over_s3(storage, monkeypatch, tmp_path / "cache")
    fresh = await resolve_model(config)
    storage.refuse()
    try:
        with structlog.testing.capture_logs() as lines:
            remembered = await resolve_model(config)
    finally:
        storage.heal()
    assert remembered.folder == fresh.folder
    assert (fresh.is_remembered, remembered.is_remembered) == (False, True)
    (line,) = lines
    assert (line["event"], line["log_level"], line["version"]) == ("registry.away", "warning", "v1")


async def test_a_memory_without_its_version_is_of_no_use(
    storage: Wire, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = over_s3(storage, monkeypatch, tmp_path / "cache")
    await resolve_model(config)
    shutil.rmtree(tmp_path / "cache" / "versions")
    storage.refuse()
    try:
        with pytest.raises(Unavailable) as raised:
            await resolve_model(config)
    finally:
        storage.heal()
    assert raised.value.dependency == "registry"
    assert "secret-in-the-clear" not in str(raised.value)


async def test_a_worker_that_knows_no_version_waits_for_the_registry(
    storage: Wire, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = over_s3(storage, monkeypatch, tmp_path / "cache")
    outages = Dependencies(Backoff(first=0.01, longest=0.05))
    storage.refuse()
    try:
        waiting = asyncio.create_task(outages.retry_until_available(lambda: resolve_model(config)))
        while not (state := outages.states().get("registry")) or not state.is_away:
            await asyncio.sleep(0.01)
        assert not waiting.done()
    finally:
        storage.heal()
    found = await waiting
    assert not found.is_remembered
    assert not outages.states()["registry"].is_away
    assert checkpoint.read_manifest(found.folder).version == "v1"


async def test_the_doctor_says_which_version_the_ref_is_and_what_is_wrong(
    named: Path, versions: dict[str, Path]
) -> None:
    async def looked() -> health_checks.Finding:
        found = next(
            check for check in health_checks.of(settings.load(), source="-") if check.name == "registry"
        )
        return await anext(health_checks.findings([found]))

    wrong = await looked()
    assert not wrong.is_well
    assert "no alias tiny@champion" in wrong.said
    await in_folder(named, versions["v1"])
    assert (await looked()).said == f"tiny@champion is v1, at {named}"


def test_commands_without_a_loop_read_the_manifest_of_the_same_version(
    named: Path, versions: dict[str, Path]
) -> None:
    asyncio.run(in_folder(named, versions["v2"]))
    assert residing.manifest_here(settings.load()).version == "v2"
    assert residing.folder_here(settings.load()).name == contents.of_folder(versions["v2"]).digest


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"TAGSTREAM_MODEL__FOLDER": "/a", "TAGSTREAM_MODEL__REF": "a/b"}, "set one of them"),
        ({"TAGSTREAM_REGISTRY__URL": "http://models"}, "TAGSTREAM_REGISTRY__URL: a registry is s3://"),
        ({"TAGSTREAM_REGISTRY__URL": "s3://me:hunter2@models"}, "not a bucket's name"),
        ({"TAGSTREAM_REGISTRY__URL": "s3://arn:aws:s3:::models/x"}, "not a bucket's name"),
        ({"TAGSTREAM_REGISTRY__URL": "s3://models/../others"}, "no segment"),
    ],
)
def test_settings_that_cannot_be_are_refused_without_repeating_them(
    variables: dict[str, str], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ConfigurationError) as raised:
        settings.load()
    assert said in str(raised.value)
    assert "hunter2" not in str(raised.value)


async def test_a_ref_without_a_registry_says_what_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TAGSTREAM_MODEL__REF", "tiny@champion")
    with pytest.raises(ConfigurationError, match=r"TAGSTREAM_MODEL__REF: .*set TAGSTREAM_REGISTRY__URL"):
        await resolve_model(settings.load())


def test_refs_know_their_keys() -> None:
    assert VersionRef("tiny", "v1").manifest == "tiny/v1/manifest.json"
    assert CHAMPION.key == "tiny/aliases/champion.json"
