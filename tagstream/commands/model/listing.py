"""`tagstream model list`."""

from __future__ import annotations

from typing import Annotated

import typer

from tagstream.commands.model.options import Json, Url


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
    import asyncio
    import json

    from operations import registry as versions
    from tagstream.commands.environment import load_settings
    from tagstream.render import registry as render

    found = asyncio.run(versions.versions(load_settings(), name, url=registry))
    if as_json:
        typer.echo(json.dumps([render.entry(each) for each in found]))
    else:
        render.show_entries(found, name=name)
