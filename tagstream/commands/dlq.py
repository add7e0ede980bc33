"""`tagstream dlq`: the dead letters and the parked ones."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from operations.redrive import RedriveRequest

app = typer.Typer(help="Look at dead letters, and send them back.", no_args_is_help=True)

Json = Annotated[bool, typer.Option("--json", help="JSON instead of text.")]
Parking = Annotated[bool, typer.Option("--parking", help="The parking topic instead of the dead letters.")]


@app.callback()
def dlq() -> None:
    """Look at dead letters, and send them back to where they came from."""


@app.command("list")
def list_(  # noqa: PLR0913 - one parameter an option
    *,
    cause: Annotated[str | None, typer.Option(help="Only letters of this cause, one by one.")] = None,
    image: Annotated[
        str | None, typer.Option(metavar="IMAGE_ID", help="Only letters about this image, one by one.")
    ] = None,
    came_from: Annotated[
        str | None, typer.Option("--topic", help="Only letters whose message came on this topic, one by one.")
    ] = None,
    limit: Annotated[
        int, typer.Option(min=1, metavar="N", help="With these, so many of the newest at most.")
    ] = 100,
    parking: Annotated[bool, typer.Option("--parking", help="Also the parking topic.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a cause, or a letter.")] = False,
) -> None:
    r"""Show the letters by cause, or those of a cause, of an image or of a topic one by one.

    By cause: how many, since when, and the latest as an example.
    Reads the whole topic, in no consumer group. Letters that were sent back stay until the topic's
    retention ends, and are counted apart.

    For example:

    - `tagstream dlq list --parking`

    - `tagstream dlq list --cause undecodable`

    - `tagstream dlq list --json | jq -r '"\(.count) \(.cause)"'`
    """
    from agents.wiring.backends import kafka_connection
    from operations import letter_reader, topic_names
    from operations.dead_letters import LetterSelection
    from schemas import topics
    from schemas.did_you_mean import did_you_mean
    from tagstream.commands.environment import load_settings
    from tagstream.render import dead_letters

    topic = topic_names.full(came_from) if came_from else None
    selection = LetterSelection(cause=cause, image_id=image, topic=topic)
    names = (topics.DEAD_LETTERS, topics.PARKING) if parking else (topics.DEAD_LETTERS,)
    with dead_letters.reading() as progress:
        found = asyncio.run(letter_reader.read(kafka_connection(load_settings()), names, progress))
    if selection.is_everything:
        dead_letters.show_groups(found, as_json=as_json)
    else:
        chosen = [letter for letter in found if selection.holds(letter)]
        causes = {letter.code for letter in found}
        hint = did_you_mean(cause, causes) if cause and cause not in causes else ""
        dead_letters.show_letters(chosen, limit=limit, hint=hint, as_json=as_json)


@app.command()
def show(
    place: Annotated[str, typer.Argument(metavar="PARTITION:OFFSET", help="As `tagstream dlq list` says.")],
    *,
    parking: Parking = False,
    as_json: Json = False,
) -> None:
    """Show one letter.

    Where it came from, why it is here, and its bytes as they came.

    For example:

    - `tagstream dlq show 2:17`

    - `tagstream dlq show 2:17 --json | jq .value`
    """
    from agents.wiring.backends import kafka_connection
    from operations import dead_letters, letter_reader
    from schemas import topics
    from tagstream.commands.environment import load_settings
    from tagstream.render import dead_letters as render

    asked = dead_letters.place(place)
    topic = topics.PARKING if parking else topics.DEAD_LETTERS
    letter = asyncio.run(letter_reader.read_one(kafka_connection(load_settings()), topic, asked))
    render.show_one(letter, as_json=as_json)


@app.command()
def redrive(  # noqa: PLR0913 - one parameter an option
    *,
    cause: Annotated[str | None, typer.Option(help="Only letters of this cause.")] = None,
    image: Annotated[
        str | None, typer.Option(metavar="IMAGE_ID", help="Only letters about this image.")
    ] = None,
    offset: Annotated[
        list[str] | None, typer.Option(metavar="PARTITION:OFFSET", help="Only this letter; may be repeated.")
    ] = None,
    since: Annotated[
        str | None, typer.Option(metavar="TIME", help="Only letters of this time or later.")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="All letters.")] = False,
    again: Annotated[bool, typer.Option("--again", help="Also those that were sent back before.")] = False,
    parking: Parking = False,
    rate: Annotated[float, typer.Option(min=0.01, metavar="N", help="Letters a second.")] = 50,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be sent.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object at the end.")] = False,
) -> None:
    """Send letters back, to be worked on again.

    What several options say must all be true of a letter. The message goes back exactly as it came,
    with a header that counts how often; its tries begin anew. What was sent back is remembered on the
    topic `photos.redriven.v1`: interrupt this, kill it even, run it again, and nothing is sent twice.

    Exits 1 if a letter has no way back: one that was cut for its size, or that names no origin. With
    --dry-run it says so before anything is sent.

    For example:

    - `tagstream dlq redrive --cause gone --since 2026-11-22 --dry-run`

    - `tagstream dlq redrive --offset 2:17 --offset 0:4`

    - `tagstream dlq redrive --parking --all --rate 200 --yes --json`
    """
    from operations import dead_letters, tail
    from operations.redrive import RedriveRequest
    from schemas.errors import ConfigurationError

    selection = dead_letters.LetterSelection(
        cause=cause,
        image_id=image,
        places=frozenset(map(dead_letters.place, offset or ())),
        since=tail.moment(since, option="--since") if since else None,
    )
    if selection.is_everything != everything:
        raise ConfigurationError(
            "say which letters: --cause, --image, --offset, --since, or --all, which goes with none of them"
        )
    request = RedriveRequest(selection=selection, parking=parking, again=again, rate=rate)
    _redrive(request, dry_run=dry_run, is_allowed=yes, as_json=as_json)


def _redrive(request: RedriveRequest, *, dry_run: bool, is_allowed: bool, as_json: bool) -> None:
    """Choose, ask, send, and show what became of the letters."""
    from operations import redrive as redriving
    from tagstream.commands.environment import load_settings
    from tagstream.render import dead_letters as render

    config = load_settings()
    with render.reading() as progress:
        result = asyncio.run(redriving.choose(config, request, progress))
    if result.chosen and not dry_run and (is_allowed or render.ask(result, request, as_json=as_json)):
        with render.sending(len(result.chosen)) as tick:
            result = asyncio.run(redriving.send(config, request, result, tick))
    render.show_result(result, dry_run=dry_run, as_json=as_json)
    if result.refused:
        raise typer.Exit(1)
