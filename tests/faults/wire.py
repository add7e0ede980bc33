"""A wire to a server on which faults can be brought, by requests and answers and not only by bytes.

It runs on a loop and a thread of its own: a test that blocks does not hold up what it watches.
"""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
import time
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from functools import partial
from types import TracebackType
from typing import Any, Final, Protocol, Self, TypeVar

from tests.listener import LOOPBACK, Listener

T = TypeVar("T")

_PIECE_SECONDS: Final = 0.05
_START_SECONDS: Final = 10.0


class Cut(Exception):
    """The connection ends in order here, whatever was still to come."""


class Reset(Exception):
    """The connection is torn down: the client reads a reset."""


class Speech(Protocol):
    """Where the messages of a protocol end."""

    async def request(self, reader: asyncio.StreamReader) -> bytes:
        """The next request, whole."""

    async def answer(self, reader: asyncio.StreamReader, request: bytes) -> bytes:
        """The answer to `request`, whole."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request on its way, and the means to bring it there."""

    request: bytes
    asked: Callable[[], Awaitable[bytes]]
    """The server's own answer."""
    writer: asyncio.StreamWriter


Bring = Callable[[Exchange], Awaitable[None]]


async def passing(exchange: Exchange) -> None:
    """Bring the request there and the answer back."""
    exchange.writer.write(await exchange.asked())


async def silent(_exchange: Exchange) -> None:
    """Say nothing, for as long as the client likes to wait."""
    await asyncio.Event().wait()


async def reset(_exchange: Exchange) -> None:
    """Tear the connection down instead of an answer."""
    raise Reset


async def garbage(exchange: Exchange) -> None:
    """Answer with bytes of no protocol, and hang up."""
    exchange.writer.write(bytes(range(1, 256)) * 4)
    raise Cut


def slow(bytes_a_second: float) -> Bring:
    """Bring the answer back in small pieces."""

    async def trickle(exchange: Exchange) -> None:
        answer, piece = await exchange.asked(), max(1, int(bytes_a_second * _PIECE_SECONDS))
        for start in range(0, len(answer), piece):
            exchange.writer.write(answer[start : start + piece])
            await exchange.writer.drain()
            await asyncio.sleep(_PIECE_SECONDS)

    return trickle


def broken_off(ending: type[Exception]) -> Bring:
    """Bring back the answer up to the middle of its body, which was announced as whole."""

    async def half(exchange: Exchange) -> None:
        answer = await exchange.asked()
        body = answer.find(b"\r\n\r\n") + 4
        exchange.writer.write(answer[: body + (len(answer) - body) // 2])
        await exchange.writer.drain()
        await asyncio.sleep(_PIECE_SECONDS)  # a reset discards what the client has not read yet
        raise ending

    return half


def answering(said: Callable[[bytes], bytes | None]) -> Bring:
    """Answer in the server's place, which never hears of the request; where `said` is None it passes."""

    async def answered(exchange: Exchange) -> None:
        words = said(exchange.request)
        if words is None:
            await passing(exchange)
        else:
            exchange.writer.write(words)

    return answered


class Wire:
    """From a port of its own to the server at `upstream`; counts what is asked over it."""

    def __init__(self, upstream: int, speech: Speech, *, host: str = LOOPBACK, port: int = 0) -> None:
        self.host, self.port = host, port
        self.times: list[float] = []
        """When each request came, and each connection that was torn down at once (`time.monotonic`)."""
        self.connections = 0
        """How many were made."""
        self._upstream = upstream
        self._speech = speech
        self._bring: Bring = passing
        self._resets_connections = False
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._listener: Listener | None = None
        self._open: dict[asyncio.StreamWriter, asyncio.Task[None]] = {}

    def __enter__(self) -> Self:
        self._thread.start()
        self._do(self._listen())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.refuse()
        self._do(asyncio.sleep(_PIECE_SECONDS))  # what was torn down is closed in the loop's next round
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def bring(self, fault: Bring) -> None:
        """From now on every request meets `fault`, also on connections that are open."""
        self._bring = fault

    def refuse(self) -> None:
        """Listen no more, and tear down what is connected."""
        self._do(self._leave())

    def tear_down(self) -> None:
        """Tear down what is connected, and whoever connects."""
        self._resets_connections = True
        self._do(self._reset_all())

    def heal(self) -> None:
        """Be a wire again. A connection that met silence stays silent, as one does that a firewall forgot."""
        self._bring, self._resets_connections = passing, False
        self._do(self._listen())

    def move(self, host: str) -> None:
        """Listen at another address, and no more where it was."""
        self.refuse()
        self.host = host
        self.heal()

    def asked_since(self, moment: float) -> int:
        """Requests since then."""
        return sum(each >= moment for each in tuple(self.times))

    def _do(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(_START_SECONDS)

    async def _listen(self) -> None:
        if self._listener is None:
            self._listener = Listener(self._accept, host=self.host, port=self.port)
            await self._listener.open()
            self.port = self._listener.port

    async def _leave(self) -> None:
        await self._reset_all()
        if self._listener is not None:
            await self._listener.close()
            self._listener = None

    async def _reset_all(self) -> None:
        tasks = list(self._open.values())
        for writer, task in self._open.items():
            _tear(writer)
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._resets_connections:
            self.times.append(time.monotonic())
            _tear(writer)
            return
        self.connections += 1
        task = asyncio.current_task()
        assert task is not None
        self._open[writer] = task
        try:
            await self._relay(reader, writer)
        except Reset:
            _tear(writer)
        except Cut:
            pass
        finally:
            del self._open[writer]

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answers, requests = await asyncio.open_connection(LOOPBACK, self._upstream)
        try:
            while True:
                request = await self._speech.request(reader)
                self.times.append(time.monotonic())
                asked = partial(self._ask, request, answers, requests)
                await self._bring(Exchange(request, asked, writer))
                await writer.drain()
        finally:
            requests.close()

    async def _ask(
        self, request: bytes, answers: asyncio.StreamReader, requests: asyncio.StreamWriter
    ) -> bytes:
        requests.write(request)
        return await self._speech.answer(answers, request)


def _tear(writer: asyncio.StreamWriter) -> None:
    """A reset, not an end: nothing lingers."""
    raw: socket.socket | None = writer.get_extra_info("socket")
    if raw is not None and raw.fileno() >= 0:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
