"""`tagstream model fetch`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from operations.registry import Json, Url, over

if TYPE_CHECKING:
    from agents.wiring.settings import Settings
    from model.registry.registry import Registry


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
    import json

    from agents.wiring.registry import cache
    from model.registry import refs
    from operations import version_folders

    meant = refs.parse(ref)
    version_folders.refuse_existing(output)

    async def get(opened: Registry, config: Settings) -> tuple[Path, str, str]:
        found = await opened.resolve(meant)
        folder = await opened.fetch(found, meant.name, cache(config))
        return folder, f"{meant.name}/{found.version}", found.digest

    folder, version, digest = over(registry, get)
    place = version_folders.copied(folder, output) if output else folder
    document = {"ref": version, "digest": digest, "folder": str(place)}
    typer.echo(json.dumps(document) if as_json else str(place))
