"""`tagstream scores`: what holds of one image."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from agents.wiring.settings import Settings
    from schemas.records import ImageHead, ScoreRecord


def scores(
    image: Annotated[
        str, typer.Argument(metavar="IMAGE_ID|s3://BUCKET/KEY|PATH", help="An uploaded file by its name.")
    ],
    *,
    history: Annotated[bool, typer.Option("--history", help="Also every score ever made of it.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document.")] = False,
) -> None:
    """Show what holds of an image.

    Its state, its tags with their probabilities, the model or the person that says so, and where it goes.

    Exits 1 if the store does not know the image (yet).

    For example:

    - `tagstream scores img_2v4k5w7x3m6n2p4q5r7s2t3u4v --history`

    - `tagstream scores lunch.jpg`

    - `tagstream scores s3://photos/lunch.jpg --json | jq .state`
    """
    import asyncio
    import json

    from rich.console import Console

    from agents.wiring import settings
    from operations import store as stores
    from schemas.errors import Gone
    from tagstream.render import heads

    config = settings.load()
    image_id = stores.image_id(image, buckets=config.s3.buckets)
    head, records = asyncio.run(_kept(config, image_id))
    if head is None:
        raise Gone(stores.unknown(image_id))
    asked = records if history else None
    if as_json:
        typer.echo(json.dumps(heads.document(head, asked)))
    else:
        Console(highlight=False).print(heads.shown(head, asked), soft_wrap=True)


async def _kept(config: Settings, image_id: str) -> tuple[ImageHead | None, tuple[ScoreRecord, ...]]:
    from operations import store as stores

    if not stores.is_here(config.store):
        return None, ()
    async with stores.open_store(config.store) as store:
        return await store.head(image_id), await store.records(image_id)
