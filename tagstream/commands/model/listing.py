"""`tagstream model list`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from operations.registry import Json, Url, over

if TYPE_CHECKING:
    from agents.wiring.settings import Settings
    from model.registry.registry import Registry, RegistryEntry


def listing(
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help="One model's versions; all models' if absent.")
    ] = None,
    registry: Url = None,
    as_json: Json = False,  # noqa: FBT002
) -> None:
    """List the versions in the registry: when published, how large, how good, and which aliases they have.

    Examples:
      tagstream model list

      tagstream model list restaurant --json | jq -r '.[] | select(.aliases == ["champion"]).version'
    """
    import json

    from tagstream.render import registry as render

    async def entries(opened: Registry, _: Settings) -> list[RegistryEntry]:
        names = (name,) if name else await opened.names()
        return [entry for each in names for entry in await opened.versions(each)]

    found = over(registry, entries)
    if as_json:
        typer.echo(json.dumps([render.entry(each) for each in found]))
    else:
        render.show_entries(found, name=name)
