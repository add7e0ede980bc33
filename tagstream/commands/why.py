"""`tagstream why`: how an image came to be where it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from agents.wiring.settings import Settings
    from operations.dead_letters import Letter
    from schemas.records import ImageHead, ScoreRecord


def why(
    image: Annotated[
        str, typer.Argument(metavar="IMAGE_ID|s3://BUCKET/KEY|PATH", help="An uploaded file by its name.")
    ],
    *,
    dead_letters: Annotated[
        bool, typer.Option("--dead-letters", help="Also read the dead letters and the parked ones.")
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
    import json

    from rich.console import Console

    from agents.wiring import settings
    from operations import audit_trail
    from operations import store as stores
    from tagstream.render import trail as render

    config = settings.load()
    image_id = stores.image_id(image, buckets=config.s3.buckets)
    head, history = asyncio.run(_kept(config, image_id))
    letters = asyncio.run(_letters(config, image_id)) if dead_letters else None
    if head is None:
        _end_unknown(image_id, letters, as_json=as_json)
        return
    told = audit_trail.follow(head, history)
    if as_json:
        typer.echo(json.dumps(render.document(told, letters)))
    else:
        Console(highlight=False).print(render.shown(told, letters))


async def _kept(config: Settings, image_id: str) -> tuple[ImageHead | None, tuple[ScoreRecord, ...]]:
    from operations import store as stores
    from schemas.errors import ConfigurationError

    if not stores.is_here(config.store):
        raise ConfigurationError(
            f"TAGSTREAM_STORE__PATH: {config.store.path} is not there: no worker has kept anything in it yet"
        )
    async with stores.open_store(config.store) as store:
        return await store.head(image_id), await store.records(image_id)


async def _letters(config: Settings, image_id: str) -> list[Letter]:
    """The letters about the image, or that carry its id where they could not be read."""
    from agents.wiring.backends import kafka_connection
    from operations import redrive
    from schemas import topics

    names = (topics.DEAD_LETTERS, topics.PARKING)
    found = await redrive.read(kafka_connection(config), names, lambda _done, _total: None)
    key = image_id.encode()
    return [each for each in found if each.image_id == image_id or each.message.key == key]


def _end_unknown(image_id: str, letters: list[Letter] | None, *, as_json: bool) -> None:
    """Show the letters of an image that the store does not know; raises `Gone`."""
    import json

    from rich.console import Console

    from schemas.errors import Gone
    from tagstream.render import trail as render

    if as_json and letters is not None:
        documents = [each.document() for each in letters]
        typer.echo(json.dumps({"image_id": image_id, "state": None, "dead_letters": documents}))
    elif letters:
        Console(highlight=False).print(render.shown_letters(letters))
    raise Gone(f"{image_id} is not in the store{_advice(letters)}")


def _advice(letters: list[Letter] | None) -> str:
    if letters is None:
        return (
            ": was it uploaded, and is a worker running? `tagstream dlq list` shows what was refused, "
            "--dead-letters looks there for this image"
        )
    if letters:
        return ", but in the dead letters; `tagstream dlq show PARTITION:OFFSET` shows one whole"
    return " and in no dead letter: was it uploaded, and is a worker running? `tagstream doctor` looks"
