"""Part of the page that a program of its own measures: a table, what it is of, and what is to be noted.

The same document is shown in a terminal, written as JSON, and taken into the page by `make bench`.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, Self

from rich.console import Console
from rich.table import Table

from benchmarks.suite.results import Machine, commit, now
from deploy.stack.builds import Missing
from deploy.stack.service import NotReady

OUTPUT: Final = Path("build/bench")
_EMPTY: Final = ([], "", None)
_WIDTH: Final = 170
"""Of a table that goes to a file."""
_SMALL: Final = 10
"""Below it three digits are worth reading, and one behind the point above it."""


@dataclass(frozen=True, slots=True)
class Part:
    """What one program has measured."""

    about: str
    rows: Sequence[Mapping[str, Any]]
    notes: Sequence[str] = ()
    machine: str = ""

    @classmethod
    def here(cls, about: str, rows: Sequence[Mapping[str, Any]], notes: Sequence[str]) -> Self:
        """Measured just now on this machine."""
        return cls(about, rows, notes, f"{now()}, commit {commit()}: {Machine.this().about}")

    @property
    def heads(self) -> list[str]:
        """Of the columns that hold anything."""
        rows = [flat(row) for row in self.rows]
        names = dict.fromkeys(name for row in rows for name in row)
        return [name for name in names if any(row.get(name) not in _EMPTY for row in rows)]

    @property
    def cells(self) -> list[tuple[str, ...]]:
        """Line after line."""
        return [tuple(cell(row.get(name)) for name in self.heads) for row in map(flat, self.rows)]

    def as_json(self) -> str:
        """For `--growth` and `--latency` of the suite."""
        return json.dumps(asdict(self), indent=2)

    def show(self, *, as_json: bool, file: Path) -> None:
        """To standard output, and for the page into a file."""
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(self.as_json() + "\n")
        if as_json:
            print(self.as_json())
            return
        console = Console(width=None if sys.stdout.isatty() else _WIDTH)
        table = Table(box=None)
        for name in self.heads:
            table.add_column(name.replace("_", " "), justify="right", overflow="fold")
        for line in self.cells:
            table.add_row(*line)
        console.print(table)
        for line in (f"{self.about}.", *self.notes, self.machine, f"As JSON: {file}"):
            console.print(line, highlight=False, markup=False, soft_wrap=not console.is_terminal)


def of(documents: Sequence[Mapping[str, Any]]) -> list[Part]:
    """As their programs wrote them; the reports of `tagstream stress --json` stand together in one table."""
    found = [Part(**each) for each in documents if "rows" in each]
    reports = [each for each in documents if "rows" not in each]
    return [*found, Part("`tagstream stress`, a line a run", reports)] if reports else found


def read(file: Path) -> dict[str, Any]:
    """A document of a part, or of `tagstream stress --json`; raises `ValueError` for anything else."""
    said = json.loads(file.read_text(encoding="utf-8"))
    known = set(Part.__dataclass_fields__)
    if isinstance(said, dict) and ("latency" in said or {"about", "rows"} <= set(said) <= known):
        return said
    raise ValueError(f"{file}: no JSON of `make bench-growth`, `make bench-latency` or `tagstream stress`")


def parser(program: str, about: str, examples: str) -> argparse.ArgumentParser:
    """With the options that all of them have."""
    made = argparse.ArgumentParser(
        f"python -m {program}",
        description=about,
        epilog=f"examples:\n{examples}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument("--json", action="store_true", help="one JSON document instead of the table")
    made.add_argument("--output", type=Path, default=OUTPUT, metavar="DIR", help=f"for the JSON ({OUTPUT})")
    return made


def run(measured: Callable[[], Part], asked: argparse.Namespace, name: str) -> int:
    """Measure and show; 1 and a line where it cannot be measured."""
    # Asked to stop by the system it stops its servers too, as it does for Ctrl-C.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        found = measured()
    except (Missing, NotReady, RuntimeError, ValueError, OSError) as error:
        sys.stderr.write(f"{name}: {error}\n")
        return 1
    found.show(as_json=asked.json, file=asked.output / f"{name}.json")
    return 0


def flat(row: Mapping[str, Any], before: str = "") -> dict[str, Any]:
    """What is nested has its place in its name."""
    found: dict[str, Any] = {}
    for name, value in row.items():
        if isinstance(value, Mapping):
            found |= flat(value, f"{before}{name} ")
        else:
            found[before + name] = value
    return found


def cell(value: Any) -> str:  # noqa: ANN401 - JSON
    """As a table has it."""
    if isinstance(value, float):
        return f"{value:,.3g}" if abs(value) < _SMALL else f"{value:,.1f}"
    if isinstance(value, int):
        return f"{value:,}"
    return "" if value is None else str(value)
