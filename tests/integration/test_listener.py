"""The servers of other tests leave no connection open."""

from __future__ import annotations

import asyncio
import gc
import socket
import ssl
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.certificates import Authority, server_context
from tests.listener import LOOPBACK, Listener, nobody


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(await reader.readline())
    await writer.drain()


@pytest.fixture
def context(tmp_path: Path) -> ssl.SSLContext:
    return server_context(Authority(tmp_path).certificate("server"))


@pytest.fixture(autouse=True)
def _nothing_left() -> Iterator[None]:
    yield
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        gc.collect()


def ask(listener: Listener) -> socket.socket:
    return socket.create_connection((listener.host, listener.port))


async def test_a_connection_is_served_to_its_end() -> None:
    async with Listener(echo) as listener:
        reader, writer = await asyncio.open_connection(listener.host, listener.port)
        writer.write(b"good day\n")
        assert await reader.read() == b"good day\n"
        writer.close()
        await writer.wait_closed()


async def test_a_connection_that_nobody_has_accepted_yet_is_closed_with_it() -> None:
    async with Listener(echo) as listener:
        client = ask(listener)
    with client, pytest.raises(ConnectionResetError):
        client.recv(1)


async def test_a_connection_that_is_still_served_is_closed_with_it() -> None:
    async with Listener(echo) as listener:
        client = ask(listener)
        await asyncio.sleep(0.05)
    with client:
        assert client.recv(1) == b""


async def test_a_connection_in_the_middle_of_its_handshake_is_closed_with_it(context: ssl.SSLContext) -> None:
    async with Listener(echo, context=context) as listener:
        client = ask(listener)
        await asyncio.sleep(0.05)
    with client:
        assert client.recv(1) == b""


async def test_a_handshake_that_the_client_breaks_off_leaves_nothing(
    context: ssl.SSLContext, tmp_path: Path
) -> None:
    trusting = ssl.create_default_context(cafile=Authority(tmp_path, "other").file)
    async with Listener(echo, context=context) as listener:
        with pytest.raises(ssl.SSLCertVerificationError):
            await asyncio.open_connection(listener.host, listener.port, ssl=trusting)


async def test_what_a_server_does_wrong_is_raised_by_its_close() -> None:
    async def wrong(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        raise ZeroDivisionError

    listener = Listener(wrong)
    await listener.open()
    with ask(listener) as client:
        await asyncio.sleep(0.05)
        assert client.recv(1) == b""
    with pytest.raises(ZeroDivisionError):
        await listener.close()


def test_nobody_listens_there() -> None:
    host, port = nobody().split(":")
    assert host == LOOPBACK
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((host, int(port)))
