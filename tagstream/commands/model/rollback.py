"""`tagstream model rollback`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from operations.registry import Json, Url, over

if TYPE_CHECKING:
    from agents.wiring.settings import Settings
    from model.registry.aliases import Alias
    from model.registry.registry import Registry


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
    import json
    from datetime import UTC, datetime

    from model.registry.aliases import Note
    from model.registry.refs import CHAMPION, AliasRef
    from operations.current_user import current_user

    name, _, said = alias.partition("@")
    ref = AliasRef(name, said or CHAMPION)
    note = Note(when=datetime.now(UTC), by=current_user(), reason=reason)

    async def back(opened: Registry, _: Settings) -> Alias:
        return await opened.rollback(ref, note=note)

    moved = over(registry, back)
    if as_json:
        document = moved.last.model_dump(mode="json", by_alias=True)
        typer.echo(json.dumps({"alias": str(ref), "version": moved.version, "move": document}))
        return
    typer.echo(f"{ref} is {moved.version} again, and was {moved.last.came_from}")
    typer.echo("workers take it when they start again")
