"""Wiring of renditions: where they are kept, opened for whoever reads or writes them."""

from __future__ import annotations

from contextlib import AsyncExitStack

from agents.renditions import Renditions
from agents.wiring.backends import s3_settings
from agents.wiring.runtime import ProcessRuntime
from agents.wiring.settings import Settings
from streams.adapters.s3.renditions import S3Renditions
from streams.ports import WholeStore


async def open_renditions(
    settings: Settings, runtime: ProcessRuntime, scores: WholeStore, stack: AsyncExitStack
) -> Renditions | None:
    """Where renditions are kept, until `stack` closes; None where none are."""
    place, recipe = settings.renditions.place, settings.renditions.recipe
    if place is None or recipe is None:
        return None
    kept = S3Renditions(place, s3_settings(settings))
    store = await runtime.opened(kept, "TAGSTREAM_S3__ENDPOINT_URL", stack)
    return await stack.enter_async_context(Renditions(store, recipe, scores, runtime.metrics.renditions))
