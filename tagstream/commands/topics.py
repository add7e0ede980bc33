"""`tagstream topics`: the topics that Tagstream lives on."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

app = typer.Typer(help="Create the topics, look at the topics.", no_args_is_help=True)

Json = Annotated[bool, typer.Option("--json", help="One JSON object a topic.")]


@app.callback()
def topics() -> None:
    """Create the topics, look at the topics."""


@app.command()
def apply(
    *,
    partitions: Annotated[int, typer.Option(min=1, help="Of each topic that is made.")] = 12,
    replication: Annotated[
        int, typer.Option(min=1, help="Copies of each record; 3 where there are 3 brokers.")
    ] = 1,
    as_json: Json = False,
) -> None:
    """Make the topics that are not there yet.

    Safe to run again: what is there stays as it is.

    As many workers can share the work as the uploads topic has partitions. More partitions later mean that
    an image's events may overtake each other while both numbers are in use: choose generously.

    Exits 1 if a topic that is there is not as it should be (the number of its partitions apart).

    For example:

    - `tagstream topics apply --partitions 24 --replication 3`

    - `tagstream topics apply --json | jq -r 'select(.outcome == "created").topic'`
    """
    from agents.wiring import backends
    from operations import topics as making
    from tagstream.commands.environment import load_settings
    from tagstream.render import topics as render

    connection = backends.kafka_connection(load_settings())
    applied = asyncio.run(making.apply(connection, partitions=partitions, replication=replication))
    render.show_applied(applied, as_json=as_json)
    if any(map(making.is_wrong, applied)):
        raise typer.Exit(1)


@app.command("list")
def list_(
    *,
    everything: Annotated[bool, typer.Option("--all", help="Also topics that are not Tagstream's.")] = False,
    as_json: Json = False,
) -> None:
    """Show the topics.

    Partitions, records, how long they are kept, and which ones are missing.

    For example:

    - `tagstream topics list`

    - `tagstream topics list --json | jq -r 'select(.exists | not).topic'`
    """
    from agents.wiring import backends
    from operations import topics as finding
    from tagstream.commands.environment import load_settings
    from tagstream.render import topics as render

    connection = backends.kafka_connection(load_settings())
    found = asyncio.run(finding.find(connection, everything=everything))
    render.show_found(found, as_json=as_json)
