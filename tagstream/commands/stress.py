"""`tagstream stress`: photographs at a rate against a running system."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def stress(  # noqa: PLR0913 - one parameter an option
    *,
    rate: Annotated[float, typer.Option(min=0.01, metavar="R", help="Photographs a second.")] = 10.0,
    minutes: Annotated[float, typer.Option(min=0.01, metavar="M", help="For how long.")] = 1.0,
    photographs: Annotated[
        list[Path] | None,
        typer.Option(metavar="PATH", help="Folder or file to take them from; repeatable. Drawn if absent."),
    ] = None,
    p95_limit: Annotated[
        float | None, typer.Option(min=0, metavar="SECONDS", help="From upload to tag; exits 1 beyond it.")
    ] = None,
    lag_limit: Annotated[
        int | None, typer.Option(min=0, metavar="N", help="Uploads not committed; exits 1 beyond it.")
    ] = None,
    patience: Annotated[
        float, typer.Option(min=1, metavar="SECONDS", help="Without a word until the rest is missing.")
    ] = 30.0,
    bucket: Annotated[
        str | None, typer.Option(help="Where they go; the only bucket of TAGSTREAM_S3__BUCKETS if absent.")
    ] = None,
    prefix: Annotated[str, typer.Option(help="In front of every key.")] = "tagstream-stress",
    keep: Annotated[bool, typer.Option("--keep", help="Leave the photographs where they are.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document instead of figures.")] = False,
) -> None:
    """Put photographs at a steady rate through a running system, and measure from upload to tag.

    Each is put into storage and announced at its own time, however slow the system is (an open loop), and
    its latency counts from that time until its tags are on photos.tagged.v1. Where storage announces what
    is put there, that announcement is used; one photograph beforehand finds it out. No two have the same
    bytes. All are the restaurant's `tagstream-stress`, their keys begin with tagstream-stress/.

    In the end the objects are deleted and their images removed, but for those that nothing was heard of;
    the history of their scores stays in the store, as of any removed image. Ctrl-C ends the publishing
    alone; a second one ends all at once, and leaves the objects.

    Exits 1 if a photograph was lost (not published, dead-lettered, or never heard of), or a limit passed.

    For example:

    - `tagstream stress --rate 20 --minutes 5`

    - `tagstream stress --rate 50 --minutes 10 --p95-limit 1 --lag-limit 500 --json`

    - `tagstream stress --rate 5 --photographs ~/Pictures --keep`
    """
    import asyncio
    import os

    from operations import stress as stressing
    from tagstream import samples
    from tagstream.commands.environment import load_settings
    from tagstream.dev import state
    from tagstream.render import stress as render

    config = load_settings()
    request = stressing.StressRequest(
        rate=rate,
        seconds=minutes * 60,
        photographs=tuple(photographs or samples.photographs()),
        drawn=0 if photographs else stressing.DRAWN,
        bucket=bucket,
        prefix=prefix,
        patience=patience,
        keep=keep,
        is_embedded=state.adopted(os.environ, Path.cwd()) is not None,
    )
    with render.live(quiet=False) as progress:
        report = asyncio.run(stressing.stress(request, config, progress))
    failures = stressing.failures(report, p95=p95_limit, lag=lag_limit)
    render.say(report, failures, as_json=as_json)
    if failures:
        raise typer.Exit(1)
