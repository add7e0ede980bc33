"""`tagstream routes`: which label goes where, and what other rules would change."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help="Which label goes where; try other rules.", no_args_is_help=True)

Model = Annotated[
    Path | None,
    typer.Option(metavar="FOLDER", help="A model version's folder; by default the one that workers load."),
]


@app.callback()
def routes() -> None:
    """Which label goes where: rules that the model brings, or those of a routes file."""


@app.command()
def check(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A routes file (TOML).")],
    *,
    model: Model = None,
    limit: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Look at the first N images by their ids only.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document.")] = False,
) -> None:
    """Check a routes file, and say what it would change.

    Holds the file against the model's labels. Then every image of the store is decided anew by its kept
    scores, with what people decided, and compared with what holds. Nothing is written or sent. The
    scores of other model versions are counted and left alone. Of a large archive --limit takes a sample:
    derived ids are digests, so the first ones are as good as any.

    Exits 2 if the file is wrong, and 0 if it is right, whatever it would change.

    For example:

    - `tagstream routes show > routes.toml`, edit that file, then

    - `tagstream routes check routes.toml`

    - `tagstream routes check routes.toml --limit 100000 --json | jq .routes`
    """
    import asyncio
    import json

    from agents.wiring import settings
    from operations import routes as rules
    from tagstream.render import routes as render
    from tagstream.render.console import PrintableConsole

    config = settings.load()
    proposed = rules.read(config, file, model)
    with render.watching(limit) as tick:
        checked = asyncio.run(rules.check(config, proposed, limit=limit, tick=tick))
    if as_json:
        typer.echo(json.dumps(checked.document()))
    else:
        PrintableConsole().print(render.shown(checked))


@app.command()
def show(
    *,
    model: Model = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document.")] = False,
) -> None:
    r"""Print the rules in force, as a routes file to edit.

    They are those of TAGSTREAM_ROUTES__FILE where it is set, else the model's own.

    For example:

    - `tagstream routes show > routes.toml`

    - `tagstream routes show --json | jq -r '.routes[] | "\(.label) \(.topic)"'`
    """
    import json

    from agents.wiring import settings
    from operations import routes as rules
    from tagstream.render import routes as render

    found = rules.in_force(settings.load(), model)
    if as_json:
        typer.echo(json.dumps(found.document()))
    else:
        typer.echo(render.as_file(found), nl=False)
