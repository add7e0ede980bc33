"""`tagstream model show`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from operations.registry import Json, Url, over

if TYPE_CHECKING:
    from agents.wiring.settings import Settings
    from model.registry.registry import Registry
    from tagstream.render.registry import VersionView


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
    import json

    from model.registry import refs
    from model.registry.refs import VersionRef
    from tagstream.render import registry as render

    meant = refs.parse(ref)

    async def look(opened: Registry, _: Settings) -> VersionView:
        found = await opened.resolve(meant)
        version = VersionRef(meant.name, found.version)
        manifest = await opened.manifest(version, digest=found.digest)
        aliases = await opened.aliases(meant.name)
        return render.VersionView(version, found.digest, manifest, await opened.card(version), aliases)

    shown = over(registry, look)
    if as_json:
        typer.echo(json.dumps(shown.document()))
    else:
        render.show_version(shown)
