"""Processes that die are replaced, and it is said; those that die again and again end it."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

from schemas.api_tokens import ApiToken
from schemas.errors import ConfigurationError
from tagstream.demo.workers import Entry, Worker, WorkerDied, Workers
from tagstream.dev.photographs import Ended
from tagstream.dev.state import RunningSystem
from tagstream.dev.supervisor import DEATHS, Post, Supervisor

POSTS = (Post.worker(20_000),)


class Heard:
    """A screen that keeps what it is told."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.entries: list[Entry] = []

    def started(self, state: RunningSystem, folder: Path, token: ApiToken | None) -> None:
        raise AssertionError((state, folder, token))

    def ended(self, photograph: Ended) -> None:
        raise AssertionError(photograph)

    def heard(self, _worker: Worker, entry: Entry) -> None:
        self.entries.append(entry)

    def say(self, text: str) -> None:
        self.said.append(text)


def _crew(folder: Path, program: str) -> Workers:
    return Workers(folder, {}, command=(sys.executable, "-c", program))


async def test_a_worker_that_dies_is_replaced_until_it_is_hopeless(tmp_path: Path) -> None:
    heard = Heard()
    with _crew(tmp_path, "import sys; sys.exit('the disk is on fire')") as crew:
        with pytest.raises(WorkerDied, match=r"(?s)exited with 1 and said:.*the disk is on fire"):
            await Supervisor(crew, posts=POSTS, screen=heard).tend()
        assert len(crew.workers) == DEATHS
    assert [text.split(";")[0] for text in heard.said] == [
        f"Worker {number} died (exit code 1)" for number in range(1, DEATHS)
    ]


async def test_a_wrong_setting_is_not_tried_again(tmp_path: Path) -> None:
    program = "import sys; print('tagstream: TAGSTREAM_X is not a setting', file=sys.stderr); sys.exit(2)"
    with _crew(tmp_path, program) as crew:
        with pytest.raises(ConfigurationError, match=r"^TAGSTREAM_X is not a setting$"):
            await Supervisor(crew, posts=POSTS, screen=Heard()).tend()
        assert len(crew.workers) == 1


async def test_what_workers_log_is_handed_on_once(tmp_path: Path) -> None:
    heard = Heard()
    program = 'import time; print(\'{"event": "model.warm"}\\nno json\', flush=True); time.sleep(60)'
    with _crew(tmp_path, program) as crew:
        tending = asyncio.create_task(Supervisor(crew, posts=POSTS, screen=heard).tend())
        while not heard.entries:
            await asyncio.sleep(0.05)
        await asyncio.sleep(0.7)  # two looks more
        tending.cancel()
        await asyncio.gather(tending, return_exceptions=True)
    assert heard.entries == [{"event": "model.warm"}]


async def test_the_api_is_replaced_on_its_port_under_its_own_name(tmp_path: Path) -> None:
    heard = Heard()
    program = "import os, sys; print(sys.argv[1], os.environ['TAGSTREAM_API__PORT'])"
    posts = (Post.api(20_001, 20_002),)
    with _crew(tmp_path, program) as crew:
        with pytest.raises(WorkerDied):
            await Supervisor(crew, posts=posts, screen=heard).tend()
        assert [each.log.name for each in crew.workers] == [f"api-{n}.log" for n in range(1, DEATHS + 1)]
        assert {each.log.read_text() for each in crew.workers} == {"api 20001\n"}
    assert [text.split(";")[0] for text in heard.said] == ["The API died (exit code 0)"] * (DEATHS - 1)
