"""`tagstream replay start`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Json = Annotated[bool, typer.Option("--json", help="One JSON document.")]


def start(  # noqa: PLR0913 - one parameter an option
    *,
    begin: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="earliest|TIME|OFFSETS|store",
            help="Uploads from then on, as 2026-05-01T00:00Z or 0:120,1:98; or whatever the store knows.",
        ),
    ] = None,
    ids: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Ids a line, or a CSV with a column image_id or key (and bucket)."),
    ] = None,
    prefix: Annotated[
        str | None, typer.Option(metavar="s3://BUCKET/PREFIX", help="The objects whose keys begin so.")
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(metavar="VERSION", help="The version wanted; that of the settings if absent."),
    ] = None,
    since: Annotated[
        str | None, typer.Option(metavar="TIME", help="Only photographs uploaded then or later.")
    ] = None,
    until: Annotated[str | None, typer.Option(metavar="TIME", help="Only those uploaded before.")] = None,
    restaurant: Annotated[
        str | None, typer.Option(metavar="ID", help="Only this restaurant's photographs.")
    ] = None,
    label: Annotated[str | None, typer.Option(metavar="LABEL", help="Only what is tagged so now.")] = None,
    scored_by: Annotated[
        str | None, typer.Option(metavar="VERSION", help="Only what this version has scored last.")
    ] = None,
    band: Annotated[
        list[str] | None,
        typer.Option(metavar="LABEL:LOW-HIGH", help="Only where the probability is within; any of several."),
    ] = None,
    only_missing: Annotated[
        bool, typer.Option("--only-missing", help="Only photographs that no version has ever scored.")
    ] = False,
    decide_again: Annotated[
        bool,
        typer.Option("--decide-again", help="Also what has the scores: decided anew, by the routes of now."),
    ] = False,
    shadow: Annotated[
        bool,
        typer.Option("--shadow", help="Keep the scores beside those that hold, and tell nobody."),
    ] = False,
    rate: Annotated[
        float | None, typer.Option(min=0.001, metavar="N", help="Images a second, at most.")
    ] = None,
    reason: Annotated[str, typer.Option(metavar="TEXT", help="Why, for those who look later.")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what it would do and cost.")] = False,
    detach: Annotated[
        bool, typer.Option("--detach", help="Only start it; `replay run` or `resume` carries it out.")
    ] = False,
    accept_gone: Annotated[
        bool, typer.Option("--accept-gone", help="Go on though retention has deleted some of the uploads.")
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Also for a version or a label that nobody has yet.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Start a job, and run it.

    It says first how many photographs lack the version, and what scoring them costs by what was
    measured. Then it sends them to the replay lane a page at a time. Workers in which the version is
    resident score them behind live traffic; people hear of changed verdicts only. What has the scores is
    passed over, so a job may be started again.

    Ctrl-C leaves the job as it is: `tagstream replay resume` goes on. Killed, another runner may take it
    over after 20 seconds. A version that is not the model of the settings, not in the registry, and has
    scored nothing in the store is refused.

    For example:

    - `tagstream replay start --from earliest --dry-run`

    - `tagstream replay start --from store --model 3 --band menu:0.3-0.7 --reason "menus get better"`

    - `tagstream replay start --from 2026-05-01T00:00Z --model 3 --rate 50 --detach --json`

    - `tagstream replay start --ids complaints.csv --decide-again`

    - `tagstream replay start --from store --model 4 --shadow`, then `tagstream replay report JOB`
    """
    import asyncio

    from operations import rescore, tail
    from operations.rescore import RescoreRequest
    from schemas.events import RescoreMode
    from schemas.rescore_jobs import RescoreFilters, ScoreBand
    from tagstream.commands.environment import load_settings
    from tagstream.render import replay as render

    filters = RescoreFilters(
        since=tail.moment(since, option="--since") if since else None,
        until=tail.moment(until, option="--until") if until else None,
        restaurant_id=restaurant,
        label=label,
        scored_by=scored_by,
        bands=tuple(map(ScoreBand.parse, band or ())),
        only_missing=only_missing,
        decide_again=decide_again,
    )
    request = RescoreRequest(
        start=begin,
        ids=ids,
        prefix=prefix,
        version=model,
        filters=filters,
        rate=rate,
        reason=reason,
        mode=RescoreMode.SHADOW if shadow else RescoreMode.APPLY,
        accept_gone=accept_gone,
        force=force,
    )
    with render.watching(as_json=as_json) as watch:
        done = asyncio.run(
            rescore.start(
                load_settings(), request, watch, planned=watch.planned, dry_run=dry_run, detach=detach
            )
        )
    render.show_result(done, as_json=as_json)
