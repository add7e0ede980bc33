"""Promotion gate: every figure of a candidate held against the champion's.

Pure: reports in (as manifests record them and `model evaluate --json` prints them), a table of verdicts out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from math import sqrt
from typing import Any, Final

from model.evaluation.differences import Paired, unpaired
from model.manifest import Manifest, decisive_digest
from schemas.errors import ConfigurationError

Figures = Mapping[str, Any]
"""A report, as JSON: `model.evaluation.report.Report.as_json`."""
Pairs = Mapping[str, Paired]
"""By a row's name; where both were judged on the same photographs here."""

OVERALL: Final = ("top_accuracy", "f1_samples", "mixed_all_found")
LOWER_IS_BETTER: Final = ("singles_with_extra", "negatives_acted_on")
PER_LABEL: Final = ("recall", "precision", "tag_recall", "tag_precision", "f1")
PER_SLICE: Final = ("top_accuracy", "f1_samples")


class GateVerdict(StrEnum):
    """Of one figure."""

    PASSED = "passed"
    REFUSED = "refused"
    BROKEN = "broken"
    """Refused, and no force helps: a worker would not start with it."""
    SHOWN = "shown"
    """For people to look at; decides nothing."""


Value = float | str | None


@dataclass(frozen=True, slots=True)
class GateRow:
    """One figure of both."""

    name: str
    champion: Value
    candidate: Value
    allowed: Value
    """The worst that is never refused."""
    verdict: GateVerdict
    why: str = ""

    def as_json(self) -> dict[str, Any]:
        """As it stands."""
        return {name: getattr(self, name) for name in ("name", "champion", "candidate", "allowed")} | {
            "verdict": self.verdict.value,
            "why": self.why,
        }


@dataclass(frozen=True, slots=True)
class Tolerance:
    """Of one figure, in shares: 0.01 is one point of a hundred."""

    least: float
    """A fall of no more than this is never refused: it would not be noticed."""
    hard: float
    """A fall of more than this is refused though it may be chance: the risk is too high."""


@dataclass(frozen=True, slots=True)
class Tolerances:
    """What the gate allows.

    A fall is refused when it is beyond `least` and either significant or beyond `hard`. On few photographs
    most falls are chance and `hard` decides; on many, a fall of little more than `least` is significant.
    `hard` is the wider the fewer photographs a figure is commonly taken over: of a label, or a slice, there
    are a tenth as many. A fall of fewer photographs than `fewest` is never refused.

    Many figures are looked at, and one of twenty equal ones falls "significantly" at 0.05: the significance
    holds for each group (overall, labels, slices) as a whole, divided by its figures (Bonferroni). What
    that loses in power on small groups, `hard` makes good.

    Photographs of one source are not independent, which the test takes them for: a fall on one source's
    photographs alone may be refused though other sources would not show it. Look at the slices then.
    """

    top_accuracy: Tolerance = Tolerance(least=0.005, hard=0.02)
    f1_samples: Tolerance = Tolerance(least=0.005, hard=0.02)
    mixed_all_found: Tolerance = Tolerance(least=0.02, hard=0.10)
    """Few photographs have several tags."""
    singles_with_extra: Tolerance = Tolerance(least=0.01, hard=0.03)
    """A rise; as the two below."""
    negatives_acted_on: Tolerance = Tolerance(least=0.02, hard=0.08)
    ece: Tolerance = Tolerance(least=0.01, hard=0.02)
    """There is no test for it: `hard` decides, with `ece_noise` beside."""
    ece_noise: float = 0.3
    """Divided by the root of the photographs: what ECE moves by from one sample to another."""
    label: Tolerance = Tolerance(least=0.01, hard=0.05)
    """Precision, recall and F1 of one label."""
    slice: Tolerance = Tolerance(least=0.02, hard=0.08)
    """Top label and F1 of one source, brightness or size."""
    significance: float = 0.05
    """Of a group of figures, one-sided."""
    fewest: int = 2
    """Photographs by which a figure must have fallen: one of them decides nothing."""
    smallest_slice: int = 30
    """A slice of fewer photographs is not looked at."""
    slower: float = 1.25
    """Times the champion's, that an image may take."""
    slower_seconds: float = 0.001
    """By which it must be slower as well: decoding an image takes ten times as long."""


@dataclass(frozen=True, slots=True)
class GateEvidence:
    """The reports of both on the same photographs."""

    champion: Figures | None
    """None where there is no champion yet."""
    candidate: Figures
    data: str
    """Digest of the photographs."""
    pairs: Pairs = field(default_factory=dict)
    """Empty where figures were recorded: which photographs they differ on is not."""


def recorded(champion: Manifest | None, candidate: Manifest, *, split: str) -> GateEvidence:
    """The figures that the manifests carry of `split`, if they were taken of these very versions.

    Raises `ConfigurationError`, which says how to mend it, where one has none, where the thresholds are
    no longer those that it was judged with, or where the two were judged on other photographs.
    """
    theirs = _figures(candidate, split)
    data = _data(candidate, theirs)
    if champion is None:
        return GateEvidence(None, theirs, data)
    ours = _figures(champion, split)
    if not data or data != _data(champion, ours):
        raise ConfigurationError(
            f"{_name(candidate)} and {_name(champion)} were judged on different photographs of {split!r}: "
            "their figures cannot be compared; give --data DATA, and both are judged on the same here"
        )
    return GateEvidence(ours, theirs, data)


def rows(
    champion: Figures, candidate: Figures, tolerances: Tolerances, *, pairs: Pairs
) -> tuple[GateRow, ...]:
    """A row a figure, by group. What the champion's report does not have is not held against anybody."""
    overall = [each for each in _overall(champion, candidate, tolerances) if each]
    labels = [each for each in _labels(champion, candidate, tolerances) if each]
    slices = [each for each in _slices(champion, candidate, tolerances) if each]
    measured = [row for group in (overall, labels, slices) for row in _rows(group, tolerances, pairs)]
    ece = _ece(champion, candidate, tolerances)
    return (*_missing(champion, candidate), *measured[: len(overall)], *ece, *measured[len(overall) :])


def same(name: str, champion: str, candidate: str, *, why: str) -> GateRow:
    """What may not differ at all."""
    verdict = GateVerdict.PASSED if champion == candidate else GateVerdict.REFUSED
    return GateRow(name, champion, candidate, champion, verdict, "" if verdict is GateVerdict.PASSED else why)


def slower(name: str, champion: float, candidate: float, tolerances: Tolerances) -> GateRow:
    """Seconds an image of both, measured in turns on one device: CPU seconds, where that is the CPU."""
    allowed = max(champion * tolerances.slower, champion + tolerances.slower_seconds)
    ratio = f"{candidate / champion:.2f} times the champion's, in ms"
    verdict = GateVerdict.REFUSED if candidate > allowed else GateVerdict.PASSED
    ours, theirs, most = (round(1000 * seconds, 3) for seconds in (champion, candidate, allowed))
    return GateRow(name, ours, theirs, most, verdict, ratio)


def at_least(name: str, candidate: float | None, least: float) -> GateRow:
    """A floor for who has no champion to be held against."""
    verdict = GateVerdict.PASSED if candidate is not None and candidate >= least else GateVerdict.REFUSED
    return GateRow(
        name, None, candidate, least, verdict, "" if verdict is GateVerdict.PASSED else "below the floor"
    )


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


def _figures(manifest: Manifest, split: str) -> Mapping[str, Any]:
    found = manifest.metrics.get(split)
    if not isinstance(found, dict) or "top_accuracy" not in found:
        raise ConfigurationError(
            f"{_name(manifest)} carries no figures of {split!r}; give --data DATA, and it is judged here, or "
            f"record them before it is published: tagstream model evaluate DATA --split {split} --record"
        )
    if found.get("judged") != decisive_digest(manifest):
        raise ConfigurationError(
            f"{_name(manifest)}: its figures of {split!r} were not taken with these weights, labels and "
            "thresholds; give --data DATA, and it is judged here as it is"
        )
    return found


def _data(manifest: Manifest, figures: Mapping[str, Any]) -> str:
    digest = figures.get("data")
    return digest if isinstance(digest, str) else manifest.data_digest


def _name(manifest: Manifest) -> str:
    return f"{manifest.name}/{manifest.version}"


def _missing(a: Figures, b: Figures) -> Iterator[GateRow]:
    for name in (*OVERALL, *LOWER_IS_BETTER, "ece", *PER_LABEL, "slices"):
        if name in a and name not in b:
            yield GateRow(
                name, "stated", None, None, GateVerdict.REFUSED, "its report does not say; give --data DATA"
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


def _rows(group: list[_Measured], tolerances: Tolerances, pairs: Pairs) -> Iterable[GateRow]:
    """The rows of one group, over which the significance is divided."""
    level = tolerances.significance / max(1, len(group))
    return [_row(each, tolerances, level=level, pair=pairs.get(each.name)) for each in group]


def _row(each: _Measured, tolerances: Tolerances, *, level: float, pair: Paired | None) -> GateRow:
    def shown(value: float) -> float:
        return round(1 - value if each.is_flipped else value, 4)

    verdict, why = _verdict(each, tolerances, level=level, pair=pair)
    allowed = shown(each.before[0] - each.tolerance.least)
    return GateRow(each.name, shown(each.before[0]), shown(each.after[0]), allowed, verdict, why)


def _verdict(
    each: _Measured, tolerances: Tolerances, *, level: float, pair: Paired | None
) -> tuple[GateVerdict, str]:
    fall = each.before[0] - each.after[0]
    fewest = min(each.before[1], each.after[1])
    if fall <= each.tolerance.least:
        return GateVerdict.PASSED, ""
    if round(fall * fewest, 6) < tolerances.fewest:
        return GateVerdict.PASSED, f"by less than {tolerances.fewest} of {fewest} photographs"
    if fall > each.tolerance.hard:
        return GateVerdict.REFUSED, f"worse by more than {each.tolerance.hard:.1%}"
    chance = pair.p_worse if pair else unpaired(each.before, each.after)
    if chance < level:
        return GateVerdict.REFUSED, f"worse by {fall:.1%}, and hardly by chance (p {chance:.2g})"
    return GateVerdict.PASSED, f"worse by {fall:.1%}, which may be chance (p {chance:.2g})"


def _ece(a: Figures, b: Figures, tolerances: Tolerances) -> Iterator[GateRow]:
    ours, theirs = a.get("ece"), b.get("ece")
    if not (_says(ours) and _says(theirs)) or ours is None or theirs is None:
        return
    photographs = a.get("photographs") or ours["of"]
    most = ours["value"] + tolerances.ece.hard + tolerances.ece_noise / sqrt(photographs)
    verdict = GateVerdict.REFUSED if theirs["value"] > most else GateVerdict.PASSED
    why = f"its probabilities are off by more than {most:.3f}" if verdict is GateVerdict.REFUSED else ""
    yield GateRow("ece", ours["value"], theirs["value"], round(most, 4), verdict, why)
