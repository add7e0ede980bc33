"""`tagstream scores`: what holds of one image."""

from __future__ import annotations

from typing import Annotated

import typer

from tagstream.commands.options import Image


def scores(
    image: Image,
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

    from agents.wiring import settings
    from operations import image_ids, store
    from tagstream.render import heads
    from tagstream.render.console import PrintableConsole

    config = settings.load()
    image_id = image_ids.image_id(image, buckets=config.s3.buckets)
    stored = asyncio.run(store.read_image(config.store, image_id))
    if stored.head is None:
        raise image_ids.unknown(image_id)
    asked = stored.history if history else None
    if as_json:
        typer.echo(json.dumps(heads.document(stored.head, asked)))
    else:
        PrintableConsole().print(heads.shown(stored.head, asked), soft_wrap=True)
