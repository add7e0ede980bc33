"""Champion-challenger evaluation: what may not differ, the figures, the golden images, the time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from model.data.photograph import Photograph
from model.registry import gate
from model.registry.gate import GateEvidence, GateRow, GateVerdict, Tolerances
from model.registry.gate_result import GateResult
from model.registry.refs import CHAMPION
from schemas.errors import ConfigurationError

if TYPE_CHECKING:
    from model.data.progress import Tick
    from model.registry.candidate_evaluation import Candidate


@dataclass(frozen=True, slots=True)
class CurrentChampion:
    """Whom a candidate is held against; neither `folder` nor `broken` where there is no champion yet."""

    folder: Path | None = None
    broken: ConfigurationError | None = None
    """Why it cannot be loaded."""


@dataclass(frozen=True, slots=True)
class PromotionCriteria:
    """By what a candidate is judged."""

    photographs: tuple[Photograph, ...] | None = None
    """None: by the figures that the manifests carry of `split`."""
    split: str = "test"
    least_top: float | None = None
    """The least accuracy of the top label, for who has no champion to be held against, and for who has."""
    tolerances: Tolerances = field(default_factory=Tolerances)
    device: str = "auto"
    threads: int | None = None


def evaluate_promotion(
    criteria: PromotionCriteria, folder: Path, champion: CurrentChampion, tick: Tick
) -> GateResult:
    """The whole of it. It blocks, for as long as scoring the photographs takes."""
    from model.registry.candidate_evaluation import Candidate  # noqa: PLC0415 - torch: not for whoever lists or rolls back

    device = {"device": criteria.device, "threads": criteria.threads}
    candidate = Candidate.load(folder, **device)  # type: ignore[arg-type]  # two options of two types
    if champion.folder is not None:
        return _beside(criteria, Candidate.load(champion.folder, **device), candidate, tick)  # type: ignore[arg-type]
    outcome = _alone(criteria, candidate, tick)
    if champion.broken is None:
        return replace(outcome, note=f"the first {CHAMPION}: there was nothing to hold it against")
    broken = GateRow(
        "the champion", str(champion.broken), None, None, GateVerdict.REFUSED, "it cannot be loaded"
    )
    return replace(outcome, rows=(broken, *outcome.rows))


def _alone(criteria: PromotionCriteria, candidate: Candidate, tick: Tick) -> GateResult:
    from model.registry import candidate_evaluation as evaluation  # noqa: PLC0415

    rows = list(evaluation.golden(None, candidate))
    found = None
    if criteria.photographs is not None or criteria.least_top is not None:
        found = _evidence(criteria, None, candidate, tick)
        rows += _floor(criteria, found)
    return _outcome(candidate, None, rows, found)


def _beside(criteria: PromotionCriteria, champion: Candidate, candidate: Candidate, tick: Tick) -> GateResult:
    from model.evaluation.speed import seconds_an_image  # noqa: PLC0415
    from model.registry import candidate_evaluation as evaluation  # noqa: PLC0415

    rows = list(_same(champion, candidate))
    found = None
    if not any(row.verdict is GateVerdict.REFUSED for row in rows):
        found = _evidence(criteria, champion, candidate, tick)
        rows += _floor(criteria, found)
        rows += _figures(criteria, found)
    rows += evaluation.golden(champion, candidate)
    for batch, ours, theirs in seconds_an_image(champion.classifier, candidate.classifier):
        rows.append(gate.slower(f"ms an image, {batch} at once", ours, theirs, criteria.tolerances))
    return _outcome(candidate, champion, rows, found)


def _same(champion: Candidate, candidate: Candidate) -> Iterator[GateRow]:
    ours, theirs = champion.version.manifest, candidate.version.manifest
    yield gate.same("task", ours.task, theirs.task, why="its probabilities mean something else")
    labels = (", ".join(each.labels) for each in (ours, theirs))
    yield gate.same("labels, in order", *labels, why="routes, scores and consumers go by these labels")


def _evidence(
    criteria: PromotionCriteria, champion: Candidate | None, candidate: Candidate, tick: Tick
) -> GateEvidence | ConfigurationError:
    """The figures; why there are none, which is a refusal like any other."""
    from model.registry import candidate_evaluation as evaluation  # noqa: PLC0415

    try:
        if criteria.photographs is not None:
            return evaluation.evaluate_candidate(champion, candidate, criteria.photographs, tick=tick)
        ours = champion.version.manifest if champion else None
        return gate.recorded(ours, candidate.version.manifest, split=criteria.split)
    except ConfigurationError as error:
        return error


def _figures(criteria: PromotionCriteria, found: GateEvidence | ConfigurationError) -> tuple[GateRow, ...]:
    if isinstance(found, ConfigurationError):
        return (GateRow("figures", None, None, None, GateVerdict.REFUSED, str(found)),)
    return gate.rows(found.champion or {}, found.candidate, criteria.tolerances, pairs=found.pairs)


def _floor(criteria: PromotionCriteria, found: GateEvidence | ConfigurationError) -> tuple[GateRow, ...]:
    if criteria.least_top is None:
        return ()
    if isinstance(found, ConfigurationError):
        return (
            GateRow(
                "top_accuracy, at least", None, None, criteria.least_top, GateVerdict.REFUSED, str(found)
            ),
        )
    top = found.candidate.get("top_accuracy") or {}
    return (gate.at_least("top_accuracy, at least", top.get("value"), criteria.least_top),)


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
        photographs=int((known.candidate.get("top_accuracy") or {}).get("of", 0)) if known else 0,
        data=known.data if known else "",
    )
