"""`tagstream model publish`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tagstream.commands.model.options import Json, Url


def publish(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="As `train` writes it.")],
    registry: Url = None,
    as_json: Json = False,  # noqa: FBT002
) -> None:
    """Put a version into the registry, under the name and version that its manifest states.

    It is verified first: digests, weights as safetensors, its golden images' scores on this machine. It is
    there at once or not at all; broken off, publish it again. A version never changes: the same bytes again
    are fine, others are refused. Published is not promoted: see `tagstream model promote`.

    Examples:
      tagstream model publish runs/restaurant-v2 --registry s3://models/tagstream

      TAGSTREAM_REGISTRY__URL=/srv/models tagstream model publish runs/restaurant-v2 --json
    """
    import asyncio
    import json

    from operations import publish as publishing
    from tagstream.commands.environment import load_settings

    result = asyncio.run(publishing.publish(load_settings(), folder, url=registry))
    published, where = result.published, result.registry
    if as_json:
        document = {"ref": str(published.ref), "digest": published.digest, "registry": where}
        typer.echo(json.dumps({**document, "is_new": published.is_new, "left_out": list(result.left_out)}))
        return
    for file in result.left_out:
        typer.echo(f"left out {file}: no part of a version", err=True)
    typer.echo(f"{published.ref} {'is published' if published.is_new else 'was there already'} at {where}")
    typer.echo(f"promote it with: tagstream model promote {published.ref}")
