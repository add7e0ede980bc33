"""Who is to blame when a decoder dies: an image, its neighbours or the machine."""

from __future__ import annotations

import asyncio
import os
import signal
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import structlog

from agents.telemetry.metrics import Metrics
from agents.wiring.resident_model import decoders as decoders_of
from agents.wiring.settings import DecodeSettings, Settings
from model.decoding.decoder import (
    GARBLED,
    Decoder,
    DecoderDied,
    DecoderExit,
    DecoderRecipe,
    ExitCause,
    exit_of,
)
from model.decoding.limits import DecoderLimits
from model.decoding.pool import DEATHS
from model.preprocess import Preprocess
from schemas.errors import Broken, DeadlyImage
from tests.freezing import freeze, thaw
from tests.unit import deadly_decoding
from tests.unit.deadly_decoding import HERE
from tests.unit.decoder_builders import MEMORY, lines, pool, until_begun

SEVEN = np.full((3, 32, 32), 7, np.uint8)
CRASHES = {
    "abort": (ExitCause.CRASH, "SIGABRT"),
    "segfault": (ExitCause.CRASH, "SIGSEGV"),
    "kill": (ExitCause.KILLED, "SIGKILL"),
    "eat": (ExitCause.MEMORY, f"more than {MEMORY:,} bytes of memory"),
    "leave 0": (ExitCause.EXIT, "exit code 0"),
    "garble": (ExitCause.GARBLED, "an answer that is none"),
}


@pytest.mark.parametrize("deed", CRASHES)
async def test_an_image_is_condemned_when_three_decoders_died_of_it_alone(deed: str, tmp_path: Path) -> None:
    journal, deaths = tmp_path / "journal", list[DecoderExit]()
    cause, how = CRASHES[deed]
    async with pool(1, on_death=deaths.append) as decoders:
        with pytest.raises(DeadlyImage, match=f"3 times while nothing else was decoded: {how}$"):
            await decoders.decode(f"tell {journal} {deed}".encode())
        np.testing.assert_array_equal(await decoders.decode(b"good"), SEVEN)
        assert len(decoders.pids) == 1
    assert deaths == [DecoderExit(cause, how)] * (1 + DEATHS)
    assert lines(journal) == [f"begins {deed}"] * (1 + DEATHS)


async def test_a_decoder_that_hides_is_found_dead() -> None:
    decoder = Decoder.start(
        DecoderRecipe(Preprocess(size=32), DecoderLimits(processes=1, memory=MEMORY), HERE)
    )
    with pytest.raises(DecoderDied) as died:
        await decoder.decode(b"hide")
    assert died.value.death == GARBLED


async def test_too_much_cpu_time_alone_condemns_at_the_first_time(tmp_path: Path) -> None:
    journal, deaths = tmp_path / "journal", list[DecoderExit]()
    async with pool(1, deadline=1, on_death=deaths.append) as decoders:
        with pytest.raises(DeadlyImage, match=r"once while .*: more than 1 seconds of CPU time"):
            await decoders.decode(f"tell {journal} spin".encode())
    assert [death.cause for death in deaths] == [ExitCause.CPU] * 2
    assert lines(journal) == ["begins spin"] * 2


async def test_cpu_time_is_limited_under_a_worker_that_leaves_its_timers_alone() -> None:
    ignored = signal.signal(signal.SIGPROF, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGPROF})
    try:
        async with pool(1, deadline=1) as decoders:
            with pytest.raises(DeadlyImage, match="more than 1 seconds of CPU time"):
                await decoders.decode(b"spin")
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGPROF})
        signal.signal(signal.SIGPROF, ignored)


async def test_the_cpu_time_of_earlier_images_counts_for_none() -> None:
    async with pool(1, deadline=1) as decoders:
        await decoders.warm()
        before = decoders.pids
        for _ in range(4):
            np.testing.assert_array_equal(await decoders.decode(b"work 0.6"), SEVEN)
        assert decoders.pids == before


async def test_a_decoder_that_does_nothing_at_all_is_killed() -> None:
    deaths = list[DecoderExit]()
    async with pool(1, deadline=1, on_death=deaths.append) as decoders:
        with pytest.raises(DeadlyImage, match=r"once while .*: nothing done for 1 seconds"):
            await decoders.decode(b"sleep 3600")
    assert [death.cause for death in deaths] == [ExitCause.HUNG] * 2


async def test_a_machine_that_stands_still_condemns_nobody(tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    async with pool(1, deadline=1) as decoders:
        decoding = asyncio.create_task(decoders.decode(f"tell {journal} work 0.3".encode()))
        await until_begun(journal)
        (pid,) = decoders.pids
        freeze(pid)
        await asyncio.sleep(2.5)
        thaw(pid)
        np.testing.assert_array_equal(await decoding, SEVEN)
        assert decoders.pids == {pid}


async def test_a_decoder_that_waits_for_its_image_does_not_hang() -> None:
    async with pool(1, deadline=1) as decoders:
        await decoders.warm()
        before = decoders.pids
        await asyncio.sleep(2.5)
        np.testing.assert_array_equal(await decoders.decode(b"good"), SEVEN)
        assert decoders.pids == before


async def test_an_image_that_survives_its_second_try_is_good(tmp_path: Path) -> None:
    deaths = list[DecoderExit]()
    async with pool(on_death=deaths.append) as decoders:
        pixels = await decoders.decode(f"once {tmp_path / 'memory'}".encode())
    np.testing.assert_array_equal(pixels, SEVEN)
    assert len(deaths) == 1


async def test_those_beside_a_deadly_image_finish_undisturbed(tmp_path: Path) -> None:
    slow, deadly = tmp_path / "slow", tmp_path / "deadly"
    async with pool(3) as decoders:
        neighbours = [asyncio.create_task(decoders.decode(f"tell {slow} sleep 1".encode())) for _ in range(2)]
        await until_begun(slow, 2)
        with pytest.raises(DeadlyImage):
            await decoders.decode(f"tell {deadly} abort".encode())
        for pixels in await asyncio.gather(*neighbours):
            np.testing.assert_array_equal(pixels, SEVEN)
    assert Counter(lines(slow)) == {"begins sleep 1": 2, "ends sleep 1": 2}


async def test_deaths_count_only_while_no_other_image_is_decoded(tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    async with pool(2) as decoders:
        await decoders.warm()
        deadly = asyncio.create_task(decoders.decode(f"tell {journal} abort".encode()))

        async def visit() -> None:
            while not deadly.done():
                pixels = await decoders.decode(f"tell {journal} sleep 0.02".encode())
                np.testing.assert_array_equal(pixels, SEVEN)

        await asyncio.gather(visit(), visit(), visit())
        with pytest.raises(DeadlyImage):
            await deadly
    told = lines(journal)
    _first, *alone = [place for place, line in enumerate(told) if line == "begins abort"]
    assert alone == list(range(alone[0], alone[0] + DEATHS))  # nothing begins or ends between them
    before = Counter(line.split()[0] for line in told[: alone[0]])
    assert before["begins"] - 1 == before["ends"]  # all others had finished


async def test_two_deadly_images_at_once_are_both_found() -> None:
    async with pool(2) as decoders:
        images = [b"abort", b"segfault", b"good"]
        ended = await asyncio.gather(*map(decoders.decode, images), return_exceptions=True)
        assert len(decoders.pids) <= 2
    assert [type(one) for one in ended] == [DeadlyImage, DeadlyImage, np.ndarray]


async def test_a_decoder_that_died_while_it_had_nothing_to_do_is_nobodys_fault(tmp_path: Path) -> None:
    journal, deaths = tmp_path / "journal", list[DecoderExit]()
    async with pool(2, on_death=deaths.append) as decoders:
        await decoders.warm()
        for pid in decoders.pids:
            os.kill(pid, signal.SIGKILL)
            await asyncio.to_thread(os.waitid, os.P_PID, pid, os.WEXITED | os.WNOWAIT)
        np.testing.assert_array_equal(await decoders.decode(f"tell {journal} good".encode()), SEVEN)
    assert {death.cause for death in deaths} == {ExitCause.KILLED}
    assert lines(journal) == ["begins good", "ends good"]


async def test_a_machine_on_which_nothing_decodes_any_more_condemns_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    async with pool(1) as decoders:
        with pytest.raises(Broken, match="no decoder decodes a known-good image"):
            await decoders.decode(b"ruin")
        deadly_decoding.BROKEN.unlink()
        np.testing.assert_array_equal(await decoders.decode(b"good"), SEVEN)


async def test_a_machine_that_breaks_over_the_third_death_condemns_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    journal = tmp_path / "journal"
    async with pool(1) as decoders:
        with pytest.raises(Broken, match="no decoder decodes a known-good image"):
            await decoders.decode(f"tell {journal} ruinlate {journal}".encode())
    assert lines(journal) == [f"begins ruinlate {journal}"] * (1 + DEATHS)


async def test_decoders_that_never_come_up_are_the_machines_fault() -> None:
    async with pool(decode="tests.unit.deadly_decoding:no_such_thing") as decoders:
        with pytest.raises(Broken, match="no decoder decodes a known-good image"):
            await decoders.warm()
        with pytest.raises(Broken):
            await decoders.decode(b"good")


async def test_deaths_are_logged_and_counted_by_what_they_were_of() -> None:
    metrics = Metrics()
    config = Settings(decode=DecodeSettings(processes=1))
    with structlog.testing.capture_logs() as said:
        async with decoders_of(config, metrics, Preprocess(size=32), decode=HERE) as decoders:
            with pytest.raises(DeadlyImage):
                await decoders.decode(b"segfault")
    name = "tagstream_decoder_deaths_total"
    assert metrics.registry.get_sample_value(name, {"cause": "crash"}) == 1 + DEATHS
    died = [line for line in said if line["event"] == "decoder.died"]
    assert [(line["how"], line["bytes"], line["counted"]) for line in died] == [
        ("SIGSEGV", 8, counted) for counted in range(1 + DEATHS)
    ]


@pytest.mark.parametrize("code", [-signal.SIGBUS, -signal.SIGILL, -signal.SIGFPE, -signal.SIGTERM])
def test_a_signal_is_called_by_its_name(code: int) -> None:
    assert exit_of(code, DecoderLimits()) == DecoderExit(ExitCause.CRASH, signal.Signals(-code).name)


def test_the_limits_are_those_of_the_settings() -> None:
    ours, theirs = DecodeSettings(), DecoderLimits()
    assert (ours.processes, ours.memory, ours.deadline) == (theirs.processes, theirs.memory, theirs.deadline)
