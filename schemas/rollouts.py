"""Rollouts: a new version beside the serving one on live uploads, as a shadow or as a canary, with guards.

A share of the images, by a hash of the image's id, is scored by both versions. In a shadow the tags of the
serving version hold, in a canary those of the new one. The document in the store says what is wanted and what
came of it; it is changed by compare-and-swap alone, by workers that count and by people.
"""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from pydantic import Field

from schemas import stored_documents
from schemas.errors import ConfigurationError
from schemas.tags import Value
from schemas.uploads import Moment
from schemas.version_diff import VersionDiff


class RolloutMode(StrEnum):
    """Whose tags hold of the images that both versions score."""

    SHADOW = "shadow"
    """The serving version's: nobody but us sees the new one's."""
    CANARY = "canary"
    """The new version's."""


class RolloutState(StrEnum):
    """Where it stands."""

    RUNNING = "running"
    ROLLED_BACK = "rolled_back"
    """A guard has ended it; `why` says which."""
    ENDED = "ended"
    """A person has, or the alias has moved."""


_PER_OCTAVE: Final = 8
"""Buckets of a doubling: a quantile is off by 9 % at most."""

_SMALLEST: Final = 0.001
"""Seconds; whatever is faster is in the first bucket."""


class DurationHistogram(Value):
    """Seconds in buckets of geometric width, so that the workers' can be added up (HDR-like, sparse)."""

    buckets: Mapping[int, int] = Field(default_factory=dict)
    """Images by the number of the bucket."""

    @property
    def count(self) -> int:
        """How many were counted."""
        return sum(self.buckets.values())

    @classmethod
    def of(cls, seconds: Iterable[float]) -> DurationHistogram:
        """Of these."""
        return cls(buckets=Counter(map(_bucket, seconds)))

    def joined(self, other: DurationHistogram) -> DurationHistogram:
        """Of both."""
        return DurationHistogram(buckets=Counter(self.buckets) + Counter(other.buckets))

    def quantile(self, share: float) -> float | None:
        """Seconds: the upper edge of the bucket in which that share is reached; None of nothing."""
        wanted, seen = share * self.count, 0
        for bucket in sorted(self.buckets):
            seen += self.buckets[bucket]
            if seen >= wanted:
                return float(_SMALLEST * 2 ** (bucket / _PER_OCTAVE))
        return None


def _bucket(seconds: float) -> int:
    return max(0, math.ceil(_PER_OCTAVE * math.log2(max(seconds, _SMALLEST) / _SMALLEST)))


class RolloutGuards(Value):
    """What rolls it back by itself. A guard of shares trips where the share is surely over it (95 %)."""

    errors: float = Field(0.01, ge=0, le=1)
    """Share of the images that the new version could not score, and the serving one could."""
    slower: float = Field(2.0, gt=1)
    """p95 of the new version's time for an image (decode, wait, forward) over the serving one's."""
    flips: float = Field(0.05, ge=0, le=1)
    """Share of the images on which any one tag is another."""
    disagreement: float = Field(0.5, ge=0, le=1)
    """Of the images that people corrected and of which a tag differs: share that is as the serving version
    had it and not as the new one has it."""
    minimum: int = Field(200, ge=1)
    """Images before the time or a flip says anything."""


class RolloutCounts(Value):
    """What came of it so far, on all workers."""

    diff: VersionDiff = VersionDiff()
    errors: int = 0
    """Images that the new version could not score; the serving one's tags hold of them, in a canary too."""
    last_error: str = ""
    passed_over: int = 0
    """Images that were to be compared, and for which a worker had no room."""
    serving_seconds: DurationHistogram = DurationHistogram()
    new_seconds: DurationHistogram = DurationHistogram()

    @property
    def tried(self) -> int:
        """Images that the new version was to score."""
        return self.diff.images + self.errors

    def joined(self, other: RolloutCounts) -> RolloutCounts:
        """Of both, `other` the later."""
        return RolloutCounts(
            diff=self.diff.joined(other.diff),
            errors=self.errors + other.errors,
            last_error=other.last_error or self.last_error,
            passed_over=self.passed_over + other.passed_over,
            serving_seconds=self.serving_seconds.joined(other.serving_seconds),
            new_seconds=self.new_seconds.joined(other.new_seconds),
        )


class ModelRollout(Value):
    """A rollout as the store keeps it."""

    schema_version: int = 1
    id: str = Field(min_length=1, max_length=200)
    revision: int = 0
    """Counts the changes of the document."""
    mode: RolloutMode
    model: str = Field(min_length=1)
    """The name that both versions have."""
    version: str = Field(min_length=1)
    """The new one."""
    serving: str = Field(min_length=1)
    """The one that it stands beside: only workers that serve it take part."""
    percent: float = Field(gt=0, le=100)
    """Of the images."""
    guards: RolloutGuards = RolloutGuards()
    state: RolloutState = RolloutState.RUNNING
    why: str = ""
    """Why it has ended."""
    started_at: Moment
    started_by: str
    reason: str = ""
    """Why it was started, as who started it says."""
    ended_at: Moment | None = None
    ended_by: str = ""
    """A person, or the worker that saw a guard trip."""
    counts: RolloutCounts = RolloutCounts()
    updated_at: Moment

    @property
    def is_running(self) -> bool:
        """Whether uploads are scored by both."""
        return self.state is RolloutState.RUNNING

    @property
    def is_canary(self) -> bool:
        """Whether the new version's tags hold."""
        return self.mode is RolloutMode.CANARY

    def revised(self, now: datetime, **facts: object) -> ModelRollout:
        """The next revision of the document."""
        counted = {"revision": self.revision + 1, "updated_at": now}
        return self.model_copy(update={**facts, **counted})

    def includes(self, image_id: str) -> bool:
        """Whether the image is of the share; one of a share is of every larger share, too."""
        digest = hashlib.sha256(f"{self.version}/{image_id}".encode(errors="surrogatepass")).digest()
        return int.from_bytes(digest[:8]) < self.percent / 100 * 2**64


@dataclass(frozen=True, slots=True)
class SpoiledRollout:
    """A document that somebody has edited, and that is no rollout any more."""

    id: str
    why: str

    @property
    def error(self) -> ConfigurationError:
        """What to say about it."""
        return ConfigurationError(
            f"rollout {self.id}: its document in the store (rollouts) was edited and is none any more:"
            f" {self.why}; mend that field, or delete the document"
        )


def rollout_in(rollout_id: str, document: Any) -> ModelRollout | SpoiledRollout:  # noqa: ANN401 - as stored
    """The rollout in `document`, a mapping or JSON, or what is wrong with it."""
    found = stored_documents.read(ModelRollout, rollout_id, document)
    return SpoiledRollout(rollout_id, found) if isinstance(found, str) else found


def running(found: Iterable[ModelRollout | SpoiledRollout], model: str) -> ModelRollout | None:
    """The one of the model that runs: that was started first, should two have been at once."""
    ours = (
        each for each in found if isinstance(each, ModelRollout) and each.is_running and each.model == model
    )
    return min(ours, key=lambda each: (each.started_at, each.id), default=None)
