"""`tagstream replay`: score again what was uploaded before."""

from __future__ import annotations

from typing import Annotated

import typer


def replay(  # noqa: PLR0913 - one parameter an option
    *,
    start: Annotated[
        str,
        typer.Option("--from", metavar="earliest|TIME|OFFSETS", help="As 2026-05-01T00:00Z, or 0:120,1:98."),
    ],
    model: Annotated[
        str | None,
        typer.Option(metavar="VERSION", help="The version wanted; that of the settings if absent."),
    ] = None,
    restaurant: Annotated[
        str | None, typer.Option(metavar="ID", help="Only this restaurant's photographs.")
    ] = None,
    only_missing: Annotated[
        bool, typer.Option("--only-missing", help="Only photographs that no version has ever scored.")
    ] = False,
    decide_again: Annotated[
        bool,
        typer.Option("--decide-again", help="Also what has the scores: decided anew, by the routes of now."),
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Count, and send nothing.")] = False,
    wait: Annotated[bool, typer.Option(help="Wait for the workers, and say what changed.")] = True,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document.")] = False,
) -> None:
    """Score again what was uploaded before.

    Reads the uploads topic beside the live workers, and sends every photograph that lacks scores of
    the wanted version to the replay lane. Workers in which that version is resident score it behind
    live traffic; people hear of changed verdicts only. Safe to break off and to run again.

    For example:

    - `tagstream replay --from earliest --dry-run`

    - `tagstream replay --from 2026-05-01T00:00Z --model 2`

    - `tagstream replay --from earliest --decide-again` after a change of routes

    - `tagstream replay --from earliest --only-missing --json | jq .summary`
    """
    import asyncio

    from agents.wiring import settings
    from operations import rescore
    from operations.rescore_selection import RescoreSelection
    from tagstream.render import replay as render

    config = settings.load()
    wanted = RescoreSelection(
        model or "", restaurant_id=restaurant, only_missing=only_missing, decide_again=decide_again
    )
    job = rescore.make_job(config, start=start, wanted=wanted)
    with render.progress(quiet=as_json) as tell:
        done = asyncio.run(rescore.run(config, job, tell=tell, dry_run=dry_run, wait=wait))
    render.say(done, as_json=as_json)
