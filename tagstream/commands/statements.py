"""`tagstream statements`: why photographs were hidden or restored, as it was stated then."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated, Literal

import typer

from tagstream.commands.options import Image

app = typer.Typer(help="Statements of reasons: look at them, and export them.", no_args_is_help=True)


@app.callback()
def statements() -> None:
    """Look at the statements of reasons (DSA Art. 17), and export them."""


@app.command()
def export(
    *,
    since: Annotated[
        str, typer.Option("--from", metavar="TIME", help="As 2026-11-22, or 2026-11-22T08:30:00+01:00.")
    ],
    until: Annotated[
        str | None, typer.Option("--to", metavar="TIME", help="The first moment without; now if absent.")
    ] = None,
    form: Annotated[Literal["csv", "json"], typer.Option("--format", help="A table, or one array.")] = "csv",
    official: Annotated[
        bool,
        typer.Option("--official", help="Restrictions and the DSA transparency database's fields alone."),
    ] = False,
    output: Annotated[Path | None, typer.Option(help="A file; standard output if absent.")] = None,
) -> None:
    """Export the statements of a time.

    Oldest first, over the whole history in the store. Ends with how many there were; a file is there
    once it is whole.

    For example:

    - `tagstream statements export --from 2026-11-01 --to 2026-12-01 --output november.csv`

    - `tagstream statements export --from 2026-11-01 --format json --official | jq length`
    """
    from operations import statement_export, tail
    from operations.statement_export import ExportRequest
    from tagstream.commands.environment import load_settings
    from tagstream.render import statements as render

    begin = tail.moment(since, option="--from")
    end = tail.moment(until, option="--to") if until else None
    asked = ExportRequest(begin, end, form, official=official)
    config = load_settings()
    with render.destination(output) as file, render.counting() as count:
        written = asyncio.run(statement_export.export(config.store, asked, file, count))
    render.say_written(written, output)


@app.command()
def show(
    image: Image,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON array.")] = False,
) -> None:
    """Show what was stated of one image.

    Oldest first: when it was hidden or restored, what moderators decided, and why.

    For example:

    - `tagstream statements show lunch.jpg`

    - `tagstream statements show img_2v4k5w7x3m6n2p4q5r7s2t3u4v --json | jq -r '.[].decision_facts'`
    """
    import json

    from operations import image_ids, statement_export, store
    from tagstream.commands.environment import load_settings
    from tagstream.render import statements as render

    config = load_settings()
    image_id = image_ids.image_id(image, buckets=config.s3.buckets)
    found = asyncio.run(statement_export.of_image(config.store, image_id))
    if not found and asyncio.run(store.read_head(config.store, image_id)) is None:
        raise image_ids.unknown(image_id)
    if as_json:
        typer.echo(json.dumps(statement_export.documents(found)))
    else:
        render.show(found)
