"""Small versions of a network, and taggers of them without decoder processes."""

from __future__ import annotations

from pathlib import Path

from agents.tagger import ImageDecoder, ResidentTagger
from model.decoding.threads import DecodingThreads
from model.policy import Policy
from model.serving.batcher import BatchLimits
from model.serving.classifier import Classifier
from model.tiny_version import write_tiny_version


def versions(place: Path, *names: str) -> dict[str, Path]:
    """Folders of versions by name, each of other scores."""
    return {
        name: write_tiny_version(place / f"tiny-{name}", version=name, seed=seed)
        for seed, name in enumerate(names, 1)
    }


def tagger_of(folder: Path, *, decoding: ImageDecoder | None = None) -> ResidentTagger:
    """Of the version in `folder`, not yet open."""
    classifier = Classifier.load(folder, device="cpu", threads=1)
    how = decoding or DecodingThreads(classifier.preprocess, count=2)
    return ResidentTagger(
        classifier, Policy.of(classifier.manifest), batches=BatchLimits(max_size=4), decoding=how
    )
