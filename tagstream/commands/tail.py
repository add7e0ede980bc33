"""`tagstream tail`: a topic as it comes."""

from __future__ import annotations

from typing import Annotated

import typer


def _completed(incomplete: str) -> list[tuple[str, str]]:
    from operations import topic_names

    return list(topic_names.completed(incomplete))


def tail(
    topic: Annotated[
        str, typer.Argument(help="A topic's full name, or a short one.", autocompletion=_completed)
    ],
    *,
    since: Annotated[
        str, typer.Option("--from", metavar="earliest|latest|OFFSET|TIME", help="Where to begin.")
    ] = "latest",
    limit: Annotated[int | None, typer.Option(min=1, metavar="N", help="End after so many messages.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
) -> None:
    """Show a topic's messages as they come.

    Until Ctrl-C, or until the limit is reached.

    Short names: uploaded, tagged, latest, moderation, ambiance, decisions, rescore, retry, dlq,
    parking. A tombstone (of a deleted image, on `latest`) is shown as deleted, in JSON with the
    value null. An offset is taken in every partition. Reads in no consumer group: nobody's offsets move.

    For example:

    - `tagstream tail tagged`

    - `tagstream tail moderation --from 2026-11-22T08:00 --limit 20`

    - `tagstream tail latest --from earliest --json | jq 'select(.value == null).key'`
    """
    import asyncio
    import contextlib

    from operations import tail as tailing
    from operations import topic_names
    from tagstream.commands.environment import load_settings
    from tagstream.render import messages as render

    config = load_settings()
    asked = tailing.TailRequest(topic_names.full(topic), tailing.start(since), limit)
    with contextlib.suppress(KeyboardInterrupt):  # how one ends it
        asyncio.run(tailing.tail(asked, config, render.write_json if as_json else render.write_line))
