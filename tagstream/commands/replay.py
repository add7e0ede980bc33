"""`tagstream replay`: score again what was uploaded before."""

from __future__ import annotations

from typing import Annotated

import typer

from schemas.errors import ConfigurationError
from tagstream.commands import replay_plan

app = typer.Typer(invoke_without_command=True)
app.command()(replay_plan.plan)

Json = Annotated[bool, typer.Option("--json", help="One JSON document.")]


@app.callback()
def replay(  # noqa: PLR0913 - one parameter an option
    context: typer.Context,
    *,
    start: Annotated[
        str | None,
        typer.Option("--from", metavar="earliest|TIME|OFFSETS", help="As 2026-05-01T00:00Z, or 0:120,1:98."),
    ] = None,
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
    force: Annotated[
        bool, typer.Option("--force", help="Also for a version that nobody has yet; the lane waits for it.")
    ] = False,
    wait: Annotated[bool, typer.Option(help="Wait for the workers, and say what changed.")] = True,
    as_json: Json = False,
) -> None:
    """Score again what was uploaded before.

    Reads the uploads topic beside the live workers, and sends every photograph that lacks scores of
    the wanted version to the replay lane. Workers in which that version is resident score it behind
    live traffic; people hear of changed verdicts only. Safe to break off and to run again.

    A version that is not the model of the settings, not in the registry, and has scored nothing in the
    store is refused: the lane would wait for it. `tagstream replay drop` takes back what waits.

    For example:

    - `tagstream replay --from earliest --dry-run`

    - `tagstream replay --from 2026-05-01T00:00Z --model 2`

    - `tagstream replay --from earliest --decide-again` after a change of routes

    - `tagstream replay --from earliest --only-missing --json | jq .summary`
    """
    if context.invoked_subcommand is not None:
        return
    if start is None:
        raise ConfigurationError("--from: say where to begin: earliest, a time, or offsets as in 0:120,1:98")
    import asyncio

    from operations import known_versions, rescore
    from operations.rescore_selection import RescoreSelection
    from tagstream.commands.environment import load_settings
    from tagstream.render import replay as render

    config = load_settings()
    wanted = RescoreSelection(
        model or "", restaurant_id=restaurant, only_missing=only_missing, decide_again=decide_again
    )
    job = rescore.make_job(config, start=start, wanted=wanted)
    if model and not force:
        asyncio.run(known_versions.refuse_unknown(config, model))
    with render.progress(quiet=as_json) as tell:
        done = asyncio.run(rescore.run(config, job, tell=tell, dry_run=dry_run, wait=wait))
    render.say(done, as_json=as_json)


@app.command()
def drop(
    *,
    model: Annotated[
        str | None, typer.Option(metavar="VERSION", help="Only replays that want this version.")
    ] = None,
    job: Annotated[
        str | None,
        typer.Option(metavar="JOB", help="Only the replay of this name, as replay-20261127T101500Z."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be dropped.")] = False,
    as_json: Json = False,
) -> None:
    """Drop what waits in the replay lane.

    The store remembers which replays are dropped, and workers pass over what they ask for, now or when
    they start; within seconds, where they run. A replay to the same version that is begun later is
    another one.

    For example:

    - `tagstream replay drop --model 3.0.1 --dry-run`

    - `tagstream replay drop --job replay-20261127T101500Z --json`
    """
    import asyncio

    from operations import replay_lane
    from tagstream.commands.environment import load_settings
    from tagstream.render import replay_lane as render

    config = load_settings()
    with render.reading() as tick:
        done = asyncio.run(replay_lane.drop(config, version=model, job=job, dry_run=dry_run, tick=tick))
    render.show(done, as_json=as_json)
