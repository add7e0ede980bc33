"""A small HTTP server for tests: a plain function answers."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from tests.listener import Listener


@dataclass(frozen=True)
class Request:
    """What was asked; header names in lower case."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True)
class Answer:
    """What is said to it."""

    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)

    def spelled(self, method: str) -> bytes:
        said = {"Content-Length": str(len(self.body)), "Connection": "close", **self.headers}
        lines = [f"HTTP/1.1 {self.status} x", *(f"{name}: {value}" for name, value in said.items()), "", ""]
        return "\r\n".join(lines).encode() + (b"" if method == "HEAD" else self.body)


@asynccontextmanager
async def serving(
    answer: Callable[[Request], Answer], context: ssl.SSLContext | None = None
) -> AsyncIterator[str]:
    """The server's `host:port`."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await _request(reader, writer)
        writer.write(answer(request).spelled(request.method))
        await writer.drain()

    async with Listener(serve, context=context) as listener:
        yield listener.address


async def _request(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Request:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    method, path, _ = head[0].split(" ")
    pairs = (line.split(":", 1) for line in head[1:] if line)
    headers = {name.strip().lower(): value.strip() for name, value in pairs}
    if headers.get("expect") == "100-continue":
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    return Request(method, path, headers, body)
