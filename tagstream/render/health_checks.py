"""`tagstream doctor`, in order, and how it tells what it finds."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.text import Text

from agents.telemetry import logs
from agents.wiring import settings
from operations import health_checks
from operations.health_checks import Finding
from schemas.errors import ConfigurationError
from tagstream.dev import state

_NAME: Final = 18
"""Cells of a check's name."""


async def run(*, as_json: bool) -> bool:
    """Look at everything and tell it; whether all is well."""
    mask = settings.mask()
    say = _write if as_json else _teller()

    def tell(finding: Finding) -> None:
        say(replace(finding, said=mask.hide(finding.said), mend=mask.hide(finding.mend)))

    try:
        config = settings.load()
    except ConfigurationError as error:
        tell(Finding("settings", is_well=False, said=str(error), seconds=0, mend="`tagstream config show`"))
        return False
    logs.configure(config.log.model_copy(update={"level": "error"}), mask=mask)
    all_well = True
    async for finding in health_checks.findings(health_checks.of(config, source=_source())):
        tell(finding)
        all_well &= finding.is_well
    return all_well


def _source() -> str:
    """Where the settings come from, in words."""
    running = state.adopted(os.environ, Path.cwd())
    if running:
        return f"of the system that `tagstream dev` runs (process {running.pid})"
    own = sum(name.upper().startswith(settings.PREFIX) for name in os.environ)
    return f"{own} from the environment, the others have their defaults"


def _write(finding: Finding) -> None:
    sys.stdout.write(json.dumps(finding.document()) + "\n")
    sys.stdout.flush()


def _teller() -> Callable[[Finding], None]:
    console = Console(highlight=False)

    def tell(finding: Finding) -> None:
        mark = Text("✓ ", "bold green") if finding.is_well else Text("✗ ", "bold red")
        seconds = (f"  {finding.seconds:.1f} s", "dim")
        console.print(
            Text.assemble(mark, (finding.name.ljust(_NAME), "bold"), finding.said, seconds), soft_wrap=True
        )
        if not finding.is_well:
            console.print(Text(f"  {'':{_NAME}}→ {finding.mend}", "yellow"), soft_wrap=True)

    return tell
