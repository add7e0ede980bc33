"""`tagstream worker`: one worker process."""

from __future__ import annotations


def worker() -> None:
    """Tag what is uploaded, until SIGTERM.

    Reads `photos.uploaded.v1`, fetches each photograph, scores it and says what it saw. Run as many
    as you like: they share the topic's partitions. Everything is set by the environment; see
    `tagstream config show`.

    Example: `TAGSTREAM_KAFKA__BROKERS=kafka:9092 TAGSTREAM_S3__BUCKETS='["photos"]' tagstream worker`
    """
    from agents.wiring import settings

    config = settings.load()  # before torch is imported: a wrong setting is said at once
    from agents.wiring import worker
    from agents.wiring.components import open_components

    worker.run(config, open_components)
