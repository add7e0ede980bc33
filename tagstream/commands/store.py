"""`tagstream store`: what the score store needs beside its documents."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from agents.wiring.settings import StoreSettings
    from operations.store_indexes import StoreIndexes

app = typer.Typer(help="The score store's indexes.", no_args_is_help=True)

Json = Annotated[bool, typer.Option("--json", help="One JSON object.")]


@app.callback()
def store() -> None:
    """The score store's indexes: what is declared, and what is there."""


@app.command()
def apply(*, as_json: Json = False) -> None:
    """Make every declared index that is not there yet; safe to run again, and while workers write.

    An index that differs from its declaration, or that nobody needs any more, is left as it is: dropping
    one is yours to decide, and how is said. Shard keys are not applied: `tagstream store show` names them.

    Example: `TAGSTREAM_STORE__URL=mongodb://127.0.0.1:27017 tagstream store apply`
    """
    _show(applies=True, as_json=as_json)


@app.command()
def show(*, as_json: Json = False) -> None:
    """Show the indexes that are declared and those that are there, what differs, and how to shard.

    Example: `TAGSTREAM_STORE__URL=mongodb://127.0.0.1:27017 tagstream store show --json`
    """
    _show(applies=False, as_json=as_json)


def _show(*, applies: bool, as_json: bool) -> None:
    from agents.wiring import settings
    from tagstream.render import store_indexes as render

    given = settings.load().store
    if given.url is None:
        render.show_sqlite(given.path, as_json=as_json)
    else:
        render.show(_read(given, applies=applies), as_json=as_json)


def _read(given: StoreSettings, *, applies: bool) -> StoreIndexes:
    import asyncio

    from operations import store_indexes
    from schemas.errors import Unavailable

    try:
        return asyncio.run(store_indexes.read(given, applies=applies))
    except Unavailable as error:
        typer.echo(f"tagstream: {error}", err=True)
        raise typer.Exit(1) from error
