"""The agents: one for each topic that a worker reads."""

from __future__ import annotations

from typing import Final

from faust.types import StreamT

from schemas import topics
from streams.app import StreamApp

LANES: Final = {
    "tagging": topics.UPLOADED,
    "retrying": topics.RETRY,
    "deciding": topics.DECISIONS,
    "rescoring": topics.RESCORE,
}
"""Each agent's name, and what it reads. Each has a buffer of its own: one that waits holds up no other."""


def attach(app: StreamApp) -> None:
    """Let `app` read every lane."""
    for name, topic in LANES.items():
        _attach(app, name, topic)


def _attach(app: StreamApp, name: str, topic: str) -> None:
    # Raw bytes and no acks: decoding is the handler's, offsets are the window's (ADR 2).
    channel = app.topic(topic, acks=False, key_serializer="raw", value_serializer="raw")

    @app.agent(channel, name=name)
    async def lane(stream: StreamT[bytes]) -> None:
        async for event in stream.noack().events():  # type: ignore[attr-defined]  # Faust forgets to declare it
            await app.admit(event)
