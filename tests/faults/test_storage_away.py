"""Photographs and disks away in every way while events flow: nothing lost or condemned, and no spinning.

Each row tells what it saw. A row's worker is the same process throughout; rows of one dependency share it.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path

import pytest

from deploy.stack.stack import Stack
from tests.e2e.accounts import Outcome
from tests.e2e.traffic import Planned
from tests.faults.absence import Fault
from tests.faults.lives import (
    EVENTS,
    SECONDS,
    life,
)
from tests.faults.speech import Http, s3_error
from tests.faults.wire import Cut, Reset, Wire, answering, broken_off, garbage, silent, slow
from tests.seen import Tell

pytestmark = [pytest.mark.real, pytest.mark.timeout(900)]

DISK_BYTES = 16 * 2**20


def s3_faults(wire: Wire) -> Iterator[Fault]:
    """Everything that storage can do instead of answering."""

    def row(name: str, begin: Callable[[], object], *, is_away: bool = True) -> Fault:
        return Fault(f"S3 {name}", begin, wire.heal, ("s3",) if is_away else (), SECONDS, wire)

    def said(status: str, code: str) -> Callable[[], None]:
        return partial(wire.bring, answering(lambda _: s3_error(status, code)))

    yield row("503 SlowDown", said("503 Slow Down", "SlowDown"))
    yield row("403 AccessDenied", said("403 Forbidden", "AccessDenied"))
    yield row("403 ExpiredToken", said("403 Forbidden", "ExpiredToken"))
    yield row("refused", wire.refuse)
    yield row("silent", partial(wire.bring, silent))
    yield row("reset when connecting", wire.tear_down)
    yield row("half a body", partial(wire.bring, broken_off(Cut)))
    yield row("reset in mid-body", partial(wire.bring, broken_off(Reset)))
    yield row("slow, within the deadline", partial(wire.bring, slow(1_000)), is_away=False)
    yield row("slow beyond the deadline", partial(wire.bring, slow(60)))
    yield row("garbage", partial(wire.bring, garbage))


async def test_storage_away_in_every_way_loses_and_condemns_nothing(
    stack: Stack, planned: list[Planned], calm: Outcome, tmp_path: Path, tell: Tell
) -> None:
    with Wire(stack.layout.ports.s3, Http()) as wire:
        endpoint = f"http://{wire.host}:{wire.port}"
        async with life(stack, tmp_path, planned, tell, {"TAGSTREAM_S3__ENDPOINT_URL": endpoint}) as away:
            away.start()
            faults = list(s3_faults(wire))
            for fault in faults:
                await away.suffer(fault, EVENTS // len(faults))
            assert await away.all_ended() == calm
            assert away.fleet.redeliveries == 0


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of its own, to be filled; only root may mount one."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "tmpfs", str(disk)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("a small disk cannot be mounted here (it takes root)")
    try:
        yield disk
    finally:
        subprocess.run(["umount", "--lazy", str(disk)], check=True)


async def test_a_disk_that_is_full_under_sqlite_loses_and_condemns_nothing(
    stack: Stack, planned: list[Planned], calm: Outcome, small_disk: Path, tmp_path: Path, tell: Tell
) -> None:
    filler = small_disk / "filler"

    def fill() -> None:
        with suppress(OSError), filler.open("wb", buffering=0) as file:
            for piece in (64 * 1024, 4096):
                with suppress(OSError):
                    while file.write(bytes(piece)) == piece:
                        pass
        assert shutil.disk_usage(small_disk).free == 0

    store = small_disk / "scores.sqlite"
    async with life(stack, tmp_path, planned, tell, store=store) as away:
        away.start()
        full = Fault("SQLite disk full", fill, filler.unlink, ("store",), SECONDS, is_audited=False)
        await away.suffer(full, EVENTS // 2)
        assert await away.all_ended() == calm
