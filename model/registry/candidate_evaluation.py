"""Candidate evaluation on this device: the champion's photographs, and its golden images.

The only part of the registry that needs torch.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from model import checkpoint
from model.checkpoint import Version
from model.data.photograph import Photograph
from model.data.progress import Tick
from model.evaluation import figures, predict, recording
from model.evaluation.comparison import compare
from model.evaluation.predictions import Predictions
from model.registry.gate import Figures, GateEvidence, GateRow, GateVerdict
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


def golden(champion: Candidate | None, candidate: Candidate) -> tuple[GateRow, ...]:
    """Whether the candidate's golden scores hold here, and what it says of the champion's golden images."""
    own = [_own_golden(candidate)]
    return (*own, *_champions_golden(champion, candidate)) if champion else tuple(own)


def _named(tick: Tick, candidate: Candidate) -> Tick:
    return lambda what, done, total: tick(f"{what} {candidate.name}", done, total)


def _own_golden(candidate: Candidate) -> GateRow:
    count = len(candidate.version.manifest.golden)
    name = f"its own golden images ({count})"
    try:
        candidate.classifier.check_golden()
    except DeviceBroken as error:
        return GateRow(name, None, "other scores", "the manifest's", GateVerdict.BROKEN, str(error))
    return GateRow(name, None, "score as stated", "the manifest's", GateVerdict.PASSED)


def _champions_golden(champion: Candidate, candidate: Candidate) -> Iterator[GateRow]:
    for file, png in champion.version.golden.items():
        ours, theirs = (_top(each.classifier, png) for each in (champion, candidate))
        yield GateRow(f"the champion's golden image {file}", ours, theirs, None, GateVerdict.SHOWN)


def _top(classifier: Classifier, png: bytes) -> str:
    (scores,) = classifier.forward([classifier.preprocess.decode(png)])
    return f"{scores.top} {scores.probabilities[scores.top]:.2f}"
