"""Decoding in processes of their own: the same pixels, the same errors, and nothing left behind."""

from __future__ import annotations

import asyncio
import json
import os
import platform
import resource
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from functools import cache
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from model.decoding.area import ROOM
from model.decoding.frames import refusal, refused
from model.decoding.limits import DecoderLimits
from model.decoding.options import REAL
from model.decoding.pool import DecoderPool
from model.preprocess import MAX_PIXELS, Fit, Preprocess
from schemas.errors import Broken, DeadlyImage, Rejected, Stage, TooManyPixels, Undecodable, Unforeseen
from schemas.rendition_recipe import RenditionRecipe
from tagstream import samples
from tests.unit.decoder_builders import exists, lines, pool, until_begun, until_gone
from tests.unit.heif_builders import heic

ROOT = Path(__file__).parents[2]


@cache
def photographs() -> list[bytes]:
    """One of each format, and the samples."""
    oblong = Image.effect_noise((90, 40), 80)
    files = [heic(oblong.convert("RGB"))]
    for kind in ("PNG", "WEBP", "GIF", "AVIF"):
        target = BytesIO()
        oblong.save(target, kind)
        files.append(target.getvalue())
    return files + [path.read_bytes() for path in samples.photographs()]


@pytest.mark.parametrize("fit", Fit)
async def test_a_decoder_sees_byte_for_byte_what_this_process_sees(fit: Fit) -> None:
    here = Preprocess(size=96, fit=fit)
    async with DecoderPool(here, DecoderLimits()) as decoders:
        seen = await asyncio.gather(*map(decoders.decode, photographs()))
    for data, pixels in zip(photographs(), seen, strict=True):
        assert pixels.dtype == np.uint8
        assert pixels.flags.writeable
        np.testing.assert_array_equal(pixels, here.decode(data))


async def test_a_large_file_reaches_the_decoder_whole() -> None:
    large = BytesIO()
    Image.effect_noise((1500, 1500), 80).convert("RGB").save(large, "PNG", compress_level=0)
    async with pool(decode=REAL) as decoders:
        pixels = await decoders.decode(large.getvalue())
    np.testing.assert_array_equal(pixels, Preprocess(size=32).decode(large.getvalue()))


async def test_a_machine_without_room_for_an_image_is_broken_and_the_image_is_not_blamed() -> None:
    most, hardest = resource.getrlimit(resource.RLIMIT_FSIZE)
    async with pool(1) as decoders:
        await decoders.warm()
        resource.setrlimit(resource.RLIMIT_FSIZE, (4 * ROOM, hardest))
        try:
            with pytest.raises(Broken, match="no room"):
                await decoders.decode(b"good" + bytes(5 * ROOM))
            assert (await decoders.decode(b"good")).shape == (3, 32, 32)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (most, hardest))


def shared_areas() -> int:
    """How many this process has; the descriptors of one are of the same file."""
    links = [link for link in Path("/proc/self/fd").iterdir() if link.is_symlink()]
    areas = [link for link in links if "memfd:tagstream-decoder" in str(link.readlink())]
    return len({link.stat().st_ino for link in areas})


async def test_no_area_is_kept_of_a_decoder_that_has_ended() -> None:
    async with pool(2) as decoders:
        await decoders.warm()
        assert shared_areas() == 2
        for deed in (b"abort", b"kill", b"bloat", b"hide"):
            with suppress(DeadlyImage):
                await decoders.decode(deed)
        await asyncio.gather(*(decoders.decode(b"good") for _ in range(4)))
        assert shared_areas() == len(decoders.pids)
    assert shared_areas() == 0


@pytest.mark.parametrize("data", [b"", b"%PDF-1.7", b"\xff\xd8\xff\xe0 cut short"])
async def test_a_decoder_refuses_in_the_same_words(data: bytes) -> None:
    async with pool(1, decode=REAL) as decoders:
        with pytest.raises(Undecodable) as there:
            await decoders.decode(data)
    with pytest.raises(Undecodable) as here:
        Preprocess(size=32).decode(data)
    assert str(there.value) == str(here.value)


async def test_the_cap_on_pixels_is_the_decoders_too() -> None:
    bomb = BytesIO()
    Image.new("1", (9_500, 9_500)).save(bomb, "PNG")
    async with pool(1, decode=REAL) as decoders:
        with pytest.raises(TooManyPixels, match="9,500 x 9,500"):
            await decoders.decode(bomb.getvalue())


async def test_the_largest_photograph_of_a_hungry_kind_passes_at_the_default_limits() -> None:
    target = BytesIO()
    Image.new("RGBA", (16_383, MAX_PIXELS // 16_383)).save(target, "WEBP", lossless=True, method=0)
    async with DecoderPool(Preprocess(size=32), DecoderLimits(processes=1)) as decoders:
        assert (await decoders.decode(target.getvalue())).shape == (3, 32, 32)


async def test_an_unforeseen_error_comes_back_with_its_trace() -> None:
    async with pool(1) as decoders:
        with pytest.raises(Unforeseen, match="KeyError: 'unheard of'") as caught:
            await decoders.decode(b"raises")
        assert "deadly_decoding.py" in caught.value.trace
        assert caught.value.stage is Stage.DECODE
        assert (await decoders.decode(b"good")).shape == (3, 32, 32)


@pytest.mark.parametrize(
    "said", [b"{}", b"[]", b'{"kind": "Broken", "message": "x"}', b"\xff", b'{"kind": 1}']
)
def test_a_rejection_that_decoding_does_not_know_is_not_believed(said: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - json's own, or ours
        refused(said)


@pytest.mark.parametrize("error", [Undecodable("why"), TooManyPixels("89"), Unforeseen("x", trace="line 1")])
def test_a_rejection_travels_as_it_is(error: Rejected) -> None:
    back = refused(refusal(error))
    assert (type(back), str(back), getattr(back, "trace", "")) == (
        type(error),
        str(error),
        getattr(error, "trace", ""),
    )


async def test_a_decoder_is_given_no_secret_and_no_file_of_the_workers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("TAGSTREAM_STORE__URL", "mongodb://u:p@h")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "api-key=secret")
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.set_inheritable(True)
        async with pool(2) as decoders:
            with pytest.raises(Undecodable) as told:
                await decoders.decode(b"reveal")
    given = json.loads(str(told.value))
    assert not [name for name in given["names"] if name.startswith(("AWS", "TAGSTREAM", "OTEL"))]
    # Its own, and no other decoder's: a map has a descriptor of its own beside the one that it is made of.
    for kind, count in (("socket:", 1), ("/memfd:", 2)):
        assert len([path for path in given["files"].values() if path.startswith(kind)]) == count
    assert given["oom_score_adj"] == 1000
    assert given["session"] != os.getsid(0)


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
async def test_what_stops_the_service_does_not_stop_a_decoder(sent: signal.Signals, tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    async with pool(1) as decoders:
        await decoders.warm()
        before = decoders.pids
        decoding = asyncio.create_task(decoders.decode(f"tell {journal} sleep 0.5".encode()))
        await until_begun(journal)
        for pid in before:
            os.kill(pid, sent)
        assert (await decoding).shape == (3, 32, 32)
        assert decoders.pids == before


async def test_closing_breaks_off_what_hangs_and_leaves_no_process(tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    async with pool(2) as decoders:
        hanging = [
            asyncio.create_task(decoders.decode(f"tell {journal} {deed}".encode()))
            for deed in ("sleep 3600", "spin", "sleep 3600", "spin")
        ]
        await until_begun(journal, 2)
        pids = decoders.pids
    assert len(pids) == 2
    assert not any(map(exists, pids))
    ended = await asyncio.gather(*hanging, return_exceptions=True)
    assert [type(error) for error in ended] == [Broken] * 4
    with pytest.raises(Broken, match="closed"):
        await decoders.decode(b"good")


async def test_closing_while_decoders_start_leaves_no_process() -> None:
    async with pool(2) as decoders:
        await asyncio.sleep(0.05)
        pids = decoders.pids
    assert pids
    assert not any(map(exists, pids))


async def test_a_cancelled_image_gives_its_decoder_back_and_nobody_gets_its_answer(tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    async with pool(1) as decoders:
        for number in range(3):
            decoding = asyncio.create_task(decoders.decode(f"tell {journal} sleep 3600".encode()))
            await until_begun(journal, number + 1)
            pids = decoders.pids
            decoding.cancel()
            with pytest.raises(asyncio.CancelledError):
                await decoding
            await until_gone(*pids)
            photograph = photographs()[-1]
            np.testing.assert_array_equal(
                await decoders.decode(photograph), Preprocess(size=32).decode(photograph)
            )


async def test_who_is_cancelled_while_waiting_costs_no_decoder(tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    async with pool(1) as decoders:
        first = asyncio.create_task(decoders.decode(f"tell {journal} sleep 0.5".encode()))
        await until_begun(journal)
        pids = decoders.pids
        waiting = [asyncio.create_task(decoders.decode(b"good")) for _ in range(4)]
        await asyncio.sleep(0)
        for task in waiting[:3]:
            task.cancel()
        assert (await first).shape == (3, 32, 32)
        assert (await waiting[3]).shape == (3, 32, 32)
        assert decoders.pids == pids


async def test_a_decoder_that_keeps_its_memory_is_replaced() -> None:
    async with pool(1) as decoders:
        await decoders.decode(b"good")
        before = decoders.pids
        await decoders.decode(b"good")
        assert decoders.pids == before
        await decoders.decode(b"bloat")
        assert decoders.pids != before
        await decoders.decode(b"good")
        assert len(decoders.pids) == 1


async def test_a_decoder_under_a_low_limit_decodes_one_image_after_the_other() -> None:
    async with DecoderPool(Preprocess(size=32), DecoderLimits(processes=1, memory=2**27)) as decoders:
        await decoders.warm()
        before = decoders.pids
        for data in photographs()[:3]:
            await decoders.decode(data)
        assert decoders.pids == before


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other allocators are told nothing")
async def test_a_decoder_takes_its_memory_from_the_kernel_once() -> None:
    file = BytesIO()
    Image.effect_noise((3000, 2000), 40).convert("RGB").save(file, "JPEG", progressive=True)
    async with DecoderPool(Preprocess(size=96), DecoderLimits(processes=1)) as decoders:
        for _ in range(2):
            await decoders.decode(file.getvalue())
        (pid,) = decoders.pids
        before = pages_taken(pid)
        await decoders.decode(file.getvalue())
        assert pages_taken(pid) - before < 3000 * 2000 * 2 // resource.getpagesize() // 4


def pages_taken(pid: int) -> int:
    """How often the process has touched a page that the kernel had to give it."""
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[7])


async def test_no_more_images_are_decoded_at_once_than_there_are_processes(tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    async with pool(2) as decoders:
        await asyncio.gather(*(decoders.decode(f"tell {journal} sleep 0.1".encode()) for _ in range(8)))
    running, most = 0, 0
    for line in lines(journal):
        running += 1 if line.startswith("begins") else -1
        most = max(most, running)
    assert most == 2


WORKER = """
import asyncio, sys
from tests.unit.decoder_builders import pool
async def main():
    async with pool(2) as decoders:
        await decoders.warm()
        print(*decoders.pids, flush=True)
        await asyncio.gather(*(decoders.decode(sys.argv[1].encode()) for _ in range(2)))
        await asyncio.sleep(3600)
asyncio.run(main())
"""


@pytest.mark.parametrize("doing", ["good", "sleep 3600", "spin"])
async def test_decoders_end_with_a_worker_that_is_killed(doing: str) -> None:
    worker = subprocess.Popen(
        [sys.executable, "-c", WORKER, doing], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    with worker:
        assert worker.stdout is not None
        pids = [int(pid) for pid in worker.stdout.readline().split()]
        assert len(pids) == 2
        await asyncio.sleep(0.2)
        worker.kill()
    async with asyncio.timeout(10):
        await until_gone(*pids)


async def test_a_decoder_makes_the_rendition_that_this_process_would_make() -> None:
    recipe, here = RenditionRecipe(side=320, quality=90), Preprocess()
    large = BytesIO()
    Image.effect_noise((1200, 900), 80).convert("RGB").save(large, "JPEG")
    async with DecoderPool(here, DecoderLimits(processes=1), rendition=recipe) as decoders:
        found = await decoders.decode_and_reduce(large.getvalue())
    expected = here.decode_and_reduce(large.getvalue(), recipe)
    assert expected.rendition is not None
    assert found.rendition == expected.rendition
    assert found.facts == expected.facts is not None
    np.testing.assert_array_equal(found.pixels, expected.pixels)


async def test_a_decoder_without_a_recipe_makes_no_rendition() -> None:
    large = BytesIO()
    Image.effect_noise((1200, 900), 80).convert("RGB").save(large, "JPEG")
    async with DecoderPool(Preprocess(), DecoderLimits(processes=1)) as decoders:
        assert (await decoders.decode_and_reduce(large.getvalue())).rendition is None


async def test_a_thumbnail_is_made_in_a_decoder_byte_for_byte_as_in_this_process() -> None:
    here = Preprocess(size=96)
    async with DecoderPool(here, DecoderLimits()) as decoders:
        made = await asyncio.gather(*(decoders.thumbnail(each, 128) for each in photographs()))
        assert (await decoders.decode(photographs()[0])).shape == (3, 96, 96)
    assert made == [here.thumbnail(each, 128) for each in photographs()]


async def test_what_is_no_photograph_has_no_thumbnail_and_costs_no_decoder() -> None:
    bomb = BytesIO()
    Image.new("1", (9_500, 9_500)).save(bomb, "PNG")
    async with pool(1, decode=REAL) as decoders:
        await decoders.warm()
        (before,) = decoders.pids
        for data, kind in ((bomb.getvalue(), TooManyPixels), (b"\xff\xd8\xff cut", Undecodable)):
            with pytest.raises(kind):
                await decoders.thumbnail(data, 256)
        assert decoders.pids == {before}


async def test_a_thumbnail_that_takes_more_memory_than_it_may_is_refused_and_the_next_one_is_made() -> None:
    hungry, small = BytesIO(), BytesIO()
    Image.new("RGBA", (9_400, 9_400)).save(hungry, "PNG")
    Image.new("RGB", (300, 200)).save(small, "PNG")
    async with DecoderPool(Preprocess(size=32), DecoderLimits(processes=1, memory=256 * 2**20)) as decoders:
        with pytest.raises(DeadlyImage, match="of memory"):
            await decoders.thumbnail(hungry.getvalue(), 1024)
        assert Image.open(BytesIO(await decoders.thumbnail(small.getvalue(), 128))).size == (128, 85)


async def test_an_area_is_given_back_behind_a_large_photograph_s_thumbnail() -> None:
    large = BytesIO()
    Image.effect_noise((2_000, 2_000), 80).convert("RGB").save(large, "PNG", compress_level=0)
    assert len(large.getvalue()) > ROOM
    async with pool(1, decode=REAL) as decoders:
        assert Image.open(BytesIO(await decoders.thumbnail(large.getvalue(), 256))).size == (256, 256)
        area = next(each for each in Path("/proc/self/fd").iterdir() if _is_area(each))
        assert area.stat().st_blocks * 512 < len(large.getvalue())


def _is_area(link: Path) -> bool:
    return link.is_symlink() and "memfd:tagstream-decoder" in str(link.readlink())
