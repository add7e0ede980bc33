"""Promotion gate: every figure of a candidate held against the champion's, those of the tags first.

Pure: reports in (as manifests record them and `model evaluate --json` prints them), a table of verdicts out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from math import sqrt
from typing import Any, Final

from model.evaluation.differences import unpaired
from model.registry.gate_row import NO_PHOTOGRAPH, GateRow, GateVerdict, Value, says
from model.registry.recorded_figures import Figures, Pairs
from model.registry.tolerances import Tolerance, Tolerances

TAGS: Final = ("tag_recall", "tag_precision", "precision_at_recall", "f1")
"""A figure a label; what the tags are acted on for."""
ERRORS: Final = ("ece_label", "ece_label_mixed")
WHOLE: Final = ("mixed_all_found", "negatives_acted_on", "singles_with_extra", "f1_samples", "top_accuracy")
LOWER_IS_BETTER: Final = frozenset({"negatives_acted_on", "singles_with_extra"})
MAIN_TAGS: Final = ("recall", "precision")
PER_LABEL: Final = (*TAGS, *ERRORS, *MAIN_TAGS)
PER_SLICE: Final = ("top_accuracy", "f1_samples")
UNSTATED: Final = "the champion's report does not say"


def rows(
    champion: Figures, candidate: Figures, tolerances: Tolerances, *, pairs: Pairs
) -> tuple[GateRow, ...]:
    """A row a figure, by group.

    What the champion's report does not say, and a figure of no photographs, is shown and decides nothing.
    """
    both = champion, candidate
    tags, whole, main, slices = (
        _rows(list(group), tolerances, pairs)
        for group in (
            _labels(both, TAGS, tolerances),
            _whole(both, tolerances),
            _labels(both, MAIN_TAGS, tolerances),
            _slices(both, tolerances),
        )
    )
    return (*_missing(*both), *tags, *_errors(both, tolerances), *whole, *main, *slices)


@dataclass(frozen=True, slots=True)
class _Measured:
    """A figure of both, in a form in which higher is better."""

    name: str
    before: tuple[float, int]
    """The champion's, and over how many photographs."""
    after: tuple[float, int]
    tolerance: Tolerance
    is_flipped: bool = False
    """Shown as 1 - it."""


def _missing(champion: Figures, candidate: Figures) -> Iterator[GateRow]:
    lacking = [name for name in _stated(champion) if name not in set(_stated(candidate))]
    for name in lacking:
        if name.partition(": ")[2] not in lacking:
            why = "its report does not say; give --data DATA"
            yield GateRow(name, "stated", None, None, GateVerdict.REFUSED, why)


def _stated(report: Figures) -> Iterator[str]:
    yield from (name for name in (*WHOLE, "ece", *PER_LABEL, "slices") if name in report)
    for name in PER_LABEL:
        yield from (f"{label}: {name}" for label in report.get(name) or {})


def _labels(
    both: tuple[Figures, Figures], names: Iterable[str], tolerances: Tolerances
) -> Iterator[_Measured | GateRow]:
    for name in names:
        tolerance = tolerances.precision_at_recall if name == "precision_at_recall" else tolerances.label
        for label, pair in _by_label(both, name):
            yield _measured(f"{label}: {name}", pair, tolerance)


def _by_label(both: tuple[Figures, Figures], name: str) -> Iterator[tuple[str, tuple[Any, Any]]]:
    """The figures of each label that the candidate's report has, None where the champion's does not."""
    ours, theirs = (each.get(name) or {} for each in both)
    for label, figure in theirs.items():
        yield label, (ours.get(label), figure)


def _whole(both: tuple[Figures, Figures], tolerances: Tolerances) -> Iterator[_Measured | GateRow]:
    for name in WHOLE:
        if name in both[1]:
            pair = both[0].get(name), both[1].get(name)
            yield _measured(name, pair, getattr(tolerances, name), is_flipped=name in LOWER_IS_BETTER)


def _slices(both: tuple[Figures, Figures], tolerances: Tolerances) -> Iterator[_Measured | GateRow]:
    ours, theirs = (each.get("slices") or {} for each in both)
    for kind, parts in ours.items():
        for name, part in parts.items():
            other = theirs.get(kind, {}).get(name)
            if other and min(part["of"], other["of"]) >= tolerances.smallest_slice:
                for figure in PER_SLICE:
                    pair = tuple(_counted(each.get(figure), each["of"]) for each in (part, other))
                    yield _measured(f"{kind} {name}: {figure}", pair, tolerances.slice)


def _counted(figure: object, of: int) -> object:
    """A slice's figure may be a bare number: the slice says over how many."""
    return {"value": figure, "of": of} if isinstance(figure, float | int) else figure


def _measured(
    name: str, both: tuple[Any, ...], tolerance: Tolerance, *, is_flipped: bool = False
) -> _Measured | GateRow:
    """A row at once where one of the two says nothing: there was nothing to hit."""
    if not all(map(says, both)):
        return _shown(name, both)
    before, after = ((1 - e["value"] if is_flipped else e["value"], e["of"]) for e in both)
    return _Measured(name, before, after, tolerance, is_flipped=is_flipped)


def _shown(name: str, both: tuple[Any, ...]) -> GateRow:
    champion, candidate = (each["value"] if says(each) else None for each in both)
    why = UNSTATED if both[0] is None else NO_PHOTOGRAPH
    return GateRow(name, champion, candidate, None, GateVerdict.SHOWN, why)


def _rows(group: list[_Measured | GateRow], tolerances: Tolerances, pairs: Pairs) -> list[GateRow]:
    """The rows of one group, over which the significance is divided."""
    measured = sum(isinstance(each, _Measured) for each in group)
    level = tolerances.significance / max(1, measured)
    return [
        each if isinstance(each, GateRow) else _row(each, tolerances, level=level, pairs=pairs)
        for each in group
    ]


def _row(each: _Measured, tolerances: Tolerances, *, level: float, pairs: Pairs) -> GateRow:
    def shown(value: float) -> float:
        return round(1 - value if each.is_flipped else value, 4)

    verdict, why = _verdict(each, tolerances, level=level, pairs=pairs)
    allowed = shown(each.before[0] - each.tolerance.least)
    return GateRow(each.name, shown(each.before[0]), shown(each.after[0]), allowed, verdict, why)


def _verdict(
    each: _Measured, tolerances: Tolerances, *, level: float, pairs: Pairs
) -> tuple[GateVerdict, str]:
    fall = each.before[0] - each.after[0]
    fewest = min(each.before[1], each.after[1])
    if fall <= each.tolerance.least:
        return GateVerdict.PASSED, ""
    if round(fall * fewest, 6) < tolerances.fewest:
        return GateVerdict.PASSED, f"by less than {tolerances.fewest} of {fewest} photographs"
    if fall > each.tolerance.hard:
        return GateVerdict.REFUSED, f"worse by more than {each.tolerance.hard:.1%}"
    pair = pairs.get(each.name)
    chance = pair.p_worse if pair else unpaired(each.before, each.after)
    if chance < level:
        return GateVerdict.REFUSED, f"worse by {fall:.1%}, and hardly by chance (p {chance:.2g})"
    return GateVerdict.PASSED, f"worse by {fall:.1%}, which may be chance (p {chance:.2g})"


def _errors(both: tuple[Figures, Figures], tolerances: Tolerances) -> Iterator[GateRow]:
    """Of the calibration: of each label, of each on photographs of several, of all labels together."""
    for name in ERRORS:
        for label, pair in _by_label(both, name):
            yield _error(f"{label}: {name}", pair, tolerances)
    if "ece" in both[1]:
        pooled = both[0].get("ece"), both[1].get("ece")
        yield _error("ece", pooled, tolerances, of=both[0].get("photographs"))


def _error(name: str, both: tuple[Any, Any], tolerances: Tolerances, *, of: int | None = None) -> GateRow:
    """`of` photographs, where the figure counts verdicts instead."""
    if not all(map(says, both)):
        return _shown(name, both)
    ours, theirs = both
    most = ours["value"] + tolerances.ece.hard + tolerances.ece_noise / sqrt(of or ours["of"])
    is_off = theirs["value"] > most
    verdict = GateVerdict.REFUSED if is_off else GateVerdict.PASSED
    why = f"its probabilities are off by more than {most:.3f}" if is_off else ""
    allowed: Value = round(most, 4)
    return GateRow(name, ours["value"], theirs["value"], allowed, verdict, why)
