"""Each of the doctor's checks finds something, or says what is wrong and how to mend it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
import typer

from agents.erasure import erased
from agents.transitions import acknowledged
from agents.wiring import settings
from model import devices
from model.tiny_version import write_tiny_version
from operations import health_checks
from operations.health_checks import Check, Finding
from operations.unwell import Unwell
from schemas.errors import Unavailable
from streams.adapters.sqlite.store import MEND, SqliteScores
from tagstream.commands.doctor import doctor
from tests.listener import Listener


@asynccontextmanager
async def _http(*, date: str) -> AsyncIterator[str]:
    """A server that answers everything with that date."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(f"HTTP/1.1 403 Forbidden\r\nDate: {date}\r\nContent-Length: 0\r\n\r\n".encode())
        await writer.drain()

    async with Listener(answer) as listener:
        yield f"http://{listener.address}"


async def _one(check: Check) -> Finding:
    return await anext(health_checks.findings([check]))


def _named(config: settings.Settings, name: str) -> Check:
    return next(check for check in health_checks.of(config, source="-") if check.name == name)


async def test_a_finding_is_what_the_check_finds() -> None:
    async def look() -> str:
        return "all is well"

    found = await _one(Check("broker", look, "mend it"))
    assert (found.is_well, found.said, found.mend) == (True, "all is well", "")
    assert "mend" not in found.document()


async def test_a_check_that_fails_says_how_to_mend_it_the_error_s_own_way_first() -> None:
    async def unwell() -> str:
        raise Unwell("it is broken", "turn it off and on")

    async def away() -> str:
        raise Unavailable("broker")

    assert (await _one(Check("a", unwell, "mend it"))).mend == "turn it off and on"
    found = await _one(Check("a", away, "mend it"))
    assert (found.is_well, found.said, found.mend) == (False, "broker is unavailable", "mend it")


async def test_a_check_that_never_answers_is_given_up() -> None:
    async def hang() -> str:
        await asyncio.Event().wait()
        return "never"

    found = await _one(Check("a", hang, "mend it", seconds=0.01))
    assert (found.is_well, found.said) == (False, "no answer within 0.01 s")


async def test_a_clock_that_agrees_is_well_and_one_that_does_not_is_said(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with _http(date="Wed, 21 Oct 2015 07:28:00 GMT") as endpoint:
        monkeypatch.setenv("TAGSTREAM_S3__ENDPOINT_URL", endpoint)
        found = await _one(_named(settings.load(), "clock"))
    assert not found.is_well
    assert f"off the clock of {endpoint}" in found.said
    assert "NTP" in found.mend


async def test_an_endpoint_that_says_no_time_is_no_fault_of_the_clock(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TAGSTREAM_S3__ENDPOINT_URL", "http://127.0.0.1:9")
    found = await _one(_named(settings.load(), "clock"))
    assert found.is_well
    assert "does not say" in found.said


async def test_no_bucket_at_all_is_said() -> None:
    found = await _one(_named(settings.load(), "images"))
    assert (found.is_well, "TAGSTREAM_S3__BUCKETS" in found.mend) == (False, True)


async def test_a_bucket_of_renditions_that_is_away_is_said_and_that_all_goes_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TAGSTREAM_S3__ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("TAGSTREAM_S3__ACCESS_KEY_ID", "any")
    monkeypatch.setenv("TAGSTREAM_S3__SECRET_ACCESS_KEY", "any")
    monkeypatch.setenv("TAGSTREAM_RENDITIONS__URL", "s3://small/a")
    found = await _one(_named(settings.load(), "renditions"))
    assert not found.is_well
    assert "go on without it" in found.mend


def test_no_renditions_are_asked_after_where_none_are_kept() -> None:
    names = [check.name for check in health_checks.of(settings.load(), source="-")]
    assert "renditions" not in names


async def test_a_storage_that_is_away_is_said_for_each_bucket(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TAGSTREAM_S3__ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("TAGSTREAM_S3__BUCKETS", '["menus", "photos"]')
    monkeypatch.setenv("TAGSTREAM_S3__ACCESS_KEY_ID", "k")
    monkeypatch.setenv("TAGSTREAM_S3__SECRET_ACCESS_KEY", "s")
    config = settings.load()
    for name in ("bucket menus", "bucket photos"):
        found = await _one(_named(config, name))
        assert not found.is_well
        assert "http://127.0.0.1:9" in found.mend


async def test_a_store_that_is_not_there_yet_is_well_and_is_not_made(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("TAGSTREAM_STORE__PATH", str(tmp_path / "new.sqlite"))
    assert (await _one(_named(settings.load(), "store"))).is_well
    assert list(tmp_path.iterdir()) == []
    monkeypatch.setenv("TAGSTREAM_STORE__PATH", str(tmp_path / "none" / "new.sqlite"))
    assert not (await _one(_named(settings.load(), "store"))).is_well


async def test_an_erasure_that_consumers_have_not_heard_of_is_said(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("TAGSTREAM_STORE__PATH", str(tmp_path / "kept.sqlite"))
    async with SqliteScores(tmp_path / "kept.sqlite") as store:
        gone = (await store.apply("img_a", erased("img_a", at=datetime.now(UTC)))).head
        found = await _one(_named(settings.load(), "store"))
        assert not found.is_well
        assert "tagstream erase img_a" in found.mend
        await store.apply("img_a", acknowledged(gone))
    assert (await _one(_named(settings.load(), "store"))).is_well


async def test_a_store_that_is_no_store_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "photo.jpg").write_bytes(b"\xff\xd8" * 4096)
    monkeypatch.setenv("TAGSTREAM_STORE__PATH", str(tmp_path / "photo.jpg"))
    found = await _one(_named(settings.load(), "store"))
    assert not found.is_well
    assert "TAGSTREAM_STORE__PATH" in found.mend


async def test_the_disk_is_told_in_gigabytes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    assert "GiB free" in (await _one(_named(settings.load(), "disk"))).said


async def test_a_model_that_is_not_there_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TAGSTREAM_MODEL__FOLDER", "no-such-model")
    found = await _one(_named(settings.load(), "model"))
    assert (found.is_well, found.said) == (False, "no-such-model: there is no such model version")


async def test_a_model_is_verified_and_scores_its_golden_images_where_that_is_asked_for(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    folder = write_tiny_version(tmp_path / "tiny")
    monkeypatch.setenv("TAGSTREAM_MODEL__FOLDER", str(folder))
    monkeypatch.setenv("TAGSTREAM_MODEL__DEVICE", "cpu")
    monkeypatch.setenv("TAGSTREAM_MODEL__THREADS", "1")
    config = settings.load()
    light, whole = (
        next(each for each in health_checks.of(config, source="-", scores=scores) if each.name == "model")
        for scores in (False, True)
    )
    assert "tiny v1 is whole, for the CPU" in (await _one(light)).said
    assert "golden images score as they should" in (await _one(whole)).said
    (folder / "golden" / "plate.png").write_bytes(b"other")
    assert "plate.png: damaged or replaced" in (await _one(light)).said


@pytest.mark.parametrize(("device", "may_be"), [("cpu", False), ("cuda", True), ("cuda:1", True)])
def test_a_device_that_may_be_a_gpu_is_tried(device: str, *, may_be: bool) -> None:
    assert devices.may_be_gpu(device) is may_be


async def test_checks_look_at_once_and_are_told_in_order() -> None:
    begun, everyone = 0, asyncio.Event()

    async def look() -> str:
        nonlocal begun
        begun += 1
        if begun == 3:
            everyone.set()
        await everyone.wait()
        return "all are here"

    found = [each async for each in health_checks.findings([Check(name, look, "") for name in "abc"])]
    assert [(each.name, each.said) for each in found] == [(name, "all are here") for name in "abc"]


def test_a_wrong_setting_is_the_only_finding(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TAGSTREAM_BATCH__MAXSIZE", "8")
    with pytest.raises(typer.Exit, match="1"):
        doctor(score=False, as_json=True)
    (found,) = map(json.loads, capsys.readouterr().out.splitlines())
    assert (found["check"], found["ok"]) == ("settings", False)
    assert "TAGSTREAM_BATCH__MAX_SIZE" in found["said"]


async def test_a_damaged_database_is_said_and_how_to_mend_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = tmp_path / "kept.sqlite"
    path.write_bytes(b"no database" * 1000)
    monkeypatch.setenv("TAGSTREAM_STORE__PATH", str(path))
    found = await _one(_named(settings.load(), "store"))
    assert found.said == f"{path}: the database is damaged (file is not a database)"
    assert found.mend == MEND
