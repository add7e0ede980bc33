"""`tagstream doctor`: whether all is well here, and how to mend what is not."""

from __future__ import annotations

from typing import Annotated

import typer


def doctor(
    *, as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line, a check each.")] = False
) -> None:
    """Check everything that a worker needs.

    Settings, broker, topics, store, every bucket, clock, disk, model and its device: each with what was
    found, or with what is wrong and how to mend it. Loads the model as a worker does, onto the device
    that it would take. Changes nothing.

    Exits 1 if any check fails.

    For example:

    - `tagstream doctor`

    - `TAGSTREAM_MODEL__DEVICE=cuda tagstream doctor --json | jq 'select(.ok | not)'`
    """
    import asyncio

    from tagstream.render import health_checks

    if not asyncio.run(health_checks.run(as_json=as_json)):
        raise typer.Exit(1)
