"""`tagstream dev`: the whole system on this machine, left running."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from schemas.errors import ConfigurationError


def dev(  # noqa: PLR0913 - one parameter an option
    *,
    folder: Annotated[
        Path, typer.Option(metavar="DIR", help="Where `.tagstream/` goes: state, tags and logs.")
    ] = Path(),
    workers: Annotated[int, typer.Option(min=1, max=16, help="Worker processes.")] = 1,
    metrics_port: Annotated[
        int | None,
        typer.Option(min=1, max=65_535, help="Of the first worker's /metrics; a free one if absent."),
    ] = None,
    keep: Annotated[bool, typer.Option("--keep", help="Go on with the tags of the last run.")] = False,
    has_api: Annotated[bool, typer.Option("--api/--no-api", help="Answer predictions over HTTP.")] = True,
    api_port: Annotated[
        int | None, typer.Option(min=1, max=65_535, help="Of the API; a free one if absent.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
) -> None:
    """Run the whole system on this machine.

    A Kafka broker, an S3 endpoint, a store, a worker with the packaged model and the HTTP API (`tagstream
    serve`), embedded and on loopback only, until Ctrl-C.

    Commands in another terminal, in this folder or below it, find it by themselves; only where the
    environment names a broker, an S3 endpoint or a store of its own do they go there instead.

    The broker and the S3 endpoint live in memory: topics and photographs are gone when this ends, and
    the broker keeps about 5 MB a partition. The store is a file, `.tagstream/scores.sqlite`, and stays to
    be looked at; the next run begins with an empty one, unless --keep says otherwise: with tags that
    count as announced although its topics have never heard of them.

    A photograph that another S3 client puts is not noticed, since the endpoint tells nobody: use
    `tagstream upload PATH`, or announce it with `tagstream upload s3://photos/KEY`.

    Each start makes an API key named `dev` for all that the API has, erasures too, good for a day, and shows
    its token, which is kept nowhere. With --keep those of earlier runs are revoked.

    A worker that dies is replaced, as the API is; the third death within two minutes ends it all, with exit
    code 1.

    For example:

    - `tagstream dev`

    - `tagstream dev --workers 2 --keep`

    - `tagstream dev --json | jq -r --unbuffered 'select(.what == "started").curl'`

    - `tagstream dev --json | jq 'select(.what == "photograph").value.tags'`
    """
    import asyncio

    from tagstream.dev.dev_run import DevOptions, run
    from tagstream.dev.screen import Lines, Terminal

    if not folder.is_dir():
        raise ConfigurationError(f"--folder {folder}: there is no such folder")
    if api_port is not None and not has_api:
        raise ConfigurationError("--api-port: there is no API with --no-api; leave one of them out")
    asked = DevOptions(folder, workers, metrics_port, keep, has_api, api_port)
    asyncio.run(run(asked, Lines() if as_json else Terminal()))
