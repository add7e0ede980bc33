"""`tagstream serve`: the HTTP API."""

from __future__ import annotations


def serve() -> None:
    """Answer predictions over HTTP, until SIGTERM.

    Serves the model through decoders and a batcher of its own: `POST /v1/predictions` takes a photograph, or
    the place of one in storage, and answers what the model says of it. Nothing of a prediction is stored or
    announced. Callers need a key, which `tagstream keys create` makes.

    Everything is set by the environment; see `tagstream config show`. It listens on loopback, unless
    TAGSTREAM_API__HOST says otherwise, and speaks no TLS: put it behind a proxy that does.

    For example:

    - `TAGSTREAM_S3__BUCKETS='["photos"]' tagstream serve`

    - `curl -H "Authorization: Bearer $KEY" -F image=@table.jpg http://127.0.0.1:8000/v1/predictions`
    """
    from agents.wiring import settings
    from agents.wiring.settings import mask

    config = settings.load()  # before the model's libraries are imported: a wrong setting is said at once
    import asyncio

    from agents.telemetry import logs
    from console import server

    logs.configure(config.log, mask=mask(config))
    asyncio.run(server.serve(config))
