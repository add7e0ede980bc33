"""Pages of a job: what is chosen of each, sent to the lane, and found of it in the store afterwards."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Protocol

from agents.bounded_times import ClockLimits
from agents.ports import Rules
from agents.version_comparison import ComparedImage, tags_of
from operations.rescore_selection import SENT, RescoreChoice, RescoreSelection
from operations.rescore_sources import Wanted
from schemas import identity
from schemas.claims import Claim
from schemas.events import RescoreMode, RescoreRequested
from schemas.records import ImageHead, ScoreRecord, State
from schemas.rescore_jobs import LabelChange, RescoreCounts, RescoreJob
from streams.ports import ScoreStore


class Lane(Protocol):
    """The rescore topic; `RescorePublisher` is one."""

    async def publish(self, *events: RescoreRequested) -> None:
        """Publish all of them; return when every in-sync replica has each."""


class LaneEnds(Protocol):
    """How far the workers are with the rescore topic; `LaneProgress` is one."""

    async def ends(self) -> Mapping[int, int]:
        """The offset behind each partition's newest record."""

    async def left(self, until: Mapping[int, int] | None = None) -> int:
        """Messages below `until` that the workers have not committed."""


@dataclass(slots=True)
class OpenPage:
    """A page whose requests the workers have not all done with."""

    after: str
    """The checkpoint behind it."""
    chosen: Counter[str]
    requests: tuple[RescoreRequested, ...]
    before: Mapping[str, tuple[str, ...]]
    """Tags of the images before they were asked for."""
    ends: Mapping[int, int] = field(default_factory=dict)
    """Of the lane, behind its requests."""
    is_doubtful: bool = False
    """Workers may have passed over its requests, since they have not the version."""


@dataclass(slots=True)
class Settled:
    """What became of a page's images."""

    counts: RescoreCounts
    labels: dict[str, LabelChange]
    unfinished: tuple[str, ...]
    compared: tuple[ComparedImage, ...] = ()
    """Of a shadow: its images, for the job's diff."""

    @property
    def is_in_vain(self) -> bool:
        """Whether something was asked for, and nothing was done."""
        return 0 < len(self.unfinished) == self.counts.sent - self.counts.skipped


class RescorePages:
    """Chooses of pages what the job wants, and says later what became of it."""

    def __init__(
        self, job: RescoreJob, scores: ScoreStore, clock: ClockLimits, *, rules: Rules | None = None
    ) -> None:
        """`rules` are the wanted version's, by which a shadow's scores are judged; else nobody asks them."""
        self._selection = RescoreSelection.of(job)
        self._mode = job.mode
        self._scores = scores
        self._clock = clock
        self._rules = rules

    async def chosen(self, images: Wanted, *, after: str) -> OpenPage:
        """What is to be asked for of these images."""
        heads = await self._scores.heads(tuple(images))
        horizon = self._clock.horizon(datetime.now(UTC))
        choices = {
            image: self._selection.choose(claims, heads.get(image), horizon=horizon)
            for image, claims in images.items()
        }
        wanted = {image: claim for image, (choice, claim) in choices.items() if choice in SENT and claim}
        return OpenPage(
            after,
            Counter(choice.value for choice, _ in choices.values()),
            tuple(self._requested(image, claim) for image, claim in wanted.items()),
            {image: tags_of(heads[image].judged if image in heads else None) for image in wanted},
        )

    async def settled(self, page: OpenPage) -> Settled:
        """What the store says of the page's images now."""
        heads = await self._scores.heads(tuple(page.before))
        if self._mode is RescoreMode.SHADOW:
            return await self._settled_shadow(page, heads)
        labels: dict[str, LabelChange] = {}
        unfinished, skipped, changed = [], 0, 0
        for image, before in page.before.items():
            head = heads.get(image)
            if head is not None and head.scores and head.scores.model.version == self._selection.version:
                changed += _compare(before, tags_of(head.judged), labels)
            elif head is not None and head.state is State.DELETED:
                skipped += 1
            else:
                unfinished.append(image)
        if self._mode is RescoreMode.PUBLISH:
            known = len(unfinished)
            unfinished = await self._in_history(unfinished, heads)
            skipped += known - len(unfinished)
        counts = RescoreCounts(
            chosen=page.chosen,
            sent=len(page.before),
            rescored=len(page.before) - skipped - len(unfinished) + page.chosen[RescoreChoice.DONE],
            changed=changed,
            skipped=skipped,
            unfinished=len(unfinished),
        )
        return Settled(counts, labels, tuple(unfinished))

    async def _in_history(self, images: Sequence[str], heads: Mapping[str, ImageHead]) -> list[str]:
        """Those that a shadow has scored: only they can be published; others came after it."""
        found = await asyncio.gather(*(self._record(image, heads.get(image)) for image in images))
        return [image for image, record in zip(images, found, strict=True) if record is not None]

    async def _settled_shadow(self, page: OpenPage, heads: Mapping[str, ImageHead]) -> Settled:
        """By the history: a shadow changes no head."""
        found = await asyncio.gather(*(self._compared(image, heads.get(image)) for image in page.before))
        compared = tuple(each for each in found if each is not None)
        done = {each.image_id for each in compared}
        gone = {image for image in page.before if image not in done and _is_gone(heads.get(image))}
        unfinished = tuple(image for image in page.before if image not in done | gone)
        counts = RescoreCounts(
            chosen=page.chosen,
            sent=len(page.before),
            rescored=len(compared),
            changed=sum(each.is_changed for each in compared),
            skipped=len(gone),
            unfinished=len(unfinished),
        )
        return Settled(counts, {}, unfinished, compared)

    async def _compared(self, image_id: str, head: ImageHead | None) -> ComparedImage | None:
        """What the wanted version has said of the bytes that stand; None where it has not."""
        record = await self._record(image_id, head)
        if head is None or record is None or self._rules is None:
            return None
        announced = head.announced.verdict if head.announced else None
        return ComparedImage.of_shadow(head, record, self._rules.decide(record.scores, announced))

    async def _record(self, image_id: str, head: ImageHead | None) -> ScoreRecord | None:
        """What the history has of the bytes that stand, by the wanted version."""
        if head is None or head.content is None:
            return None
        version, content = self._selection.version, head.content
        records = await self._scores.records(image_id)
        ours = (each for each in records if each.scores.model.version == version and each.content == content)
        return next(ours, None)

    def _requested(self, image_id: str, claim: Claim) -> RescoreRequested:
        selection, asked = self._selection, ["rescore", image_id, claim.position.event_id]
        # Routes have no version: every job that decides again is a request of its own.
        is_own = selection.filters.decide_again or self._mode is not RescoreMode.APPLY
        asked += [selection.version, *([selection.job_id] if is_own else [])]
        return RescoreRequested(
            event_id=identity.event_id(*asked),
            image_id=image_id,
            claim=claim,
            model_version=selection.version,
            mode=self._mode,
            decide_again=selection.filters.decide_again,
            job=selection.job_id,
            requested_at=datetime.now(UTC),
        )


def _is_gone(head: ImageHead | None) -> bool:
    return head is None or head.state is State.DELETED


def summed(one: RescoreCounts, other: RescoreCounts) -> RescoreCounts:
    """Both together."""
    numbers = {
        name: getattr(one, name) + getattr(other, name)
        for name in RescoreCounts.model_fields
        if name != "chosen"
    }
    return RescoreCounts(chosen=dict(Counter(one.chosen) + Counter(other.chosen)), **numbers)


def joined_labels(one: Mapping[str, LabelChange], other: Mapping[str, LabelChange]) -> dict[str, LabelChange]:
    """The changes of both together."""
    joined = dict(one)
    for label, change in other.items():
        joined[label] = _plus(joined.get(label, LabelChange()), change)
    return joined


def _compare(before: Iterable[str], now: Iterable[str], labels: dict[str, LabelChange]) -> bool:
    """Whether an image's tags are others than before; label by label into `labels`."""
    old, new = set(before), set(now)
    for label in old | new:
        was, holds = label in old, label in new
        one = LabelChange(before=was, after=holds, gained=holds and not was, lost=was and not holds)
        labels[label] = _plus(labels.get(label, LabelChange()), one)
    return old != new


def _plus(one: LabelChange, other: LabelChange) -> LabelChange:
    return LabelChange(
        **{name: getattr(one, name) + getattr(other, name) for name in LabelChange.model_fields}
    )
