"""Body guard (ASGI middleware): caps of a body, and its least speed, before any parser sees it.

It says no from within `receive`, so whoever never reads a body never hears of it: a caller without a key is
told that, and not that his body is too large. A connection with a body that nobody has read is closed, once
he could read the answer.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from console import problems
from console.problems import Problem
from schemas.api_settings import ApiSettings

_CLOSE: Final = (b"connection", b"close")
_GOES_BY: Final = 2
"""Times what a body may have, of one that nobody reads: what is a little too large is to hear so."""


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
        self._is_slow = False
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
            self._is_slow = True
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
        """`send`, which tells the other end that a connection is of no more use whose body was not read.

        What is still on its way is let go by behind the answer: a connection that is closed over it is reset,
        and then the other end loses the answer, too.
        """

        async def told(message: Message) -> None:
            if self._is_whole:
                await send(message)
                return
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message.get("headers", ()), _CLOSE]}
            elif not message.get("more_body", False):
                await send({**message, "more_body": True})
                await self._let_go_by()
                message = {"type": "http.response.body", "body": b""}
            await send(message)

        return told

    async def _let_go_by(self) -> None:
        """Keep nothing of it; of what is far too large not all, and not for long."""
        limits = self._guard.limits
        left = 0 if self._is_slow else _GOES_BY * limits.body_bytes
        with suppress(TimeoutError):
            async with asyncio.timeout(limits.slow_seconds):
                while left > 0 and not self._is_whole:
                    message = await self._receive()
                    left -= len(message.get("body", b""))
                    self._is_whole = not message.get("more_body", False)


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
