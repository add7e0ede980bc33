"""HTTP session of S3's clients: aiobotocore's own, but for redirects and connections that were dropped.

A storage, or a firewall on the way, may drop a connection that was kept for the next read, and be well.
Libraries try such a read once or twice again, each time with the next kept connection, which was dropped as
well. Here a read is tried again until its connection is a new one: what that meets is true of the storage.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, Final, Self

from aiobotocore.httpsession import AIOHTTPSession
from aiohttp import ClientOSError, ClientSession, ServerDisconnectedError, TraceConfig

_READS: Final = frozenset({"GET", "HEAD"})


async def _reused(_session: ClientSession, context: SimpleNamespace, _params: object) -> None:
    context.trace_request_ctx.is_reused = True


async def _new(_session: ClientSession, context: SimpleNamespace, _params: object) -> None:
    context.trace_request_ctx.is_reused = False


def _connections() -> TraceConfig:
    traced = TraceConfig()
    traced.on_connection_reuseconn.append(_reused)
    traced.on_connection_create_start.append(_new)
    traced.freeze()
    return traced


_CONNECTIONS: Final = _connections()
"""Notes on a request's context where its connection is from."""


@dataclass(eq=False)
class Exchange:
    """A call of a client whose first try may have been made already."""

    answer: Any = None
    """What that was answered with, as `StayingSession.send` returns it."""
    failed: Exception | None = None
    """What it failed with."""
    session: StayingSession | None = None
    """Whose connections the client uses, once it has used them."""

    @contextmanager
    def under_way(self) -> Iterator[Self]:
        """The call is made within, by this task."""
        token = _EXCHANGE.set(self)
        try:
            yield self
        finally:
            _EXCHANGE.reset(token)

    @classmethod
    def current(cls) -> Exchange | None:
        """That of the call that this task makes."""
        return _EXCHANGE.get()

    def take(self) -> Any:  # noqa: ANN401 - aiobotocore's response
        """What the first try came to, once; None where it is still to be made."""
        answer, failed = self.answer, self.failed
        self.answer = self.failed = None
        if failed is not None:
            raise failed
        return answer


_EXCHANGE: Final[ContextVar[Exchange | None]] = ContextVar("exchange", default=None)


class StayingSession(AIOHTTPSession):
    """aiobotocore's session; an answer that redirects is an answer."""

    async def send(self, request: Any) -> Any:  # noqa: ANN401 - aiobotocore's request and response
        """The answer to `request`, or what the call's first try came to."""
        exchange = Exchange.current()
        if exchange is not None:
            exchange.session = self
            if (answer := exchange.take()) is not None:
                return answer
        return await super().send(request)

    async def _get_session(self, proxy_url: str | None) -> _Staying:
        session = await super()._get_session(proxy_url)  # type: ignore[misc]  # its stub has no private names
        if _CONNECTIONS not in session.trace_configs:
            session.trace_configs.append(_CONNECTIONS)
        return _Staying(session)


class _Staying:
    """What aiobotocore uses of aiohttp's session. A test sends it elsewhere."""

    def __init__(self, session: Any) -> None:  # noqa: ANN401 - aiohttp's
        self._session = session

    async def request(self, method: str, **given: Any) -> Any:  # noqa: ANN401 - aiohttp's own
        for _ in range(self._session.connector.limit):  # each that was dropped has left the pool
            connection = SimpleNamespace(is_reused=False)
            try:
                return await self._ask(method, connection, given)
            except (ClientOSError, ServerDisconnectedError):
                if method not in _READS or not connection.is_reused:
                    raise
        return await self._ask(method, SimpleNamespace(), given)

    async def _ask(self, method: str, connection: SimpleNamespace, given: dict[str, Any]) -> Any:  # noqa: ANN401
        return await self._session.request(
            method, allow_redirects=False, trace_request_ctx=connection, **given
        )
