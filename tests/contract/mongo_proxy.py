"""A TCP proxy that knows where MongoDB's messages end, so that a fault can strike between two of them."""

from __future__ import annotations

import asyncio
import struct
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import bson

from tests.listener import Listener

HEADER_BYTES = 16
OP_MSG = 2013
BODY_AT = HEADER_BYTES + 4 + 1
"""Behind the header come the flags, and the kind of the first section."""

Act = Callable[[], Awaitable[None]]


class Cut(Exception):
    """The connection breaks here."""


async def cut() -> None:
    raise Cut


async def nothing() -> None:
    pass


async def forever() -> None:
    await asyncio.Event().wait()


@dataclass(frozen=True, slots=True)
class Fault:
    """What happens to one command, before the server gets it and before its answer is handed on."""

    before: Act = nothing
    after: Act = nothing
    answer: Mapping[str, Any] | None = None
    """What is said in the server's place, which never hears of the command."""


class MongoProxy:
    """Between a client and the server at `port`; counts commands, and brings the faults it is told."""

    def __init__(self, port: int) -> None:
        self._upstream = port
        self._faults: dict[str, list[Fault]] = {}
        self._listener = Listener(self._accept)
        self.commands: Counter[str] = Counter()
        """How many of each came, as `update images`."""

    async def __aenter__(self) -> Self:
        await self._listener.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._listener.close()

    @property
    def url(self) -> str:
        return f"mongodb://{self._listener.address}"

    def strike(self, command: str, fault: Fault, *, times: int = 1) -> None:
        """Bring the fault to the next `times` of this command, as `update images`."""
        self._faults.setdefault(command, []).extend([fault] * times)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(Cut):
            await self._relay(reader, writer)

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answers, requests = await asyncio.open_connection("127.0.0.1", self._upstream)
        try:
            while True:
                request = await message(reader)
                fault = self._fault_of(request)
                await fault.before()
                if fault.answer is None:
                    requests.write(request)
                    answer = await message(answers)
                else:
                    answer = reply(request, fault.answer)
                await fault.after()
                writer.write(answer)
        finally:
            requests.close()

    def _fault_of(self, request: bytes) -> Fault:
        command = command_of(request)
        self.commands[command] += 1
        waiting = self._faults.get(command)
        return waiting.pop(0) if waiting else Fault()


async def message(reader: asyncio.StreamReader) -> bytes:
    header = await reader.readexactly(HEADER_BYTES)
    (length,) = struct.unpack_from("<i", header)
    return header + await reader.readexactly(length - HEADER_BYTES)


def reply(request: bytes, body: Mapping[str, Any]) -> bytes:
    encoded = bson.encode(body)
    (answered,) = struct.unpack_from("<i", request, 4)
    return struct.pack("<iiiiiB", BODY_AT + len(encoded), 0, answered, OP_MSG, 0, 0) + encoded


def command_of(message: bytes) -> str:
    """The message's command and collection, as `update images`."""
    (code,) = struct.unpack_from("<i", message, 12)
    if code != OP_MSG:
        return ""
    (size,) = struct.unpack_from("<i", message, BODY_AT)
    body = bson.decode(message[BODY_AT : BODY_AT + size])
    name = next(iter(body))
    return f"{name} {body[name]}"
