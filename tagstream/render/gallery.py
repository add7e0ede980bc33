"""Photographs as one HTML file: self-contained, without JavaScript, in a light and a dark scheme."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any, Final

from model import templates

TEMPLATE: Final = "gallery.html.j2"


@dataclass(frozen=True, slots=True)
class Fact:
    """A figure at the head of the page."""

    name: str
    value: str


@dataclass(frozen=True, slots=True)
class ProbabilityBar:
    """A label's probability beside its threshold, or what else it is held against; both 0 to 1."""

    label: str
    probability: float
    threshold: float
    mark: str = "threshold"
    """What it is held against, in a word."""


@dataclass(frozen=True, slots=True)
class Shot:
    """One photograph."""

    name: str
    picture: str | None
    """A data: URI; None where it cannot be read."""
    chips: tuple[str, ...] = ()
    """A word or two each: its split, its other labels."""
    bars: tuple[ProbabilityBar, ...] = ()


@dataclass(frozen=True, slots=True)
class GallerySection:
    """Photographs under one heading."""

    title: str
    note: str
    shots: tuple[Shot, ...]


@dataclass(frozen=True, slots=True)
class PageTable:
    """Figures by row; the first column names the row, the others stand to the right."""

    title: str
    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    marked: frozenset[int] = frozenset()
    """Rows, by their number, that are to be seen."""


@dataclass(frozen=True, slots=True)
class Page:
    """The whole page."""

    title: str
    lead: str
    facts: tuple[Fact, ...]
    sections: Sequence[GallerySection]
    warnings: tuple[str, ...] = ()
    tables: tuple[PageTable, ...] = ()


def render(page: Page) -> str:
    """The page; everything that a file's name or a label may hold is escaped."""
    environment = templates.environment(Path(__file__).parent)
    context: dict[str, Any] = {"page": page, "version": metadata.version("tagstream")}
    return environment.get_template(TEMPLATE).render(context)
