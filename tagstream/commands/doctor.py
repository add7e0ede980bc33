"""`tagstream doctor`: whether all is well here, and how to mend what is not."""

from __future__ import annotations

from typing import Annotated

import typer


def doctor(
    *,
    score: Annotated[
        bool, typer.Option("--score", help="Also load the model and score its golden images.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line, a check each.")] = False,
) -> None:
    """Check everything that a worker needs.

    Settings, broker, topics, store, every bucket, clock, disk, model and its device: each with what was
    found, or with what is wrong and how to mend it. Of the model every byte is verified; on a machine with
    a GPU, and with --score, it is loaded as a worker does and scores its golden images. Changes nothing.

    Exits 1 if any check fails.

    For example:

    - `tagstream doctor`

    - `TAGSTREAM_MODEL__DEVICE=cuda tagstream doctor --json | jq 'select(.ok | not)'`
    """
    import asyncio

    from agents.telemetry import logs
    from agents.wiring import settings
    from operations import health_checks
    from schemas.errors import ConfigurationError
    from tagstream.render import health_checks as render

    tell, mask = render.printer(as_json=as_json), settings.mask()
    try:
        config = settings.load()
    except ConfigurationError as error:
        tell(health_checks.wrong_settings(error).masked(mask))
        raise typer.Exit(1) from error
    logs.configure(config.log.model_copy(update={"level": "error"}), mask=mask)
    checks = health_checks.of(config, source=_source(), scores=score)
    if not asyncio.run(health_checks.run(checks, mask=mask, tell=tell)):
        raise typer.Exit(1)


def _source() -> str:
    """Where the settings come from, in words."""
    import os
    from pathlib import Path

    from agents.wiring import settings
    from tagstream.dev import state

    running = state.adopted(os.environ, Path.cwd())
    if running:
        return f"of the system that `tagstream dev` runs (process {running.pid})"
    own = sum(name.upper().startswith(settings.PREFIX) for name in os.environ)
    return f"{own} from the environment, the others have their defaults"
