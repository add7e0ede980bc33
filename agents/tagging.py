"""The agent of the live lane."""

from __future__ import annotations

from faust.types import StreamT

from schemas import topics
from streams.app import StreamApp


def attach(app: StreamApp) -> None:
    """Let `app` read the uploads topic."""
    # Raw bytes and no acks: decoding is the pipeline's, offsets are the window's (ADR 2).
    uploads = app.topic(topics.UPLOADED, acks=False, key_serializer="raw", value_serializer="raw")

    @app.agent(uploads, name="tagging")
    async def tagging(stream: StreamT[bytes]) -> None:
        async for event in stream.noack().events():  # type: ignore[attr-defined]  # Faust forgets to declare it
            await app.admit(event)
