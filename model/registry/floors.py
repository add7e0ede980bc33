"""Floors of the promotion gate: what a version reaches at least, whatever a champion does."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any, Final, Self

from model.registry import gate
from model.registry.gate_row import NO_PHOTOGRAPH, GateRow, GateVerdict, says
from model.registry.recorded_figures import Figures
from model.registry.tolerances import Tolerances

UNSTATED: Final = "its report does not say; give --data DATA"


@dataclass(frozen=True, slots=True)
class Floors:
    """Shares, 0 to 1; None: no floor."""

    recall: float | None = None
    """Of every tag: of the photographs of which it is true, those with it."""
    precision: float | None = None
    """Of every tag: of the photographs with it, those of which it is true."""
    top: float | None = None
    """Of the photographs, those whose top label is the main one."""
    none_tagged: float | None = None
    """A ceiling: of the pictures of none of the labels, those that were tagged."""

    def else_by(self, other: Floors) -> Self:
        """These, and where one is None `other`'s."""
        mine = ((each.name, getattr(self, each.name)) for each in fields(self))
        return type(self)(**{name: getattr(other, name) if value is None else value for name, value in mine})

    @property
    def is_set(self) -> bool:
        """Whether there is any."""
        return any(getattr(self, each.name) is not None for each in fields(self))


FIRST: Final = Floors(recall=0.8, precision=0.8, top=0.9, none_tagged=0.2)
"""For who has no champion to be held against, where nothing else is said: somebody who looks at what it tags
sees one mistake in five at once."""


def rows(floors: Floors, candidate: Figures) -> tuple[GateRow, ...]:
    """A row a floor, of labels one each. Of a figure of no photographs it is shown that there are none."""
    return tuple(_rows(floors, candidate))


def shown(candidate: Figures, *, beside: tuple[GateRow, ...]) -> tuple[GateRow, ...]:
    """Every other figure of who has no champion, for people to look at."""
    judged = {row.name.removesuffix(", at least").removesuffix(", at most") for row in beside}
    every = gate.rows({}, candidate, Tolerances(), pairs={})
    return tuple(
        GateRow(row.name, None, row.candidate, None, GateVerdict.SHOWN, _why(row))
        for row in every
        if row.name not in judged
    )


def _why(row: GateRow) -> str:
    return NO_PHOTOGRAPH if row.candidate is None else ""


def _rows(floors: Floors, candidate: Figures) -> Iterator[GateRow]:
    for name, least in (("tag_recall", floors.recall), ("tag_precision", floors.precision)):
        if least is not None:
            by_label = candidate.get(name)
            if not by_label:
                yield GateRow(f"{name}, at least", None, None, least, GateVerdict.REFUSED, UNSTATED)
            for label, figure in (by_label or {}).items():
                yield _floor(f"{label}: {name}", figure, least)
    if floors.none_tagged is not None:
        yield _floor("negatives_acted_on", candidate.get("negatives_acted_on"), most=floors.none_tagged)
    if floors.top is not None:
        yield _floor("top_accuracy", candidate.get("top_accuracy"), floors.top)


def _floor(name: str, figure: Any, least: float = 0.0, *, most: float | None = None) -> GateRow:  # noqa: ANN401 - as JSON has it
    name, bound = (f"{name}, at least", least) if most is None else (f"{name}, at most", most)
    if figure is None:
        return GateRow(name, None, None, bound, GateVerdict.REFUSED, UNSTATED)
    if not says(figure):
        return GateRow(name, None, None, bound, GateVerdict.SHOWN, NO_PHOTOGRAPH)
    value = figure["value"]
    is_fit = value >= least if most is None else value <= most
    why = "" if is_fit else "below the floor" if most is None else "above the ceiling"
    return GateRow(name, None, value, bound, GateVerdict.PASSED if is_fit else GateVerdict.REFUSED, why)
