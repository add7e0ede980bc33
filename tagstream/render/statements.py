"""Statements of reasons in the terminal: those of one image, and how far an export is."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from rich.text import Text

from model.atomic_folders import sync
from operations.statement_export import Count
from schemas.errors import ConfigurationError
from schemas.statements import StatementOfReasons
from tagstream.render import progress, tables
from tagstream.render.console import PrintableConsole
from tagstream.render.tables import counted


@contextmanager
def destination(output: Path | None) -> Iterator[TextIO]:
    """The file that is written, which is there once it is whole; standard output where none is named."""
    if output is None:
        yield sys.stdout
        return
    fresh = output.with_name(f".{output.name}.new")
    try:
        with fresh.open("w", encoding="utf-8", newline="") as file:
            yield file
        fresh.replace(output)
        sync(output.parent)
    except OSError as error:
        raise ConfigurationError(f"--output: {output}: {error.strerror or error}") from error
    finally:
        fresh.unlink(missing_ok=True)


@contextmanager
def counting() -> Iterator[Count]:
    """How many are written, while they are."""
    with progress.on_terminal(*progress.columns("Statements", time="elapsed")) as shown:
        bar = shown.add_task("", total=None)
        yield lambda written: shown.update(bar, completed=written)


def say_written(count: int, output: Path | None) -> None:
    """How many there were, beside the answer."""
    where = f" in {output}" if output else ""
    PrintableConsole(stderr=True).print(f"{counted(count, 'statement')}{where}", soft_wrap=True)


def show(statements: Sequence[StatementOfReasons]) -> None:
    """The statements of one image, oldest first."""
    console = PrintableConsole()
    if not statements:
        console.print(Text("No statement: it was never hidden, and nobody decided on it", "green"))
    for each in statements:
        console.print(Text(_heading(each), "bold"), soft_wrap=True)
        console.print(tables.grid(_rows(each), style="dim"))


def _heading(statement: StatementOfReasons) -> str:
    what = f"{statement.kind}: {statement.action}" if statement.action else str(statement.kind)
    return f"{statement.occurred_at.astimezone():%Y-%m-%d %H:%M:%S}  {what}"


def _rows(statement: StatementOfReasons) -> Iterator[tuple[str, str]]:
    yield "facts", statement.decision_facts
    yield (
        "ground",
        statement.incompatible_content_ground or statement.illegal_content_legal_ground or "",
    )
    yield (
        "explanation",
        statement.incompatible_content_explanation or statement.illegal_content_explanation or "",
    )
    if statement.restaurant_id:
        yield "restaurant", statement.restaurant_id
    yield "visibility", ", ".join(statement.decision_visibility)
    yield "automated", f"detection {statement.automated_detection}, {statement.automated_decision}"
    yield "puid", statement.puid
