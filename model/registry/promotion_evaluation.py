"""Champion-challenger evaluation: what may not differ, the figures, the golden images, the time.

The only part of the registry that needs torch.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Self

from model import checkpoint
from model.checkpoint import Version
from model.data.photograph import Photograph
from model.data.progress import Tick
from model.evaluation import figures, predict, recording
from model.evaluation.comparison import compare
from model.evaluation.predictions import Predictions
from model.evaluation.speed import seconds_an_image
from model.registry import floors, gate, gate_row, recorded_figures
from model.registry.floors import FIRST, Floors
from model.registry.gate_row import GateRow, GateVerdict
from model.registry.gate_terms import CurrentChampion, GateResult, PromotionCriteria
from model.registry.recorded_figures import Figures, GateEvidence
from model.registry.refs import CHAMPION
from model.serving import borderline_check
from model.serving.classifier import Classifier
from schemas.errors import ConfigurationError, DeviceBroken

RESAMPLES: Final = 20
"""For intervals, at which the gate does not look: it has tests of its own."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A version, loaded and as its folder has it."""

    name: str
    """NAME/VERSION."""
    version: Version
    classifier: Classifier

    @classmethod
    def load(cls, folder: Path, *, device: str, threads: int | None = None) -> Self:
        """Raises `ConfigurationError` for a damaged version."""
        version = checkpoint.read(folder)
        manifest = version.manifest
        classifier = Classifier.load(folder, device=device, threads=threads)
        return cls(f"{manifest.name}/{manifest.version}", version, classifier)


def evaluate_promotion(
    criteria: PromotionCriteria, folder: Path, champion: CurrentChampion, tick: Tick
) -> GateResult:
    """The whole of it. It blocks, for as long as scoring the photographs takes."""
    device = {"device": criteria.device, "threads": criteria.threads}
    candidate = Candidate.load(folder, **device)  # type: ignore[arg-type]  # two options of two types
    if champion.folder is not None:
        return _beside(criteria, Candidate.load(champion.folder, **device), candidate, tick)  # type: ignore[arg-type]
    outcome = _alone(criteria, candidate, tick)
    if champion.broken is None:
        return replace(
            outcome, note=f"the first {CHAMPION}: held to floors, for there is nobody to hold it against"
        )
    broken = GateRow(
        "the champion", str(champion.broken), None, None, GateVerdict.REFUSED, "it cannot be loaded"
    )
    return replace(outcome, rows=(broken, *outcome.rows))


def _alone(criteria: PromotionCriteria, candidate: Candidate, tick: Tick) -> GateResult:
    """Its figures are shown; it must reach the floors."""
    rows = list(golden(None, candidate))
    found = _evidence(criteria, None, candidate, tick)
    rows += _reached(criteria.floors.else_by(FIRST), found)
    if isinstance(found, GateEvidence):
        rows += floors.shown(found.candidate, beside=tuple(rows))
    return _outcome(candidate, None, rows, found)


def _beside(criteria: PromotionCriteria, champion: Candidate, candidate: Candidate, tick: Tick) -> GateResult:
    rows = list(_same(champion, candidate))
    found = None
    if not any(row.verdict is GateVerdict.REFUSED for row in rows):
        found = _evidence(criteria, champion, candidate, tick)
        rows += _reached(criteria.floors, found)
        rows += _figures(criteria, found)
    rows += golden(champion, candidate)
    clock = "CPU ms" if candidate.classifier.device == "cpu" else "ms"
    for batch, ours, theirs in seconds_an_image(champion.classifier, candidate.classifier):
        rows.append(
            gate_row.slower(f"{clock} an image, {batch} at once, in turns", ours, theirs, criteria.tolerances)
        )
    return _outcome(candidate, champion, rows, found)


def _same(champion: Candidate, candidate: Candidate) -> Iterator[GateRow]:
    ours, theirs = champion.version.manifest, candidate.version.manifest
    yield gate_row.same("task", ours.task, theirs.task, why="its probabilities mean something else")
    labels = (", ".join(each.labels) for each in (ours, theirs))
    yield gate_row.same("labels, in order", *labels, why="routes, scores and consumers go by these labels")


def _evidence(
    criteria: PromotionCriteria, champion: Candidate | None, candidate: Candidate, tick: Tick
) -> GateEvidence | ConfigurationError:
    """The figures; why there are none, which is a refusal like any other."""
    try:
        if criteria.photographs is not None:
            return evaluate_candidate(champion, candidate, criteria.photographs, tick=tick)
        ours = champion.version.manifest if champion else None
        return recorded_figures.recorded(ours, candidate.version.manifest, split=criteria.split)
    except ConfigurationError as error:
        return error


def _figures(criteria: PromotionCriteria, found: GateEvidence | ConfigurationError) -> tuple[GateRow, ...]:
    if isinstance(found, ConfigurationError):
        return ()
    return gate.rows(found.champion or {}, found.candidate, criteria.tolerances, pairs=found.pairs)


def _reached(wanted: Floors, found: GateEvidence | ConfigurationError) -> tuple[GateRow, ...]:
    """The floors; where there are no figures, why: a refusal like any other."""
    if isinstance(found, ConfigurationError):
        return (GateRow("figures", None, None, None, GateVerdict.REFUSED, str(found)),)
    judged = found.candidate.get("photographs", 0)
    if not judged:
        why = "it was judged on none; give --data DATA with labelled ones"
        return (GateRow("photographs with tags", None, judged, 1, GateVerdict.REFUSED, why),)
    return floors.rows(wanted, found.candidate)


def _outcome(
    candidate: Candidate,
    champion: Candidate | None,
    rows: list[GateRow],
    found: GateEvidence | ConfigurationError | None,
) -> GateResult:
    known = found if isinstance(found, GateEvidence) else None
    return GateResult(
        candidate.name,
        champion.name if champion else None,
        tuple(rows),
        photographs=int(known.candidate.get("photographs", 0)) if known else 0,
        data=known.data if known else "",
    )


def evaluate_candidate(
    champion: Candidate | None, candidate: Candidate, photographs: Sequence[Photograph], *, tick: Tick
) -> GateEvidence:
    """Both on the photographs, in one order, with those on which they differ.

    Raises `ConfigurationError` where there is nothing to judge by, or a label that they do not know.
    """
    if not photographs:
        raise ConfigurationError("there is no photograph of that split in --data; name another --split")
    theirs = predict.predict(candidate.classifier, photographs, tick=_named(tick, candidate))
    report, digest = _report(theirs), recording.data_digest(theirs.photographs)
    if champion is None:
        return GateEvidence(None, report, digest)
    ours = predict.predict(champion.classifier, photographs, tick=_named(tick, champion))
    if ours.photographs != theirs.photographs:
        raise ConfigurationError(
            "the two versions could not read the same photographs; leave out: "
            + "; ".join({*ours.unreadable} ^ {*theirs.unreadable})
        )
    return GateEvidence(_report(ours), report, digest, pairs=compare(ours, theirs, resamples=RESAMPLES).pairs)


def _report(seen: Predictions) -> Figures:
    return figures.report(seen, resamples=RESAMPLES).as_json()


def golden(champion: Candidate | None, candidate: Candidate) -> Iterator[GateRow]:
    """Whether the candidate's golden scores hold here, and what it says of the champion's golden images."""
    yield _own_golden(candidate)
    if champion is not None:
        for file, png in champion.version.golden.items():
            ours, theirs = (_top(each.classifier, png) for each in (champion, candidate))
            yield GateRow(f"the champion's golden image {file}", ours, theirs, None, GateVerdict.SHOWN)


def _named(tick: Tick, candidate: Candidate) -> Tick:
    return lambda what, done, total: tick(f"{what} {candidate.name}", done, total)


def _own_golden(candidate: Candidate) -> GateRow:
    count = len(candidate.version.manifest.golden)
    name = f"its own golden images ({count})"
    try:
        candidate.classifier.check_golden()
        borderline_check.check(candidate.classifier)
    except DeviceBroken as error:
        return GateRow(name, None, "other scores", "the manifest's", GateVerdict.BROKEN, str(error))
    return GateRow(name, None, "score as stated", "the manifest's", GateVerdict.PASSED)


def _top(classifier: Classifier, png: bytes) -> str:
    (scores,) = classifier.forward([classifier.preprocess.decode(png)])
    return f"{scores.top} {scores.probabilities[scores.top]:.2f}"
