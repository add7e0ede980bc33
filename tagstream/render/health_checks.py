"""Health checks in the terminal: a line for each finding, or a JSON object."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Final

import typer
from rich.text import Text

from operations.health_checks import Finding
from tagstream.render.console import PrintableConsole

_NAME: Final = 18
"""Cells of a check's name."""


def printer(*, as_json: bool) -> Callable[[Finding], None]:
    """Prints a finding."""
    if as_json:
        return lambda finding: typer.echo(json.dumps(finding.document()))
    console = PrintableConsole()

    def tell(finding: Finding) -> None:
        mark = Text("✓ ", "bold green") if finding.is_well else Text("✗ ", "bold red")
        seconds = (f"  {finding.seconds:.1f} s", "dim")
        console.print(
            Text.assemble(mark, (finding.name.ljust(_NAME), "bold"), finding.said, seconds), soft_wrap=True
        )
        if not finding.is_well:
            console.print(Text(f"  {'':{_NAME}}→ {finding.mend}", "yellow"), soft_wrap=True)

    return tell
