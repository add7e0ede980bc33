"""Sample of the store: how large its images and documents are, and what workers have done a second.

A store gives images by their ids alone, so a sample is the first ids' images. Where it was not read to its
end, and its images were scored in another order, it holds a part of what was done at a time: too low a rate,
and hardly one too high. Whether a rate is what can be done, or what came, is told by how many images were in
the workers at once (Little's law): a worker with room has few.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import mean
from typing import Final

from agents.wiring.settings import Settings
from model.data.gather import gather_bounded
from operations import store
from schemas.records import ImageHead, ScoreRecord

IMAGES: Final = 2000
"""Looked at, at most."""
LATEST: Final = 500
"""Scores of them that are looked at."""
TOGETHER: Final = 200
"""Images that a rate is taken of: those that were scored closest together."""
FULL: Final = 16
"""Images in the workers at once from which on they had no room: half of what the replay lane may take."""
_AT_ONCE: Final = 32


@dataclass(frozen=True, slots=True)
class ScoringRate:
    """What was scored a second, when it was most."""

    per_second: float
    at_once: float
    """Images in the workers, from their fetch to the end of their forward."""
    images: int

    def least_workers(self, concurrency: int) -> int:
        """As few as can have had so many images at once."""
        return max(1, math.ceil(self.at_once / concurrency))


@dataclass(frozen=True, slots=True)
class CapacitySample:
    """Of one store; sizes are in bytes."""

    images: int
    """Of those that are not removed."""
    scores: int
    image_bytes: float | None
    head_bytes: float | None
    record_bytes: float | None
    rate: ScoringRate | None
    """None where too few were ever scored."""


async def read_sample(settings: Settings) -> CapacitySample | None:
    """What the store can say; None where there is none."""
    if not store.is_here(settings.store):
        return None
    records: list[ScoreRecord] = []
    async with store.open_store(settings.store) as scores:
        heads = await scores.scan(limit=IMAGES)

        async def read(head: ImageHead) -> None:
            records.extend(await scores.records(head.image_id))

        await gather_bounded(heads, read, at_once=_AT_ONCE)
    return sample(heads, records)


def sample(heads: Sequence[ImageHead], records: Sequence[ScoreRecord]) -> CapacitySample:
    """Of these heads, and the latest of these scores."""
    latest = sorted(records, key=lambda each: each.scored_at)[-LATEST:]
    here = [each for each in heads if each.content is not None]  # of one that was removed little is left
    sizes = [each.content.size for each in latest if each.content is not None]
    return CapacitySample(
        images=len(here),
        scores=len(latest),
        image_bytes=mean(sizes) if sizes else None,
        head_bytes=mean(len(each.model_dump_json()) for each in here) if here else None,
        record_bytes=mean(len(each.model_dump_json()) for each in latest) if latest else None,
        rate=_rate(latest),
    )


def _rate(latest: Sequence[ScoreRecord]) -> ScoringRate | None:
    """Of the closest together; the images at once are the rate times the time that each took."""
    runs = [latest[first : first + TOGETHER] for first in range(len(latest) - TOGETHER + 1)]
    spans = [(_seconds(run), run) for run in runs]
    spans = [(seconds, run) for seconds, run in spans if seconds > 0]
    if not spans:
        return None
    seconds, run = min(spans, key=lambda each: each[0])
    per_second = (len(run) - 1) / seconds
    return ScoringRate(per_second, per_second * mean(sum(each.seconds.values()) for each in run), len(run))


def _seconds(run: Sequence[ScoreRecord]) -> float:
    return (run[-1].scored_at - run[0].scored_at).total_seconds()
