"""`tagstream model rollback`."""

from __future__ import annotations

from typing import Annotated

import typer

from tagstream.commands.model.options import Json, Url


def rollback(
    alias: Annotated[
        str, typer.Argument(metavar="NAME[@ALIAS]", help="Whose alias; the champion where none is named.")
    ],
    reason: Annotated[str, typer.Option(metavar="TEXT", help="Kept in the alias' history.")] = "",
    registry: Url = None,
    as_json: Json = False,  # noqa: FBT002
) -> None:
    """Point an alias at the version that it pointed at before; again, and it goes further back.

    No gate: that version was the champion once. Workers take it when they start again.

    Examples:
      tagstream model rollback restaurant --reason "menus by candlelight are missed"

      tagstream model rollback restaurant@challenger
    """
    import asyncio
    import json

    from operations import promote
    from tagstream.commands.environment import load_settings

    ref = promote.alias_of(alias)
    moved = asyncio.run(promote.rollback(load_settings(), ref, reason=reason, url=registry))
    if as_json:
        document = moved.last.model_dump(mode="json", by_alias=True)
        typer.echo(json.dumps({"alias": str(ref), "version": moved.version, "move": document}))
        return
    typer.echo(f"{ref} is {moved.version} again, and was {moved.last.came_from}")
    typer.echo("workers take it when they start again")
