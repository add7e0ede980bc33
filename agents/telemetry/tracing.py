"""Tracing: one span a message, one a stage, and one a batch that is linked to its images' spans.

OpenTelemetry is imported only where an endpoint is configured (`agents.telemetry.trace_otel`). Without one
`NoTracer` passes a `traceparent` on as it came, and that is all it does.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractContextManager, asynccontextmanager, nullcontext
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Final, Generic, Protocol, TypeVar

from agents.telemetry.attribute import Attribute
from agents.telemetry.settings import TracingSettings

Item = TypeVar("Item")
Result = TypeVar("Result")

Link = Any
"""A span that a batch's span can be linked to; opaque."""


class Span(Protocol):
    """One message's span while it is worked on."""

    @property
    def traceparent(self) -> str | None:
        """For the headers of what goes out because of the message."""

    def note(self, name: str, value: Attribute) -> None:
        """Add an attribute."""


class Tracer(Protocol):
    """Makes spans; within its block a span is the current one of its task (a batch's: of its thread)."""

    def message(
        self, traceparent: str | None, name: str, attributes: Mapping[str, Attribute]
    ) -> AbstractContextManager[Span]:
        """The span of one message's work; a child of `traceparent` where there is one."""

    def request(
        self, traceparent: str | None, name: str, attributes: Mapping[str, Attribute]
    ) -> AbstractContextManager[Span]:
        """The span of one HTTP request's answer; a child of `traceparent` where there is one."""

    def stage(self, name: str) -> AbstractContextManager[object]:
        """A span of a step of the current span."""

    def link(self) -> Link | None:
        """The current span, for the batch that the image will be in."""

    def batch(self, links: Sequence[Link | None]) -> AbstractContextManager[object]:
        """The span of one forward, linked to the spans of its images. In the device's thread."""


@dataclass(frozen=True, slots=True)
class _PassedOn:
    """No span at all."""

    traceparent: str | None

    def note(self, name: str, value: Attribute) -> None:
        """Nobody reads it."""


class NoTracer:
    """Traces nothing."""

    def message(
        self,
        traceparent: str | None,
        name: str,  # noqa: ARG002
        attributes: Mapping[str, Attribute],  # noqa: ARG002
    ) -> AbstractContextManager[Span]:
        """What came is passed on."""
        return nullcontext(_PassedOn(traceparent))

    request = message

    def stage(self, name: str) -> AbstractContextManager[object]:  # noqa: ARG002
        """Nothing."""
        return nullcontext()

    def link(self) -> Link | None:
        """Nothing."""
        return None

    def batch(self, links: Sequence[Link | None]) -> AbstractContextManager[object]:  # noqa: ARG002
        """Nothing."""
        return nullcontext()


NO_TRACER: Final = NoTracer()

TRACEPARENT: Final[ContextVar[str | None]] = ContextVar("traceparent", default=None)
"""Of the message that the current task works on: for the headers of what goes out because of it."""


@dataclass(frozen=True, slots=True)
class Linked(Generic[Item]):
    """One item on its way into a batch, and the span that it belongs to."""

    item: Item
    link: Link | None


def linked(
    tracer: Tracer, forward: Callable[[Sequence[Item]], Sequence[Result]]
) -> Callable[[Sequence[Linked[Item]]], Sequence[Result]]:
    """`forward` over linked items: every forward, also each part of a bisected batch, is a span."""

    def traced(batch: Sequence[Linked[Item]]) -> Sequence[Result]:
        with tracer.batch([each.link for each in batch]):
            return forward([each.item for each in batch])

    return traced


@asynccontextmanager
async def open_tracer(endpoint: str | None, settings: TracingSettings) -> AsyncIterator[Tracer]:
    """A tracer that sends to `endpoint`, if any; what it still holds is sent at the end, within a limit."""
    if not endpoint:
        yield NO_TRACER
        return
    from agents.telemetry.trace_otel import open_otel_tracer  # noqa: PLC0415 - the SDK costs time and memory

    async with open_otel_tracer(endpoint, settings) as tracer:
        yield tracer
