"""Body guard: what bodies may be, and how they may come, as an app behind it sees them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest
from starlette.types import Message, Receive, Scope, Send

from console.body_guard import BodyGuard
from console.problems import Problem
from schemas.api_settings import ApiSettings
from tests.unit.console_rig import Hand, limits

CHUNKED = {b"transfer-encoding": b"chunked"}


class Eater:
    """An app that reads a body to its end, and says so."""

    def __init__(self, *, reads: bool = True) -> None:
        self.eaten = b""
        self._reads = reads

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        more = self._reads
        while more:
            message = await receive()
            self.eaten += message.get("body", b"")
            more = message.get("more_body", False)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"answer"})


class Line:
    """One connection: parts that come each after some seconds."""

    def __init__(self, clock: Hand, *parts: bytes, seconds: float = 0.0, ends: bool = True) -> None:
        self._clock = clock
        self._parts = [*parts]
        self._seconds = seconds
        self._ends = ends
        self.sent: list[Message] = []
        self.told_before = 0
        """Messages that were sent before the first part was asked for behind them."""

    async def receive(self) -> Message:
        """The next part; waits for ever behind the last one where the body does not end."""
        if not self._parts:
            await asyncio.Event().wait()
        self._clock.now += self._seconds
        body = self._parts.pop(0)
        self.told_before = self.told_before or len(self.sent)
        return {"type": "http.request", "body": body, "more_body": bool(self._parts) or not self._ends}

    async def send(self, message: Message) -> None:
        """Kept."""
        self.sent.append(message)

    @property
    def left(self) -> int:
        """Parts that nobody has asked for."""
        return len(self._parts)

    @property
    def is_closed(self) -> bool:
        """Whether the other end is told that the connection ends."""
        return (b"connection", b"close") in self.sent[0]["headers"]


async def guarded(
    app: Eater,
    line: Line,
    clock: Hand,
    headers: Mapping[bytes, bytes] = CHUNKED,
    settings: ApiSettings | None = None,
) -> None:
    guard = BodyGuard(app, limits=settings or limits(), clock=clock)
    await guard(_scope(headers), line.receive, line.send)


def _scope(headers: Mapping[bytes, bytes]) -> dict[str, Any]:
    return {"type": "http", "headers": list(headers.items())}


async def test_a_body_passes_as_it_came() -> None:
    clock, app = Hand(), Eater()
    line = Line(clock, b"one", b"", b"two")
    await guarded(app, line, clock)
    assert app.eaten == b"onetwo"
    assert not line.is_closed


async def test_a_body_of_just_the_cap_passes() -> None:
    clock, app = Hand(), Eater()
    line = Line(clock, b"12345")
    await guarded(app, line, clock, {b"content-length": b"5"}, limits(body_bytes=5))
    assert app.eaten == b"12345"


async def test_a_declared_length_above_the_cap_is_refused_before_a_byte_is_read() -> None:
    clock, app = Hand(), Eater()
    with pytest.raises(Problem) as refused:
        await guarded(app, Line(clock, b"123456"), clock, {b"content-length": b"6"}, limits(body_bytes=5))
    assert refused.value.kind.code == "too-large"
    assert app.eaten == b""


async def test_who_never_reads_a_body_never_hears_of_it_and_the_connection_is_closed() -> None:
    clock, line = Hand(), Line(Hand(), b"123456")
    await guarded(Eater(reads=False), line, clock, {b"content-length": b"6"}, limits(body_bytes=5))
    assert line.sent[0]["status"] == 200
    assert line.is_closed


async def test_a_body_that_nobody_has_read_goes_by_behind_the_answer() -> None:
    clock, line = Hand(), Line(Hand(), b"123", b"456")
    await guarded(Eater(reads=False), line, clock)
    assert line.told_before == 2
    assert [each.get("body") for each in line.sent[1:]] == [b"answer", b""]
    assert [each.get("more_body", False) for each in line.sent[1:]] == [True, False]
    assert line.left == 0


async def test_no_more_of_a_body_goes_by_than_twice_what_one_may_have() -> None:
    clock, line = Hand(), Line(Hand(), *[b"12"] * 9)
    await guarded(Eater(reads=False), line, clock, settings=limits(body_bytes=5))
    assert line.left == 4
    assert line.is_closed


async def test_a_body_that_does_not_come_is_not_waited_for_behind_the_answer() -> None:
    clock, line = Hand(), Line(Hand())
    await guarded(Eater(reads=False), line, clock, settings=limits(slow_seconds=0.01))
    assert line.is_closed


async def test_a_connection_without_a_body_stays() -> None:
    clock, line = Hand(), Line(Hand(), b"")
    await guarded(Eater(reads=False), line, clock, {b"content-length": b"0"})
    await guarded(Eater(reads=False), line, clock, {})
    assert not line.is_closed


async def test_a_length_that_is_no_number_is_counted_as_it_comes() -> None:
    clock, app = Hand(), Eater()
    with pytest.raises(Problem) as refused:
        await guarded(app, Line(clock, b"123456"), clock, {b"content-length": b"few"}, limits(body_bytes=5))
    assert refused.value.kind.code == "too-large"


async def test_a_body_that_drips_is_refused_though_a_part_comes_every_second() -> None:
    clock, app = Hand(), Eater()
    line = Line(clock, *[b"x"] * 60, seconds=1.0)
    with pytest.raises(Problem) as refused:
        await guarded(app, line, clock)
    assert refused.value.kind.code == "too-slow"
    assert len(app.eaten) == 10


async def test_a_body_of_the_least_speed_passes() -> None:
    clock, app = Hand(), Eater()
    await guarded(app, Line(clock, *[b"x" * 1024] * 60, seconds=1.0), clock)
    assert len(app.eaten) == 60 * 1024


async def test_a_body_that_does_not_go_on_is_refused() -> None:
    clock, app = Hand(), Eater()
    line = Line(clock, b"x", ends=False)
    with pytest.raises(Problem) as refused:
        await guarded(app, line, clock, settings=limits(slow_seconds=0.01))
    assert refused.value.kind.code == "too-slow"


async def test_the_memory_of_all_bodies_is_bounded_and_given_back() -> None:
    clock, app = Hand(), Eater()
    guard = BodyGuard(app, limits=limits(bodies_bytes=5), clock=clock)
    with pytest.raises(Problem) as refused:
        await guard(_scope(CHUNKED), (line := Line(clock, b"1234", b"56")).receive, line.send)
    assert refused.value.kind.code == "overloaded"
    await guard(_scope(CHUNKED), (line := Line(clock, b"12345")).receive, line.send)
    assert line.sent[0]["status"] == 200


async def test_what_is_no_request_passes() -> None:
    seen = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG001
        seen.append(scope["type"])

    line = Line(Hand())
    await BodyGuard(app, limits=limits())({"type": "lifespan"}, line.receive, line.send)
    assert seen == ["lifespan"]
