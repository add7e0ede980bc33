"""What is said around a judging: what cannot be written, what was left out, what was not."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from schemas.errors import ConfigurationError
from tagstream.render.console import PrintableConsole

if TYPE_CHECKING:
    from model.data.dataset import Dataset
    from model.evaluation.predictions import Predictions


def refuse_unwritable(file: Path | None) -> None:
    """Raises `ConfigurationError` before long work whose page could not be kept."""
    if file is None:
        return
    if file.is_dir():
        raise ConfigurationError(f"{file}: a folder; name the file, as in report.html")
    if not os.access(file.parent, os.W_OK):
        raise ConfigurationError(f"{file.parent}: there is no such folder, or nothing can be written to it")


def refuse_taken(folder: Path | None) -> None:
    """Raises `ConfigurationError` before long work whose photographs could not be kept."""
    from model.evaluation import mistake_export

    if folder is not None:
        mistake_export.refuse_taken(folder)


def say_refused(data: Dataset) -> None:
    """What lay there and could not be taken, on standard error."""
    for each in data.refused:
        PrintableConsole(stderr=True).print(f"left out {each.place}: {each.why}", soft_wrap=True)


def say_undivided(data: Path, predictions: Predictions) -> None:
    """That nothing was left out, on standard error."""
    line = f"{data} has no splits: all of it was judged, {len(predictions)} photographs"
    PrintableConsole(stderr=True).print(line, soft_wrap=True)


def say_exported(count: int, folder: Path) -> None:
    """What was written, and what to do with it, on standard error."""
    from model.evaluation.mistake_export import TABLE

    table = folder / TABLE
    line = f"{count} photographs with a wrong tag are in {folder}"
    what = (
        f"; correct yes and maybe in {table}, then: tagstream data import {table} --output DIR"
        if count
        else ""
    )
    PrintableConsole(stderr=True).print(line + what, soft_wrap=True)
