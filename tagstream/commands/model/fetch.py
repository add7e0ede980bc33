"""`tagstream model fetch`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tagstream.commands.model.options import Json, Url


def fetch(
    ref: Annotated[str, typer.Argument(metavar="NAME/VERSION|NAME@ALIAS", help="What to fetch.")],
    output: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Copy it there; it must not exist yet.")
    ] = None,
    registry: Url = None,
    as_json: Json = False,  # noqa: FBT002
) -> None:
    """Fetch a version out of the registry, verify every byte, and print its folder on this machine.

    It is kept in the cache that workers use (TAGSTREAM_REGISTRY__CACHE); do not change it there.

    Examples:
      tagstream model fetch restaurant@champion

      tagstream classify lunch.jpg --model "$(tagstream model fetch restaurant/v2)"

      tagstream model fetch restaurant/v2 --output restaurant-v2
    """
    import asyncio
    import json

    from operations import registry as versions
    from tagstream.commands.environment import load_settings

    fetched = asyncio.run(versions.fetch(load_settings(), ref, output=output, url=registry))
    document = {"ref": str(fetched.ref), "digest": fetched.digest, "folder": str(fetched.folder)}
    typer.echo(json.dumps(document) if as_json else str(fetched.folder))
