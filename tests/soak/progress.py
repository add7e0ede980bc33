"""What a soak says while it runs: a live table on a terminal, a line every ten seconds elsewhere."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from tests.soak.run import Soak

_LINE_SECONDS: Final = 10
_MEBIBYTE: Final = 2**20


class Voice:
    """Speaks on standard error; standard output is for the end."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(stderr=True, highlight=False)

    def say(self, text: str) -> None:
        """One line that stays."""
        self._console.print(Text(f"  {text}"), soft_wrap=True)

    async def show(self, soak: Soak) -> None:
        """How it goes, for ever."""
        if self._console.is_terminal:
            await self._live(soak)
        else:
            await self._lines(soak)

    async def _live(self, soak: Soak) -> None:
        with Live(_table(soak), console=self._console, refresh_per_second=4, transient=True) as live:
            while True:
                live.update(_table(soak))
                await asyncio.sleep(0.5)

    async def _lines(self, soak: Soak) -> None:
        while True:
            await asyncio.sleep(_LINE_SECONDS)
            self.say("  ".join(f"{name} {value}" for name, value in _facts(soak).items()))
            sys.stderr.flush()


def _facts(soak: Soak) -> Mapping[str, str]:
    samples = soak.sampler.samples
    now = samples[-1].progress if samples else None
    alive = {member.number for member in soak.crew.alive}
    memory = samples[-1].memory if samples else {}
    held = (f"{held / _MEBIBYTE:.0f}" for number, held in memory.items() if number in alive)
    return {
        "second": f"{soak.clock():.0f}/{soak.plan.seconds:.0f}",
        "operations": f"{soak.ledger.operations} (+{soak.traffic.in_flight if soak.traffic else 0} waiting)",
        "handled": f"{now.handled}" if now else "?",
        "lag": f"{now.lag}" if now else "? (the broker does not answer)",
        "faults": f"{len(soak.faults.struck)}",
        "now": soak.faults.current or "-",
        "memory": f"{' '.join(held) or '-'} MiB",
    }


def _table(soak: Soak) -> Group:
    table = Table.grid(padding=(0, 2))
    for name, value in _facts(soak).items():
        style = "bold red" if name == "now" and value != "-" else "bold"
        table.add_row(Text(name, "dim"), Text(value, style))
    done = min(soak.clock(), soak.plan.seconds)
    return Group(ProgressBar(total=soak.plan.seconds, completed=done, width=60), table)
