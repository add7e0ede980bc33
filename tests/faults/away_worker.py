"""A worker over real servers with a tagger without a network, whose names a test lets resolve or not."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, Final

from agents.opened_components import Components
from agents.testing import FakeTagger
from agents.wiring import settings, worker
from agents.wiring.backends import kafka_settings, s3_settings
from agents.wiring.settings import Settings
from agents.wiring.stores import open_store
from agents.wiring.worker import Runtime
from streams.adapters.kafka.publisher import KafkaPublisher
from streams.adapters.s3.images import S3Images
from tests.query_watch import log_queries

NAMES: Final = ".test"
"""The domain that `AWAY_NAMES` answers for: a file of JSON, addresses by name."""


def resolve_by(answers: Path) -> None:
    """Beneath every library's own way of resolving: names of our domain are what the file says, or fail."""
    asked: Any = socket.getaddrinfo

    def getaddrinfo(host: Any, *rest: Any, **options: Any) -> Any:
        name = host.decode() if isinstance(host, bytes) else host
        if isinstance(name, str) and name.endswith(NAMES):
            known = json.loads(answers.read_text())
            if name not in known:
                raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
            host = known[name]
        return asked(host, *rest, **options)

    socket.getaddrinfo = getaddrinfo


@asynccontextmanager
async def parts(config: Settings, runtime: Runtime) -> AsyncIterator[Components]:
    dependencies = runtime.dependencies
    patience = {}
    if "AWAY_BROKER_SECONDS" in os.environ:
        seconds = float(os.environ["AWAY_BROKER_SECONDS"])
        patience = {"acknowledge_seconds": seconds, "request_seconds": seconds}
    async with AsyncExitStack() as stack:
        publisher = KafkaPublisher(kafka_settings(config).model_copy(update=patience))
        store = open_store(config.store)
        yield Components(
            images=await stack.enter_async_context(S3Images(s3_settings(config))),
            scores=await dependencies.retry_until_available(lambda: stack.enter_async_context(store)),
            tags=await dependencies.retry_until_available(lambda: stack.enter_async_context(publisher)),
            tagger=FakeTagger(delay=float(os.environ["E2E_DELAY"])),
        )


if __name__ == "__main__":
    if "AWAY_NAMES" in os.environ:
        resolve_by(Path(os.environ["AWAY_NAMES"]))
    log_queries()
    worker.run(settings.load(), parts)
