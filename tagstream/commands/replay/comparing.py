"""`tagstream replay report` and `tagstream replay publish`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from operations.rescore_report import MOST_FLIPS
from tagstream.commands.replay.running import Job
from tagstream.commands.replay.start import Json

Most = Annotated[
    float, typer.Option("--most", min=0, max=1, metavar="SHARE", help="Of the images that a tag may flip on.")
]


def report(
    job: Job,
    *,
    html: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Also a page with the images that moved the most.")
    ] = None,
    most: Most = MOST_FLIPS,
    as_json: Json = False,
) -> None:
    """Show what a shadow would change: each tag kept, added and removed, from what to what, and for whom.

    While it runs, of what it has scored so far. Nothing is changed by it.

    For example:

    - `tagstream replay report replay-20261128T101500Z --html report.html`

    - `tagstream replay report replay-20261128T101500Z --json | jq .labels`
    """
    import asyncio

    from operations import rescore_desk, rescore_pictures, rescore_report
    from tagstream.commands.environment import load_settings
    from tagstream.render import replay_report as render

    config = load_settings()
    made = rescore_report.of(asyncio.run(rescore_desk.standing(config, job)).job, most=most)
    if html is not None:
        pictures = asyncio.run(rescore_pictures.pictures(config, made.diff.movers))
        render.write(made, pictures, to=html)
        typer.echo(f"written to {html}", err=True)
    if as_json:
        typer.echo(json.dumps(made.document()))
    else:
        render.show(made)


def publish(
    job: Job,
    *,
    accept: Annotated[
        bool, typer.Option("--accept", help="Also where a tag flips on more images than --most says.")
    ] = False,
    most: Most = MOST_FLIPS,
    as_json: Json = False,
) -> None:
    """Make the scores of a finished shadow hold, and tell what they change.

    No image is scored again. What a person has decided stays. Consumers hear of changed images alone, each
    with the tags before and after. Broken off, the same command goes on; finished, it does nothing.

    For example:

    - `tagstream replay publish replay-20261128T101500Z`

    - `tagstream replay publish replay-20261128T101500Z --accept --json | jq .counts`
    """
    import asyncio

    from operations import rescore
    from tagstream.commands.environment import load_settings
    from tagstream.render import replay as render

    with render.watching(as_json=as_json) as watch:
        done = asyncio.run(rescore.publish(load_settings(), job, watch, most=most, accept=accept))
    render.show_job(done, as_json=as_json)
