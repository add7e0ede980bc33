"""`tagstream batch`: a list of photographs is scored by whatever servers run, and watched from here."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from schemas.batch_jobs import MAX_FAILED, BatchFormat

app = typer.Typer(help="Score a list of photographs: submit, watch, cancel, resume.", no_args_is_help=True)

Batch = Annotated[str, typer.Argument(metavar="BATCH", help="A job, as bat_0a1b2c3d4e5f6g7h8i9j0k1l2m.")]
Newest = Annotated[str | None, typer.Argument(metavar="BATCH", help="The newest one if absent.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON document.")]
Share = Annotated[
    float | None,
    typer.Option("--max-failed", min=0, max=1, metavar="SHARE", help="Of rows with an error, then it stops."),
]


@app.callback()
def batch() -> None:
    """Score a list of photographs in object storage; `tagstream serve` works at it, wherever it runs."""


@app.command()
def submit(  # noqa: PLR0913 - one parameter an option
    source: Annotated[
        str, typer.Argument(metavar="LIST", help="s3://BUCKET/KEY, or a file here: CSV or JSON Lines.")
    ],
    *,
    output: Annotated[str, typer.Option(metavar="s3://BUCKET/PREFIX/", help="Where nothing stands yet.")],
    column: Annotated[str, typer.Option(metavar="NAME", help="Of the photographs.")] = "image",
    base: Annotated[
        str | None,
        typer.Option(metavar="s3://BUCKET/PREFIX", help="Before a row's key; else the list's bucket."),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            metavar="NAME/VERSION|NAME@ALIAS", help="Pinned now; the one of the settings if absent."
        ),
    ] = None,
    form: Annotated[
        BatchFormat | None, typer.Option("--format", help="Of the list; by its name if absent.")
    ] = None,
    output_format: Annotated[BatchFormat | None, typer.Option(help="As the list's if absent.")] = None,
    max_failed: Share = MAX_FAILED,
    escape_formulas: Annotated[
        bool, typer.Option(help="In CSV, what a spreadsheet would take for a formula.")
    ] = True,
    key: Annotated[
        str | None,
        typer.Option("--idempotency-key", metavar="KEY", help="Said again, it makes no second job."),
    ] = None,
    detach: Annotated[bool, typer.Option(help="Do not wait for its end.")] = False,
    as_json: Json = False,
) -> None:
    """Have every photograph of a list scored; wait for the end, with a bar.

    Ctrl-C leaves the job running. Results are parts of a thousand rows in the order of the list, each row
    with status, tags, a probability a label, and what was wrong with it; in the end there is manifest.json.

    For example:

    - `tagstream batch submit s3://photos/jobs/nov.csv --output s3://photos/jobs/nov/`

    - `tagstream batch submit list.csv --base s3://photos/r1 --output s3://photos/jobs/r1/`

    - `tagstream batch submit s3://photos/nov.jsonl --output s3://photos/out/ --detach --json | jq -r .id`
    """
    from operations import batch_desk
    from operations.batch_desk import SubmitOptions
    from tagstream.commands.environment import load_settings
    from tagstream.render import batches as render

    options = SubmitOptions(
        source=source,
        results=output,
        model=model,
        format=form,
        results_format=output_format,
        column=column,
        base=base,
        escapes_formulas=escape_formulas,
        max_failed=MAX_FAILED if max_failed is None else max_failed,
        idempotency_key=key,
    )
    config = load_settings()
    started = asyncio.run(batch_desk.submit(config, options))
    render.show_started(started, as_json=as_json)
    if detach:
        render.show(started.job, as_json=as_json)
        return
    with render.watching(started.job.id, as_json=as_json) as watch:
        done = asyncio.run(batch_desk.followed(config, started.job.id, watch))
    render.end(done, as_json=as_json)


@app.command()
def status(
    job: Newest = None,
    *,
    watch: Annotated[bool, typer.Option(help="Until its end, with a bar.")] = False,
    as_json: Json = False,
) -> None:
    """Show a job: how far it is, what failed and why, where its results are.

    For example:

    - `tagstream batch status`

    - `tagstream batch status bat_0a1b2c3d4e5f6g7h8i9j0k1l2m --watch`

    - `tagstream batch status --json | jq .rows`
    """
    from operations import batch_desk
    from tagstream.commands.environment import load_settings
    from tagstream.render import batches as render

    config = load_settings()
    found = asyncio.run(batch_desk.standing(config, job))
    if not watch:
        render.show(found, as_json=as_json)
        return
    with render.watching(found.id, as_json=as_json) as bar:
        done = asyncio.run(batch_desk.followed(config, found.id, bar))
    render.end(done, as_json=as_json)


@app.command("list")
def listing(*, as_json: Json = False) -> None:
    """List the jobs, the newest first.

    For example:

    - `tagstream batch list`

    - `tagstream batch list --json | jq -r '.[] | select(.state == "failed").id'`
    """
    from operations import batch_desk
    from tagstream.commands.environment import load_settings
    from tagstream.render import batches as render

    render.show_all(asyncio.run(batch_desk.every(load_settings())), as_json=as_json)


@app.command()
def errors(job: Newest = None, *, as_json: Json = False) -> None:
    """List the rows without scores, and what is wrong with each; with --json a line each.

    For example:

    - `tagstream batch errors`

    - `tagstream batch errors bat_0a1b2c3d4e5f6g7h8i9j0k1l2m --json | jq -r 'select(.error == "gone").image'`
    """
    from operations import batch_desk
    from tagstream.commands.environment import load_settings
    from tagstream.render import batches as render

    with render.errors(as_json=as_json) as show:
        asyncio.run(batch_desk.each_error(load_settings(), job, show))


@app.command()
def cancel(job: Batch, *, as_json: Json = False) -> None:
    """Stop a job within seconds; its parts stay, and `resume` goes on from them.

    For example:

    - `tagstream batch cancel bat_0a1b2c3d4e5f6g7h8i9j0k1l2m`

    - `tagstream batch cancel "$ID" --json | jq .state`
    """
    from operations import batch_desk, batch_jobs
    from tagstream.commands.environment import load_settings
    from tagstream.render import batches as render

    steered = batch_desk.steered(load_settings(), lambda jobs: batch_jobs.cancel(jobs, job))
    render.show(asyncio.run(steered), as_json=as_json)


@app.command()
def resume(job: Batch, *, max_failed: Share = None, as_json: Json = False) -> None:
    """Have a job go on that was cancelled or has failed; what has a part is not scored again.

    For example:

    - `tagstream batch resume bat_0a1b2c3d4e5f6g7h8i9j0k1l2m`

    - `tagstream batch resume bat_0a1b2c3d4e5f6g7h8i9j0k1l2m --max-failed 1`
    """
    from operations import batch_desk, batch_jobs
    from tagstream.commands.environment import load_settings
    from tagstream.render import batches as render

    steered = batch_desk.steered(
        load_settings(), lambda jobs: batch_jobs.resume(jobs, job, max_failed=max_failed)
    )
    render.show(asyncio.run(steered), as_json=as_json)
