"""`tagstream model show`."""

from __future__ import annotations

from typing import Annotated

import typer

from tagstream.commands.model.options import Json, Url


def show(
    ref: Annotated[str, typer.Argument(metavar="NAME/VERSION|NAME@ALIAS", help="What to show.")],
    registry: Url = None,
    as_json: Json = False,  # noqa: FBT002
) -> None:
    """Show a version's card, and every move of its model's aliases: when, who, why, and what the gate said.

    With --json the manifest too.

    Examples:
      tagstream model show restaurant@champion

      tagstream model show restaurant/v2 --json | jq .manifest.thresholds
    """
    import asyncio
    import json

    from operations import registry as versions
    from tagstream.commands.environment import load_settings
    from tagstream.render import registry as render

    shown = asyncio.run(versions.look(load_settings(), ref, url=registry))
    if as_json:
        typer.echo(json.dumps(shown.document()))
    else:
        render.show_version(shown)
