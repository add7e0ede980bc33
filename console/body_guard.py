"""Body guard (ASGI middleware): caps of a body, and its least speed, before any parser sees it.

It says no from within `receive`, so whoever never reads a body never hears of it: a caller without a key is
told that, and not that his body is too large. A connection with a body that nobody has read is closed.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from console import problems
from console.problems import Problem
from schemas.api_settings import ApiSettings

_CLOSE: Final = (b"connection", b"close")


class BodyGuard:
    """Around an app; counts the bytes of all bodies that are in memory."""

    def __init__(
        self, app: ASGIApp, *, limits: ApiSettings, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._app = app
        self._limits = limits
        self._clock = clock
        self._held = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        body = _Body(scope, receive, self)
        try:
            await self._app(scope, body.receive, body.closing(send))
        finally:
            self._held -= body.taken

    def hold(self, count: int) -> None:
        """So many bytes more; raises where that is too many."""
        if self._held + count > self._limits.bodies_bytes:
            raise Problem(
                problems.OVERLOADED, "the bodies of other requests fill the memory that they may take"
            )
        self._held += count

    @property
    def limits(self) -> ApiSettings:
        """What a body may be."""
        return self._limits

    @property
    def now(self) -> float:
        """Seconds."""
        return self._clock()


class _Body:
    """One request's, as it comes."""

    def __init__(self, scope: Scope, receive: Receive, guard: BodyGuard) -> None:
        self.taken = 0
        self._receive = receive
        self._guard = guard
        self._declared = _declared(scope)
        self._is_whole = not _has_body(scope)
        self._since = 0
        self._waited = 0.0

    async def receive(self) -> Message:
        """The next part; raises `Problem` for one too many, or too slow."""
        limits = self._guard.limits
        if not self._is_whole and self._declared > limits.body_bytes:
            raise _too_large(limits.body_bytes)
        message = await self._receive() if self._is_whole else await self._in_time()
        if message["type"] == "http.request":
            self._take(len(message.get("body", b"")))
            self._is_whole = not message.get("more_body", False)
        else:
            self._is_whole = True
        return message

    async def _in_time(self) -> Message:
        """Only what is waited for here counts: our own work makes no body slow."""
        most = self._guard.limits.slow_seconds
        while True:
            if self._waited >= most:
                self._look()
            began = self._guard.now
            try:
                async with asyncio.timeout(most - self._waited):
                    message = await self._receive()
            except TimeoutError:
                self._waited = most
                continue
            self._waited += self._guard.now - began
            return message

    def _look(self) -> None:
        """So much time was waited; raises where it has brought too little."""
        limits = self._guard.limits
        if self._since < limits.slow_bytes * limits.slow_seconds:
            slow = f"less than {limits.slow_bytes} bytes a second for {limits.slow_seconds:g} s"
            raise Problem(problems.TOO_SLOW, slow)
        self._waited, self._since = 0.0, 0

    def _take(self, count: int) -> None:
        self._guard.hold(count)
        self.taken += count
        self._since += count
        if self.taken > self._guard.limits.body_bytes:
            raise _too_large(self._guard.limits.body_bytes)

    def closing(self, send: Send) -> Send:
        """`send`, which tells the other end that a connection is of no more use whose body was not read."""

        async def told(message: Message) -> None:
            if message["type"] == "http.response.start" and not self._is_whole:
                message = {**message, "headers": [*message.get("headers", ()), _CLOSE]}
            await send(message)

        return told


def _declared(scope: Scope) -> int:
    length = dict(scope["headers"]).get(b"content-length", b"0")
    return int(length) if length.isdigit() else 0


def _has_body(scope: Scope) -> bool:
    headers = dict(scope["headers"])
    return b"transfer-encoding" in headers or headers.get(b"content-length", b"0") != b"0"


def _too_large(most: int) -> Problem:
    return Problem(
        problems.TOO_LARGE, f"a body may have {most:,} bytes; TAGSTREAM_API__BODY_BYTES of the server says so"
    )
