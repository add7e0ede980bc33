"""`tagstream model promote`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from tagstream.commands.model.options import Json, Url


def promote(  # noqa: PLR0913, PLR0917 - one parameter an option
    version: Annotated[str, typer.Argument(metavar="NAME/VERSION", help="A published version.")],
    alias: Annotated[
        str, typer.Option(help="What shall point at it: champion, challenger, ...")
    ] = "champion",
    data: Annotated[
        Path | None,
        typer.Option(
            metavar="DATA",
            help="Judge it and the champion by these photographs, here; by recorded figures if absent.",
        ),
    ] = None,
    negatives: Annotated[Path | None, typer.Option(help="With --data, as for `train`.")] = None,
    split: Annotated[Literal["train", "val", "test"], typer.Option(help="What to go by.")] = "test",
    least_top: Annotated[
        float | None,
        typer.Option(min=0, max=1, help="The least accuracy of the top label, for the first champion too."),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Move it though the gate refuses.")] = False,  # noqa: FBT002
    reason: Annotated[str, typer.Option(metavar="TEXT", help="Kept in the alias' history.")] = "",
    registry: Url = None,
    as_json: Json = False,  # noqa: FBT002
) -> None:
    """Point an alias at a version, if it is not worse than the champion.

    It is held against the champion, whichever alias moves: overall, label by label, by source, brightness
    and size, by its golden images and by the time an image takes on this machine. Exits 1 if it is refused.
    docs/registry.md says what is allowed, and what to do then.

    Examples:
      tagstream model promote restaurant/v2 --data photos.csv --negatives others.csv

      tagstream model promote restaurant/v1 --least-top 0.9

      tagstream model promote restaurant/v3 --force --reason "a label more; agreed with moderation"
    """
    import asyncio
    import json

    from operations import promote as promoting
    from tagstream.commands.environment import load_settings
    from tagstream.render import gate
    from tagstream.render.progress import phases

    request = promoting.PromoteRequest(
        version=promoting.published_version(version),
        alias=alias,
        data=data,
        negatives=negatives,
        split=split,
        least_top=least_top,
        force=force,
        reason=reason,
    )
    config = load_settings()
    with phases() as tick:
        result = asyncio.run(promoting.promote(config, request, url=registry, tick=tick))
    ref = f"{request.version.name}@{alias}"
    if as_json:
        typer.echo(json.dumps(gate.document(result, ref=ref)))
    else:
        gate.show(result, ref=ref)
    if result.alias is None:
        raise typer.Exit(1)
