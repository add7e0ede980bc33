"""`tagstream decide`: a moderator's word on one image."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from schemas.errors import ConfigurationError
from tagstream.commands.options import Image


def decide(  # noqa: PLR0913 - one parameter an option
    image: Image,
    action: Annotated[
        Literal["approve", "reject", "correct", "revoke"], typer.Argument(help="What holds of it.")
    ],
    *,
    labels: Annotated[
        str | None, typer.Option(metavar="A,B", help="With correct: all true labels; '' for none.")
    ] = None,
    unsure: Annotated[
        str | None,
        typer.Option(
            metavar="LABEL[,B]",
            help="With correct or approve: what you could not decide; taught to no model.",
        ),
    ] = None,
    by: Annotated[str | None, typer.Option(metavar="NAME", help="Who decides; you if absent.")] = None,
    comment: Annotated[str | None, typer.Option(help="Why, for whoever asks later.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The event, as one JSON object.")] = False,
) -> None:
    """Decide on an image, whatever its scores say.

    approve shows it; reject hides it and takes it out of every collection; correct replaces the model's
    labels by yours; revoke takes the last decision back, and the scores speak again. A decision
    outranks every score, of a later model too, until it is revoked or the image is replaced. It is placed
    behind the decision that holds, also where that one's clock was ahead.

    Exits 1 if the store does not know the image, or it was removed, or a decision that is dated too far
    ahead outranks this one: it says until when.

    For example:

    - `tagstream decide img_2v4k5w7x3m6n2p4q5r7s2t3u4v approve --by ann`

    - `tagstream decide lunch.jpg correct --labels food,menu --comment "the menu is on the table"`

    - `tagstream decide lunch.jpg correct --labels food --unsure menu`

    - `tagstream decide lunch.jpg revoke --json`
    """
    import asyncio

    from operations import decide as deciding
    from operations import image_ids
    from tagstream.commands.environment import load_settings

    if (labels is not None) != (action == "correct"):
        raise ConfigurationError("--labels goes with `correct`, and `correct` with --labels")
    if unsure is not None and action not in {"correct", "approve"}:
        raise ConfigurationError("--unsure goes with `correct` and `approve`")
    config = load_settings()
    image_id = image_ids.image_id(image, buckets=config.s3.buckets)
    event = deciding.decision(
        image_id, by=by, action=action, labels=_named(labels), unsure=_named(unsure), comment=comment
    )
    event = asyncio.run(deciding.decide(config, event))
    typer.echo(event.model_dump_json(exclude_none=True) if as_json else f"{event.action}: {event.image_id}")


def _named(given: str | None) -> tuple[str, ...] | None:
    return None if given is None else tuple(filter(None, map(str.strip, given.split(","))))
