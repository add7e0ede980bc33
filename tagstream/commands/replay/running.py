"""`tagstream replay resume` and `tagstream replay run`."""

from __future__ import annotations

from typing import Annotated

import typer

from tagstream.commands.replay.start import Json

Job = Annotated[str, typer.Argument(metavar="JOB", help="As `tagstream replay list` says.")]


def resume(
    job: Job,
    *,
    accept_gone: Annotated[
        bool, typer.Option("--accept-gone", help="Go on though retention has deleted some of the uploads.")
    ] = False,
    from_store: Annotated[
        bool,
        typer.Option("--from-store", help="Go on by what the store knows, and ask the topic no more."),
    ] = False,
    as_json: Json = False,
) -> None:
    """Run a job that is paused or has failed, or whose runner has died.

    It goes on from its checkpoint. A job that somebody runs is left to them: a runner that was killed
    is missed 20 seconds later.

    For example:

    - `tagstream replay resume replay-20261128T101500Z`

    - `tagstream replay resume replay-20261128T101500Z --from-store`, where the uploads have expired

    - `tagstream replay resume replay-20261128T101500Z --json | jq .counts`
    """
    import asyncio

    from operations import rescore
    from tagstream.commands.environment import load_settings
    from tagstream.render import replay as render

    with render.watching(as_json=as_json) as watch:
        done = asyncio.run(
            rescore.resume(load_settings(), job, watch, accept_gone=accept_gone, from_store=from_store)
        )
    render.show_job(done, as_json=as_json)


def run(
    *, as_json: Annotated[bool, typer.Option("--json", help="A JSON object a change of a job.")] = False
) -> None:
    """Run whatever job has no runner, until stopped; as a service of its own, on any machine.

    Jobs run beside each other. Any number of these may run: each job has one runner, and when that
    dies another takes it over.

    For example:

    - `tagstream replay run`

    - `tagstream replay run --json >> replays.jsonl`
    """
    import asyncio

    from operations import rescore
    from tagstream.commands.environment import load_settings
    from tagstream.render import replay as render

    told = render.ReplayLines(as_json=as_json)
    with render.stopped_in_order():
        asyncio.run(rescore.run_all(load_settings(), told, failed=told.failed))
