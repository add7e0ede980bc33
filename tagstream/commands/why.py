"""`tagstream why`: how an image came to be where it is."""

from __future__ import annotations

from typing import Annotated

import typer

from tagstream.commands.options import Image


def why(
    image: Image,
    *,
    dead_letters: Annotated[
        bool, typer.Option("--dead-letters", help="Also read the dead, deferred and parked letters.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document.")] = False,
) -> None:
    """Say why an image is where it is.

    Which event stands, whose bytes were scored by which model, every probability beside its threshold,
    the rule behind each route and why one is not in force, what people decided, what was announced, and
    every score that was ever made.

    Exits 1 if the store does not know the image.

    For example:

    - `tagstream why s3://photos/lunch.jpg`

    - `tagstream why img_2v4k5w7x3m6n2p4q5r7s2t3u4v --json | jq -r '.in_words[]'`
    """
    import asyncio

    from operations import image_ids
    from operations.explain import explain
    from tagstream.commands.environment import load_settings
    from tagstream.render import trail

    config = load_settings()
    image_id = image_ids.image_id(image, buckets=config.s3.buckets)
    explanation = asyncio.run(explain(config, image_id, dead_letters=dead_letters))
    trail.show(explanation, as_json=as_json)
    if explanation.trail is None:
        raise explanation.unknown()
