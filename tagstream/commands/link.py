"""`tagstream link`: an address at which a person can look at an image."""

from __future__ import annotations

from typing import Annotated

import typer

from tagstream.commands.options import Image


def link(
    image: Image,
    *,
    minutes: Annotated[float, typer.Option(min=0.1, max=7 * 24 * 60, help="How long it is good for.")] = 15,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Print an address at which a person can look at an image.

    It is signed with the credentials of the settings, and good for a while only: whoever has it sees
    the image. What stands there is what the store knows the image by.

    For example:

    - `tagstream link img_2v4k5w7x3m6n2p4q5r7s2t3u4v --minutes 60`

    - `tagstream link s3://photos/lunch.jpg --json | jq -r .url`
    """
    import asyncio
    import json

    from agents.wiring import settings
    from operations import image_ids
    from operations.link import link as signed

    config = settings.load()
    image_id = image_ids.image_id(image, buckets=config.s3.buckets)
    url = asyncio.run(signed(config, image_id, seconds=minutes * 60))
    typer.echo(json.dumps({"image_id": image_id, "url": url, "seconds": minutes * 60}) if as_json else url)
