"""A real worker over the real stack whose ports are watched by a saboteur; `FAULT_*` variables say where.

Everything but the network's pixels is the product's: Faust, the window, the handlers, S3, MongoDB, Kafka.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from agents.opened_components import Components
from agents.testing import FakeTagger
from agents.wiring import settings, worker
from agents.wiring.backends import kafka_settings, s3_settings
from agents.wiring.settings import Settings
from agents.wiring.stores import open_store
from agents.wiring.worker import Runtime
from streams.adapters.kafka.publisher import KafkaPublisher
from streams.adapters.s3.images import S3Images
from tests.faults.boundaries import (
    Act,
    Boundary,
    Saboteur,
    WatchedImages,
    WatchedScores,
    WatchedTagger,
    WatchedTags,
)
from tests.query_watch import log_queries


@asynccontextmanager
async def watched_parts(config: Settings, runtime: Runtime) -> AsyncIterator[Components]:
    """The real S3, store and broker, each with the saboteur at its side."""
    saboteur = hired(runtime)
    saboteur.watch_commits()
    async with AsyncExitStack() as stack:
        images = await stack.enter_async_context(S3Images(s3_settings(config)))
        scores = WatchedScores(await stack.enter_async_context(open_store(config.store)), saboteur)
        tags = await stack.enter_async_context(KafkaPublisher(kafka_settings(config)))
        yield Components(
            images=WatchedImages(images, saboteur),
            scores=scores,
            tags=WatchedTags(tags, saboteur, scores.announced),
            tagger=WatchedTagger(FakeTagger(delay=0.01), saboteur),
        )


def hired(runtime: Runtime) -> Saboteur:
    """The saboteur that the environment asks for; one that does nothing where it asks for none."""
    if "FAULT_BOUNDARY" not in os.environ:
        return Saboteur(runtime.app)
    where, act = Boundary(os.environ["FAULT_BOUNDARY"]), Act(os.environ["FAULT_ACT"])
    return Saboteur(runtime.app, where, act, int(os.environ["FAULT_PASSAGE"]))


if __name__ == "__main__":
    log_queries()
    worker.run(settings.load(), watched_parts)
