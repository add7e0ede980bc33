"""`tagstream model show`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from tagstream.model.registry_here import Json, Url, over

if TYPE_CHECKING:
    from agents.settings import Settings
    from model.registry.registry import Registry
    from tagstream.model.registry_answers import Shown


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
    import json  # noqa: PLC0415

    from model.registry import refs  # noqa: PLC0415
    from model.registry.refs import VersionRef  # noqa: PLC0415
    from tagstream.model import registry_answers  # noqa: PLC0415

    meant = refs.parse(ref)

    async def look(opened: Registry, _: Settings) -> Shown:
        found = await opened.resolve(meant)
        version = VersionRef(meant.name, found.version)
        manifest = await opened.manifest(version, digest=found.digest)
        aliases = await opened.aliases(meant.name)
        return registry_answers.Shown(version, found.digest, manifest, await opened.card(version), aliases)

    shown = over(registry, look)
    if as_json:
        typer.echo(json.dumps(shown.document()))
    else:
        registry_answers.show_version(shown)
