"""A candidate beside the champion on this device: the same photographs, the golden images, the time it takes.

The only part of the registry that needs torch.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

import numpy as np
from torch import Tensor

from model import checkpoint
from model.checkpoint import Version
from model.data.photograph import Photograph
from model.evaluation import figures, predict, recording
from model.evaluation.predictions import Predictions
from model.evaluation.slices import partition
from model.registry.gate import Figures, GateEvidence, GateRow, GateVerdict
from model.registry.significance import Pair
from model.serving.classifier import Classifier
from schemas.errors import ConfigurationError, DeviceBroken

BATCHES: Final = (1, 16)
"""Images in a forward: what one image waits for, and what a full worker does."""
RESAMPLES: Final = 20
"""For intervals, at which the gate does not look: it has tests of its own."""
ROUNDS: Final = 7
SECONDS: Final = 20.0
"""After which no further round begins; three are always done."""
FEWEST_ROUNDS: Final = 3

Tick = Callable[[str, int, int], None]


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


def judge(
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
    return GateEvidence(_report(ours), report, digest, pairs=dict(_pairs(ours, theirs)))


def _report(seen: Predictions) -> Figures:
    return figures.report(seen, resamples=RESAMPLES).as_json()


def golden(champion: Candidate | None, candidate: Candidate) -> tuple[GateRow, ...]:
    """Whether the candidate's golden scores hold here, and what it says of the champion's golden images."""
    own = [_own_golden(candidate)]
    return (*own, *_champions_golden(champion, candidate)) if champion else tuple(own)


def seconds_an_image(champion: Candidate, candidate: Candidate) -> Iterator[tuple[int, float, float]]:
    """Images in a forward, then the champion's and the candidate's seconds for one of them.

    Measured in turns, so that both have the same share of whatever else the machine does; the least of
    each, since other work only ever adds.
    """
    for batch in BATCHES:
        both = [_forward(each.classifier, batch) for each in (champion, candidate)]
        times: list[list[float]] = [[], []]
        started = time.perf_counter()
        for done in range(ROUNDS):
            if done >= FEWEST_ROUNDS and time.perf_counter() - started > SECONDS:
                break
            for run, taken in zip(both, times, strict=True):
                taken.append(run() / batch)
        ours, theirs = (min(taken) for taken in times)
        yield batch, ours, theirs


def _named(tick: Tick, contestant: Candidate) -> Tick:
    return lambda what, done, total: tick(f"{what} {contestant.name}", done, total)


def _forward(classifier: Classifier, batch: int) -> Callable[[], float]:
    """Runs one warm forward of grey images and says how long it took."""
    size = classifier.preprocess.size
    images = [np.full((3, size, size), 127, dtype=np.uint8)] * batch
    classifier.forward(images)

    def run() -> float:
        started = time.perf_counter()
        classifier.forward(images)  # ends with probabilities in memory: the device has finished
        return time.perf_counter() - started

    return run


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


def _pairs(ours: Predictions, theirs: Predictions) -> Iterator[tuple[str, Pair]]:
    """By the names of the gate's rows. The precisions have none: each version has its own photographs."""
    known, singles = ours.known, ours.targets.sum(1) == 1
    mixed = ours.targets.sum(1) > 1
    before, after = _f1(ours), _f1(theirs)
    right = ours.right, theirs.right
    yield "top_accuracy", _pair(*right, among=known)
    yield "f1_samples", Pair(int((before > after)[known].sum()), int((before < after)[known].sum()))
    yield "mixed_all_found", _pair(_found(ours), _found(theirs), among=mixed)
    yield "singles_with_extra", _pair(_no_extra(ours), _no_extra(theirs), among=singles)
    yield "negatives_acted_on", _pair(~ours.tagged.any(1), ~theirs.tagged.any(1), among=~known)
    yield from _label_pairs(ours, theirs)
    for kind, parts in partition(ours).items():
        for name, inside in parts.items():
            chosen = inside & known
            yield f"{kind} {name}: top_accuracy", _pair(*right, among=chosen)
            fallen, risen = (before > after)[chosen], (before < after)[chosen]
            yield f"{kind} {name}: f1_samples", Pair(int(fallen.sum()), int(risen.sum()))


def _label_pairs(ours: Predictions, theirs: Predictions) -> Iterator[tuple[str, Pair]]:
    for place, label in enumerate(ours.classes):
        yield f"{label}: recall", _pair(ours.right, theirs.right, among=ours.mains == place)
    for place, label in enumerate(ours.labels):
        tagged = ours.tagged[:, place], theirs.tagged[:, place]
        yield f"{label}: tag_recall", _pair(*tagged, among=ours.targets[:, place])


def _pair(before: Tensor, after: Tensor, *, among: Tensor) -> Pair:
    return Pair(int((before & ~after)[among].sum()), int((~before & after)[among].sum()))


def _found(judged: Predictions) -> Tensor:
    return (judged.tagged | ~judged.targets).all(1)


def _no_extra(judged: Predictions) -> Tensor:
    return ~(judged.tagged & ~judged.targets).any(1)


def _f1(judged: Predictions) -> Tensor:
    """Float64 (N,): the F1 of each photograph's tags."""
    hits = (judged.tagged & judged.targets).sum(1).double()
    return 2 * hits / (judged.tagged.sum(1) + judged.targets.sum(1)).clamp(min=1)
