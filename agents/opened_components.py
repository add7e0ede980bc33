"""Components: everything that the straight path uses, as the wiring opens it (a parameter object)."""

from __future__ import annotations

from dataclasses import dataclass

from agents.ports import Tagger, Versions
from agents.renditions import Renditions
from agents.rollout_comparisons import RolloutComparisons
from streams.ports import ImageStore, TagPublisher, WholeStore


@dataclass(frozen=True, slots=True)
class Components:
    """Opened and owned by whoever wired it."""

    images: ImageStore
    scores: WholeStore
    tags: TagPublisher
    tagger: Tagger
    versions: Versions | None = None
    """Which others there are; None where the tagger's own is the only one, for ever."""
    renditions: Renditions | None = None
    """Where small photographs are kept; None where none are."""
    rollouts: RolloutComparisons | None = None
    """How uploads are scored while a version is rolled out; None where none ever is."""
