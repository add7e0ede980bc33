"""Classified files in the terminal: JSON lines, or a table."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

import typer
from rich.progress import SpinnerColumn
from rich.text import Text

from operations.classify import Answer, Classified, RefusedFile, Tell
from operations.passed_over import PassedOver
from tagstream.render import progress, tags
from tagstream.render.console import PrintableConsole, PrintableTable

MANY: Final = 8
"""Files from which on a progress bar is worth its line."""


@contextmanager
def lines() -> Iterator[Tell]:
    """One JSON object a line on standard output, at once."""
    yield lambda answer, _total: typer.echo(json.dumps(answer.document()))


@contextmanager
def table() -> Iterator[Tell]:
    """A table when all is done; until then a progress bar on standard error."""
    answers: list[Answer] = []
    columns = progress.columns(SpinnerColumn(), time="elapsed")
    with progress.on_terminal(*columns) as shown:
        bar = shown.add_task("Classifying", visible=False)

        def tell(answer: Answer, total: int) -> None:
            answers.append(answer)
            shown.update(bar, total=total, advance=1, visible=total >= MANY)

        yield tell
    if answers:
        PrintableConsole().print(_table(answers))


def passed_over(each: PassedOver, *, as_json: bool) -> None:
    """A line on standard error, and with `--json` one on standard output too, beside those of the files."""
    typer.echo(f"tagstream classify: {str(each).encode(errors='replace').decode()}", err=True)
    if as_json:
        typer.echo(json.dumps(each.document()))


def _table(answers: Sequence[Answer]) -> PrintableTable:
    seen = {tag.label for each in answers if isinstance(each, Classified) for tag in each.verdict.tags}
    labels = sorted(seen)
    made = tags.columns("File", labels, last="Goes to")
    for answer in answers:
        made.add_row(*_row(answer, labels))
    return made


def _row(answer: Answer, labels: Sequence[str]) -> list[Text]:
    path = Text(str(answer.path).encode(errors="replace").decode())
    if isinstance(answer, RefusedFile):
        why = Text.assemble((answer.code, "red"), (f", {answer.message}", "dim"))
        return [path, *(Text("") for _ in labels), why]
    places = ", ".join(f"{route.topic} ({route.label})" for route in answer.verdict.routes)
    return [
        path,
        *tags.cells(answer.verdict.tags, labels),
        Text(places or "-", "" if places else "dim"),
    ]
