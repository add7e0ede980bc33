"""Plan of a job: what it would do, and what that costs by what was measured, before anything is sent."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from statistics import fmean
from typing import Any, Final

from agents.bounded_times import ClockLimits
from operations import capacity_sample
from operations.rescore_selection import SENT, RescoreChoice, RescoreSelection
from operations.rescore_sources import ImageSource
from schemas.records import ImageHead, ScoreRecord
from schemas.rescore_jobs import RescoreJob, SpoiledJob
from streams.ports import ScoreStore

PAGE: Final = 500
LOOKED_AT: Final = 100_000
"""Images that are looked at before a job starts; a dry run looks at all of them."""

SAMPLE: Final = 300
"""Images whose history is read for what a score has cost."""

LEAST_MEASURED: Final = 100
"""Images that an earlier job must have rescored for its speed to be a measure."""

STAGES: Final = ("fetch", "decode", "forward")


@dataclass(frozen=True, slots=True)
class ReplaySpeed:
    """Images a second, and what they were measured of."""

    rate: float
    measured_of: str


@dataclass(frozen=True, slots=True)
class CostSample:
    """Mean seconds an image by stage, of the newest scores in the history of so many images."""

    records: int
    seconds: Mapping[str, float]
    versions: Mapping[str, int]
    """Records by the version that scored."""


@dataclass(slots=True)
class RescorePlan:
    """What a job would do."""

    choices: Counter[str] = field(default_factory=Counter)
    """Images that were looked at, by what becomes of them."""
    total: int | None = None
    """Of the source, where that is known."""
    is_whole: bool = True
    """Whether every image was looked at."""
    sizes: list[int] = field(default_factory=list)
    """Bytes of some of the photographs that would be sent."""
    read: int = 0
    unreadable: int = 0
    sample: CostSample | None = None
    speed: ReplaySpeed | None = None

    @property
    def looked_at(self) -> int:
        """Images."""
        return self.choices.total()

    @property
    def wanted(self) -> int:
        """Images that would be scored; of a source that was not read to its end, in proportion."""
        return round(self._of_all(sum(self.choices[choice] for choice in SENT)))

    @property
    def done(self) -> int:
        """Images that have the scores already; as `wanted`."""
        return round(self._of_all(self.choices[RescoreChoice.SCORED]))

    @property
    def bytes(self) -> int | None:
        """That would be fetched, by the mean size of those whose size is known."""
        return round(fmean(self.sizes) * self.wanted) if self.sizes else None

    @property
    def device_seconds(self) -> float | None:
        """At most: images of a batch share a forward, and the history does not say how many they were."""
        forward = self.sample.seconds.get("forward") if self.sample else None
        return None if forward is None else forward * self.wanted

    @property
    def hours(self) -> float | None:
        """By the speed that was measured."""
        return self.wanted / self.speed.rate / 3600 if self.speed else None

    def document(self) -> dict[str, Any]:
        """As plain values."""
        sample, speed = self.sample, self.speed
        return {
            "images": self.looked_at,
            "total": self.total,
            "is_whole": self.is_whole,
            "choices": dict(sorted(self.choices.items())),
            "wanted": self.wanted,
            "done": self.done,
            "bytes": self.bytes,
            "read": self.read,
            "unreadable": self.unreadable,
            "device_seconds_at_most": self.device_seconds,
            "hours": self.hours,
            "measured_of": {
                "records": sample.records if sample else 0,
                "seconds": dict(sample.seconds) if sample else {},
                "versions": dict(sample.versions) if sample else {},
                "images_a_second": speed.rate if speed else None,
                "of": speed.measured_of if speed else None,
            },
        }

    def _of_all(self, count: int) -> float:
        if self.is_whole or not self.looked_at:
            return count
        return count * (self.total or self.looked_at) / self.looked_at


async def plan(
    source: ImageSource,
    selection: RescoreSelection,
    scores: ScoreStore,
    *,
    limits: ClockLimits,
    most: int | None = LOOKED_AT,
) -> RescorePlan:
    """Look at the source's images, at `most` of them, and at what their scores have cost."""
    made, after = RescorePlan(total=source.total), ""
    measured, records = list[ImageHead](), list[ScoreRecord]()
    while page := await source.page(after, limit=PAGE):
        if most is not None and made.looked_at >= most:
            made.is_whole = False
            break
        after, heads = page.after, await scores.heads(tuple(page.images))
        horizon = limits.horizon(datetime.now(UTC))
        for image_id, claims in page.images.items():
            head = heads.get(image_id)
            choice, _ = selection.choose(claims, head, horizon=horizon)
            made.choices[choice] += 1
            if choice in SENT and head and head.content:
                made.sizes.append(head.content.size)
        # Image ids are hashes: the first images are any images.
        some = tuple(heads.values())[: SAMPLE - len(measured)]
        measured += some
        for head in some:
            records += await scores.records(head.image_id)
    made.sample, made.speed = _sample(records), _store_speed(measured, records)
    return made


def _store_speed(heads: Sequence[ImageHead], records: Sequence[ScoreRecord]) -> ReplaySpeed | None:
    """What the workers have done when they had no room, as far as the sample can tell."""
    found = capacity_sample.sample(heads, records).rate
    if found is None or found.at_once < capacity_sample.FULL:
        return None
    return ReplaySpeed(found.per_second, f"the {found.images} scores of the store that are closest together")


def _sample(records: Sequence[ScoreRecord]) -> CostSample | None:
    """Of the newest record of each image."""
    in_order = sorted(records, key=lambda record: record.scored_at)
    newest = {record.image_id: record for record in in_order}.values()
    seconds = {stage: [each.seconds[stage] for each in newest if stage in each.seconds] for stage in STAGES}
    if not seconds["forward"]:
        return None
    means = {stage: fmean(values) for stage, values in seconds.items() if values}
    return CostSample(len(newest), means, Counter(each.scores.model.version for each in newest))


def measured_speed(jobs: Sequence[RescoreJob | SpoiledJob], *, version: str) -> ReplaySpeed | None:
    """That of the last job that has rescored enough, at its own pace: of this version where there is one."""
    enough = [
        job
        for job in jobs
        if isinstance(job, RescoreJob)
        and job.rate is None
        and job.counts.seconds
        and job.counts.rescored >= LEAST_MEASURED
    ]
    if not enough:
        return None
    last = max(enough, key=lambda job: (job.model_version == version, job.updated_at))
    return ReplaySpeed(
        last.counts.rescored / last.counts.seconds,
        f"{last.id}, which has rescored {last.counts.rescored:,} by version {last.model_version}",
    )
