"""A server of a test's own. Once it is closed, none of its connections is left open.

asyncio's server forgets those that it accepts while it closes, and those whose TLS handshake still goes on;
the collector then finds them in some later test.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable
from contextlib import suppress
from types import TracebackType
from typing import Final, Self

from tagstream.embedded_stack import free_port

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

LOOPBACK: Final = "127.0.0.1"
_WAITING: Final = 100
"""Connections that the system keeps until they are accepted."""
_CLOSING_SECONDS: Final = 10.0


class Listener:
    """Serves each connection with `serve`, over TLS with a `context`; a port of 0 is one that is free.

    A connection ends when `serve` does: by returning, by what a client does to it, or cancelled by `close`.
    Any other error of `serve` is raised by `close`.
    """

    def __init__(
        self, serve: Serve, *, host: str = LOOPBACK, port: int = 0, context: ssl.SSLContext | None = None
    ) -> None:
        self.host, self.port = host, port
        self._serve = serve
        self._context = context
        self._connections: dict[asyncio.Task[None], socket.socket] = {}

    @property
    def address(self) -> str:
        """Its `host:port`."""
        return f"{self.host}:{self.port}"

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def open(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._socket = socket.create_server((self.host, self.port), backlog=_WAITING)
        self._socket.settimeout(0)
        self.port = self._socket.getsockname()[1]
        self._loop.add_reader(self._socket, self._accept)

    async def close(self) -> None:
        """Listen no more, and end all connections."""
        self._loop.remove_reader(self._socket)
        self._socket.close()
        await asyncio.sleep(0)  # each connection's task has begun, and so will close it
        for task in self._connections:
            task.cancel()
        await asyncio.gather(*self._connections)
        async with asyncio.timeout(_CLOSING_SECONDS):
            while any(map(_is_open, self._connections.values())):
                await asyncio.sleep(0)  # what is aborted is closed in one of the loop's next rounds

    def _accept(self) -> None:
        with suppress(BlockingIOError, ConnectionAbortedError):
            connection, _ = self._socket.accept()
            self._forget_what_is_over()
            self._connections[self._loop.create_task(self._keep(connection))] = connection

    def _forget_what_is_over(self) -> None:
        for task, connection in tuple(self._connections.items()):
            if task.done() and task.exception() is None and not _is_open(connection):
                del self._connections[task]

    async def _keep(self, connection: socket.socket) -> None:
        reader = asyncio.StreamReader()
        end = asyncio.StreamReaderProtocol(reader)
        with suppress(OSError, EOFError, asyncio.CancelledError):
            transport, _ = await self._loop.connect_accepted_socket(
                lambda: end, connection, ssl=self._context
            )
            try:
                writer = asyncio.StreamWriter(transport, end, reader, self._loop)
                await self._serve(reader, writer)
                writer.close()
                await writer.wait_closed()
            finally:
                transport.abort()  # at once: TLS's farewell might come after the loop has ended


def _is_open(connection: socket.socket) -> bool:
    return connection.fileno() >= 0


def nobody() -> str:
    """The `host:port` of a port at which nobody listens."""
    return f"{LOOPBACK}:{free_port()}"
