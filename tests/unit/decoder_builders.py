"""Pools of real decoders for tests, and a look at their processes."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from model.decoding.limits import DecoderLimits
from model.decoding.pool import DecoderPool
from model.preprocess import Preprocess
from tests.unit.deadly_decoding import HERE

MEMORY = 512 * 2**20


def pool(processes: int = 2, *, deadline: float = 30.0, size: int = 32, **more: Any) -> DecoderPool:
    """Decoders that do as an image says; not yet entered."""
    limits = DecoderLimits(processes=processes, memory=MEMORY, deadline=deadline)
    return DecoderPool(Preprocess(size=size), limits, **{"decode": HERE, **more})


def exists(pid: int) -> bool:
    """Whether there is such a process, be it a zombie."""
    return Path(f"/proc/{pid}").exists()


async def until_gone(*pids: int) -> None:
    while any(map(exists, pids)):
        await asyncio.sleep(0.01)


def lines(journal: Path) -> list[str]:
    return journal.read_text().splitlines() if journal.exists() else []


async def until_begun(journal: Path, count: int = 1) -> None:
    """Until so many images have said that they are being decoded."""
    while sum(line.startswith("begins") for line in lines(journal)) < count:
        await asyncio.sleep(0.01)
