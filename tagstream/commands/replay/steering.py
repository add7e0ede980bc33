"""`tagstream replay status`, `list`, `pause`, `cancel` and `rate`."""

from __future__ import annotations

from typing import Annotated

import typer

from tagstream.commands.replay.running import Job
from tagstream.commands.replay.start import Json


def status(
    job: Annotated[str | None, typer.Argument(metavar="JOB", help="The newest one if absent.")] = None,
    *,
    as_json: Json = False,
) -> None:
    """Show a job: how far it is, who runs it, what waits, what changed, what is unfinished.

    For example:

    - `tagstream replay status`

    - `tagstream replay status replay-20261128T101500Z --json | jq .unfinished`
    """
    import asyncio

    from operations import rescore_desk
    from tagstream.commands.environment import load_settings
    from tagstream.render import replay as render

    render.show_standing(asyncio.run(rescore_desk.standing(load_settings(), job)), as_json=as_json)


def list_(*, as_json: Json = False) -> None:
    """Show every job, the oldest first.

    For example:

    - `tagstream replay list`

    - `tagstream replay list --json | jq '.jobs[] | select(.is_orphaned) | .id'`
    """
    import asyncio

    from operations import rescore_desk
    from tagstream.commands.environment import load_settings
    from tagstream.render import replay as render

    render.show_list(asyncio.run(rescore_desk.every(load_settings())), as_json=as_json)


def pause(job: Job, *, as_json: Json = False) -> None:
    """Have a job rest: what it has in the lane is done, a page or two, and its runner stops.

    For example:

    - `tagstream replay pause replay-20261128T101500Z`

    - `tagstream replay pause replay-20261128T101500Z --json`
    """
    import asyncio

    from operations import rescore_desk, rescore_jobs
    from tagstream.commands.environment import load_settings
    from tagstream.render import replay as render

    paused = asyncio.run(rescore_desk.steered(load_settings(), lambda jobs: rescore_jobs.pause(jobs, job)))
    render.show_steered(paused, as_json=as_json)


def cancel(job: Job, *, as_json: Json = False) -> None:
    """End a job for good: workers pass over what it has in the lane, within seconds.

    For example:

    - `tagstream replay cancel replay-20261128T101500Z`

    - `tagstream replay cancel replay-20261128T101500Z --json`
    """
    import asyncio

    from operations import rescore_desk, rescore_jobs
    from tagstream.commands.environment import load_settings
    from tagstream.render import replay as render

    cancelled = asyncio.run(
        rescore_desk.steered(load_settings(), lambda jobs: rescore_jobs.cancel(jobs, job))
    )
    render.show_steered(cancelled, as_json=as_json)


def rate(
    job: Job,
    images: Annotated[float, typer.Argument(min=0, metavar="N", help="Images a second, at most; 0: any.")],
    *,
    as_json: Json = False,
) -> None:
    """Have a job go slower or faster, also while it runs.

    For example:

    - `tagstream replay rate replay-20261128T101500Z 50`

    - `tagstream replay rate replay-20261128T101500Z 0 --json`
    """
    import asyncio

    from operations import rescore_desk, rescore_jobs
    from tagstream.commands.environment import load_settings
    from tagstream.render import replay as render

    paced = asyncio.run(
        rescore_desk.steered(load_settings(), lambda jobs: rescore_jobs.set_rate(jobs, job, images or None))
    )
    render.show_steered(paced, as_json=as_json)
