"""Whether a candidate may take the champion's place: every figure of the one held against the other's.

Pure: reports in (as manifests record them and `model evaluate --json` prints them), a table of verdicts out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from math import sqrt
from typing import Any, Final

from model.registry import significance
from model.registry.significance import Pair
from model.registry.tolerances import Tolerance, Tolerances

Figures = Mapping[str, Any]
"""A report, as JSON: `model.evaluation.report.Report.as_json`."""
Pairs = Mapping[str, Pair]
"""By a row's name; where both were judged on the same photographs here."""

OVERALL: Final = ("top_accuracy", "f1_samples", "mixed_all_found")
LOWER_IS_BETTER: Final = ("singles_with_extra", "negatives_acted_on")
PER_LABEL: Final = ("recall", "precision", "tag_recall", "tag_precision", "f1")
PER_SLICE: Final = ("top_accuracy", "f1_samples")


class Verdict(StrEnum):
    """Of one figure."""

    PASSED = "passed"
    REFUSED = "refused"
    BROKEN = "broken"
    """Refused, and no force helps: a worker would not start with it."""
    SHOWN = "shown"
    """For people to look at; decides nothing."""


Value = float | str | None


@dataclass(frozen=True, slots=True)
class Row:
    """One figure of both."""

    name: str
    champion: Value
    candidate: Value
    allowed: Value
    """The worst that is never refused."""
    verdict: Verdict
    why: str = ""

    def as_json(self) -> dict[str, Any]:
        """As it stands."""
        return {name: getattr(self, name) for name in ("name", "champion", "candidate", "allowed")} | {
            "verdict": self.verdict.value,
            "why": self.why,
        }


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


def rows(champion: Figures, candidate: Figures, tolerances: Tolerances, *, pairs: Pairs) -> tuple[Row, ...]:
    """A row a figure, by group. What the champion's report does not have is not held against anybody."""
    overall = [each for each in _overall(champion, candidate, tolerances) if each]
    labels = [each for each in _labels(champion, candidate, tolerances) if each]
    slices = [each for each in _slices(champion, candidate, tolerances) if each]
    judged = [row for group in (overall, labels, slices) for row in _judged(group, tolerances, pairs)]
    ece = _ece(champion, candidate, tolerances)
    return (*_missing(champion, candidate), *judged[: len(overall)], *ece, *judged[len(overall) :])


def same(name: str, champion: str, candidate: str, *, why: str) -> Row:
    """What may not differ at all."""
    verdict = Verdict.PASSED if champion == candidate else Verdict.REFUSED
    return Row(name, champion, candidate, champion, verdict, "" if verdict is Verdict.PASSED else why)


def slower(name: str, champion: float, candidate: float, tolerances: Tolerances) -> Row:
    """Seconds an image of both, measured alternately on one device."""
    allowed = max(champion * tolerances.slower, champion + tolerances.slower_seconds)
    ratio = f"{candidate / champion:.2f} times the champion's, in ms"
    verdict = Verdict.REFUSED if candidate > allowed else Verdict.PASSED
    ours, theirs, most = (round(1000 * seconds, 3) for seconds in (champion, candidate, allowed))
    return Row(name, ours, theirs, most, verdict, ratio)


def at_least(name: str, candidate: float | None, least: float) -> Row:
    """A floor for who has no champion to be held against."""
    verdict = Verdict.PASSED if candidate is not None and candidate >= least else Verdict.REFUSED
    return Row(name, None, candidate, least, verdict, "" if verdict is Verdict.PASSED else "below the floor")


def _missing(a: Figures, b: Figures) -> Iterator[Row]:
    for name in (*OVERALL, *LOWER_IS_BETTER, "ece", *PER_LABEL, "slices"):
        if name in a and name not in b:
            yield Row(
                name, "stated", None, None, Verdict.REFUSED, "its report does not say; give --data DATA"
            )


def _overall(a: Figures, b: Figures, tolerances: Tolerances) -> Iterator[_Measured | None]:
    for name in OVERALL:
        yield _measured(name, (a.get(name), b.get(name)), getattr(tolerances, name))
    for name in LOWER_IS_BETTER:
        both = a.get(name), b.get(name)
        yield _measured(name, both, getattr(tolerances, name), is_flipped=True)


def _labels(a: Figures, b: Figures, tolerances: Tolerances) -> Iterator[_Measured | None]:
    for name in PER_LABEL:
        ours, theirs = a.get(name) or {}, b.get(name) or {}
        for label in ours:
            both = ours[label], theirs.get(label)
            yield _measured(f"{label}: {name}", both, tolerances.label)


def _slices(a: Figures, b: Figures, tolerances: Tolerances) -> Iterator[_Measured | None]:
    for kind, parts in (a.get("slices") or {}).items():
        theirs = (b.get("slices") or {}).get(kind, {})
        for name, part in parts.items():
            other = theirs.get(name)
            if other and min(part["of"], other["of"]) >= tolerances.smallest_slice:
                for figure in PER_SLICE:
                    both = tuple(_counted(each.get(figure), each["of"]) for each in (part, other))
                    yield _measured(f"{kind} {name}: {figure}", both, tolerances.slice)


def _counted(figure: object, of: int) -> object:
    """A slice's figure may be a bare number: the slice says over how many."""
    return {"value": figure, "of": of} if isinstance(figure, float | int) else figure


def _measured(
    name: str, both: tuple[Any, ...], tolerance: Tolerance, *, is_flipped: bool = False
) -> _Measured | None:
    """None where one of the two says nothing: there was nothing to hit."""
    if not all(_says(each) for each in both):
        return None
    before, after = ((1 - e["value"] if is_flipped else e["value"], e["of"]) for e in both)
    return _Measured(name, before, after, tolerance, is_flipped=is_flipped)


def _says(figure: object) -> bool:
    return isinstance(figure, dict) and bool(figure.get("of")) and figure.get("value") is not None


def _judged(group: list[_Measured], tolerances: Tolerances, pairs: Pairs) -> Iterable[Row]:
    """The rows of one group, over which the significance is divided."""
    level = tolerances.significance / max(1, len(group))
    return [_row(each, tolerances, level=level, pair=pairs.get(each.name)) for each in group]


def _row(each: _Measured, tolerances: Tolerances, *, level: float, pair: Pair | None) -> Row:
    def shown(value: float) -> float:
        return round(1 - value if each.is_flipped else value, 4)

    verdict, why = _verdict(each, tolerances, level=level, pair=pair)
    allowed = shown(each.before[0] - each.tolerance.least)
    return Row(each.name, shown(each.before[0]), shown(each.after[0]), allowed, verdict, why)


def _verdict(
    each: _Measured, tolerances: Tolerances, *, level: float, pair: Pair | None
) -> tuple[Verdict, str]:
    fall = each.before[0] - each.after[0]
    fewest = min(each.before[1], each.after[1])
    if fall <= each.tolerance.least:
        return Verdict.PASSED, ""
    if round(fall * fewest, 6) < tolerances.fewest:
        return Verdict.PASSED, f"by less than {tolerances.fewest} of {fewest} photographs"
    if fall > each.tolerance.hard:
        return Verdict.REFUSED, f"worse by more than {each.tolerance.hard:.1%}"
    chance = significance.paired(pair) if pair else significance.unpaired(each.before, each.after)
    if chance < level:
        return Verdict.REFUSED, f"worse by {fall:.1%}, and hardly by chance (p {chance:.2g})"
    return Verdict.PASSED, f"worse by {fall:.1%}, which may be chance (p {chance:.2g})"


def _ece(a: Figures, b: Figures, tolerances: Tolerances) -> Iterator[Row]:
    ours, theirs = a.get("ece"), b.get("ece")
    if not (_says(ours) and _says(theirs)) or ours is None or theirs is None:
        return
    photographs = a.get("photographs") or ours["of"]
    most = ours["value"] + tolerances.ece.hard + tolerances.ece_noise / sqrt(photographs)
    verdict = Verdict.REFUSED if theirs["value"] > most else Verdict.PASSED
    why = f"its probabilities are off by more than {most:.3f}" if verdict is Verdict.REFUSED else ""
    yield Row("ece", ours["value"], theirs["value"], round(most, 4), verdict, why)
