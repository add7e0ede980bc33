"""The stack itself, with its real servers: started once, stopped alone, and as it was when it is back."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields, replace
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer

from agents.wiring.stores import open_store
from deploy.stack.layout import HOST, PREFIX, Layout, Ports, default_cache
from deploy.stack.service import NotReady
from deploy.stack.stack import Stack
from schemas import topics
from schemas.records import ImageHead
from streams.adapters.kafka.reader import read_all
from tests.contract.builders import head, position
from tests.contract.mongo_server import MongoWireServer
from tests.contract.stores import become
from tests.e2e.fleet import ROOT
from tests.real.bucket import Bucket
from tests.real.findings import WITHIN, Findings
from tests.real.premises import Premises

pytestmark = [pytest.mark.real, pytest.mark.timeout(300)]

STORED: ImageHead = head(position(1), image="img_a")


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack for these tests alone, which stop it."""
    with Ports.reserved() as ports:
        made = Stack(Layout(tmp_path_factory.mktemp("own"), ports, default_cache()))
        yield made
        made.down()


@pytest.fixture
def standing(own: Stack) -> Stack:
    own.up()
    return own


def pids(stack: Stack) -> dict[str, int | None]:
    return {service.name: service.pid() for service in stack.services}


def ask(stack: Stack, command: str) -> subprocess.CompletedProcess[str]:
    """`python -m deploy.stack`, as a person runs it."""
    ports = stack.layout.ports
    chosen = {f"{PREFIX}{each.name.upper()}_PORT": str(getattr(ports, each.name)) for each in fields(ports)}
    return subprocess.run(
        [sys.executable, "-m", "deploy.stack", command],
        cwd=ROOT,
        env=os.environ | chosen | {"STACK_FOLDER": str(stack.layout.folder)},
        capture_output=True,
        text=True,
        check=False,
    )


@contextmanager
def foreign_gateway(folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Somebody else's process that is called versitygw, too."""
    program = folder / "versitygw"
    shutil.copy(shutil.which("sleep") or "/bin/sleep", program)
    with subprocess.Popen([program, "600"]) as process:
        yield process
        process.kill()


async def fill(stack: Stack) -> None:
    """A record, a document and an object."""
    premises = Premises(stack, "kept")
    async with AIOKafkaProducer(bootstrap_servers=premises.bootstrap) as producer:
        await producer.send_and_wait(topics.DECISIONS, b"kept", key=b"img_a")
    async with open_store(premises.store) as scores:
        await scores.apply("img_a", become(STORED))
    await asyncio.to_thread(Bucket(premises).put, "kept.jpg", b"kept")


async def found(stack: Stack) -> tuple[list[bytes | None], ImageHead | None, dict[str, bytes]]:
    premises = Premises(stack, "kept")
    records = await read_all(premises.bootstrap, topics.DECISIONS)
    async with open_store(premises.store) as scores:
        stored = await scores.head("img_a")
    return [each.value for each in records], stored, await asyncio.to_thread(Bucket(premises).holds)


def test_up_twice_is_once(standing: Stack) -> None:
    first = pids(standing)
    assert None not in first.values()
    assert ask(standing, "up").returncode == 0
    assert pids(standing) == first
    assert ask(standing, "status").returncode == 0


async def test_what_it_holds_is_there_after_a_restart_and_foreign_processes_live_on(
    standing: Stack, tmp_path: Path
) -> None:
    await fill(standing)
    before = await found(standing)
    assert before == ([b"kept"], STORED, {"kept.jpg": b"kept"})
    with MongoWireServer() as foreign, foreign_gateway(tmp_path) as gateway:
        stopped = await asyncio.to_thread(ask, standing, "down")
        assert stopped.stdout == "Stopped: s3, mongo, kafka\n"
        assert set(pids(standing).values()) == {None}
        assert standing.layout.ports.taken() == {}
        assert foreign.is_alive
        assert gateway.poll() is None
        assert (await asyncio.to_thread(ask, standing, "down")).stdout == "Nothing of it was running\n"
        assert (await asyncio.to_thread(ask, standing, "status")).returncode == 1
        await asyncio.to_thread(standing.up)
        assert foreign.is_alive
    assert await found(standing) == before
    premises = Premises(standing, "kept")
    await asyncio.to_thread(Bucket(premises).put, "new.jpg", b"new")
    async with asyncio.timeout(WITHIN):
        while "new.jpg" not in await Findings(premises).notified():
            await asyncio.sleep(0.2)


@pytest.mark.parametrize("name", ["kafka", "kafka_ssl", "mongo", "s3"])
def test_a_port_that_is_taken_is_refused_with_the_name_of_its_variable(own: Stack, name: str) -> None:
    own.down()
    with socket.create_server((HOST, 0)) as taken:
        ports = replace(own.layout.ports, **{name: taken.getsockname()[1]})
        elsewhere = Stack(replace(own.layout, ports=ports))
        with pytest.raises(NotReady, match=rf"is taken .* STACK_{name.upper()}_PORT="):
            elsewhere.up()
    assert set(pids(own).values()) == {None}, "it started something all the same"


def test_what_is_refused_is_one_line_and_exit_1(own: Stack) -> None:
    own.down()
    with socket.create_server((HOST, own.layout.ports.s3)):
        refused = ask(own, "up")
    assert refused.returncode == 1
    assert refused.stderr.count("\n") == 1
    assert "STACK_S3_PORT" in refused.stderr
