"""Runner of a job: sends a page to the lane, waits until it is settled, and only then moves the checkpoint.

Few pages are in the lane (`LaneFilling`), and they are all that a killed runner repeats: their requests have
the ids that they had, and a worker that finds the scores does nothing. Pausing, cancelling and another rate
are read in the job's document, which is read anew with each renewal of the lease.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Final

from agents.bounded_times import ClockLimits
from agents.ports import Rules
from agents.version_comparison import folded
from operations.lane_filling import LaneFilling
from operations.rescore_jobs import GOING, as_it_is
from operations.rescore_lease import HeldJob, Outlast
from operations.rescore_pages import Lane, LaneEnds, OpenPage, RescorePages, Settled, joined_labels, summed
from operations.rescore_settling import Settling, Watch
from operations.rescore_sources import ImageSource, SourcePage
from schemas.rescore_jobs import RescoreCounts, RescoreJob, RescoreState
from schemas.version_diff import VersionDiff
from streams.clock import Clock, SystemClock
from streams.ports import WholeStore

PAGE: Final = 500
KEPT: Final = 2_000
"""Images that were unfinished and are kept by name; the others are a number."""


class RescoreRunner:
    """One job, run by the holder of its lease until it is finished, paused or cancelled."""

    def __init__(  # noqa: PLR0913 - the world of a job
        self,
        held: HeldJob,
        source: ImageSource,
        scores: WholeStore,
        lane: Lane,
        ends: LaneEnds,
        *,
        outlast: Outlast,
        watch: Watch,
        limits: ClockLimits | None = None,
        rules: Rules | None = None,
        clock: Clock | None = None,
        page: int = PAGE,
    ) -> None:
        self._held = held
        self._source = source
        self._outlast = outlast
        self._watch = watch
        self._clock = clock or SystemClock()
        self._size = page
        self._pages = RescorePages(held.job, scores, limits or ClockLimits(), rules=rules)
        self._lane = Settling(
            held, self._pages, lane, ends, scores, outlast=outlast, clock=self._clock, watch=watch
        )
        self._open: deque[OpenPage] = deque()
        self._filling = LaneFilling(page)
        self._since = self._clock.time()

    async def run(self) -> RescoreJob:
        """The job as it stands when it is finished, paused or cancelled; its lease is given back then."""
        if not self._held.job.checkpoint.is_at_end and await self._all_pages():
            self._watch(await self._held.change(_at_end))
        if self._held.job.checkpoint.is_at_end and not self._held.job.checkpoint.is_retried:
            await self._once_more()
        is_done = self._held.job.checkpoint.is_retried
        return await self._held.give_back(_finished if is_done else as_it_is)

    async def _all_pages(self) -> bool:
        """Whether the source came to its end, and all of it is settled."""
        after = self._held.job.checkpoint.after
        while self._lane.goes_on:
            page = await self._page_behind(after)
            if page is None:
                return await self._settle_open(down_to=0)
            began, after = self._clock.time(), page.after
            sent = await self._opened(page)
            if not await self._settle_open(down_to=self._filling.pages(self._held.job.rate) - 1):
                return False
            await self._pace(began, sent)
        await self._settle_open(down_to=0)
        return False

    async def _page_behind(self, after: str) -> SourcePage | None:
        """The next page, of as many images as the lane takes soon."""
        limit = self._filling.size(self._held.job.rate)
        return await self._outlast(lambda: self._source.page(after, limit=limit))

    async def _opened(self, page: SourcePage) -> int:
        """Ask for what is wanted of the page; how many images that are."""
        opened = await self._outlast(lambda: self._pages.chosen(page.images, after=page.after))
        self._open.append(opened)
        await self._lane.send(opened)
        return len(opened.requests)

    async def _pace(self, began: float, sent: int) -> None:
        """Wait until so many may have been sent, by the rate that holds now."""
        while self._lane.goes_on and (rate := self._held.job.rate):
            left = began + sent / rate - self._clock.time()
            if left <= 0:
                return
            await self._lane.nap(min(1.0, left))

    async def _settle_open(self, *, down_to: int) -> bool:
        """Settle the oldest pages until so many are open; False where the job was stopped before that."""
        while len(self._open) > down_to:
            settled = await self._lane.settled(self._open[0])
            if settled is None:
                return False
            await self._move(self._open.popleft().after, settled)
        return True

    async def _move(self, after: str, settled: Settled) -> None:
        """Count a page and move the checkpoint behind it, in one change."""
        began, self._since = self._since, self._clock.time()
        considered = sum(settled.counts.chosen.values())
        self._filling.settled(considered, settled.counts.sent, self._since)
        counts = settled.counts.model_copy(update={"seconds": self._since - began})

        def moved(job: RescoreJob) -> RescoreJob:
            if job.checkpoint.after == after:  # written before, and its answer was lost
                return job
            scored = {"state": RescoreState.RUNNING, "why": ""} if counts.rescored else {}
            return job.model_copy(
                update={
                    **(scored if job.state is RescoreState.WAITING else {}),
                    "checkpoint": job.checkpoint.model_copy(update={"after": after}),
                    "counts": summed(job.counts, counts),
                    "labels": joined_labels(job.labels, settled.labels),
                    "diff": _with_compared(job.diff, settled),
                    "unfinished": (*job.unfinished, *settled.unfinished)[:KEPT],
                }
            )

        self._watch(await self._held.change(moved))

    async def _once_more(self) -> None:
        """Ask for what was unfinished once more, and count what that has given."""
        unfinished, done = self._held.job.unfinished, list[Settled]()
        for begin in range(0, len(unfinished), self._size):
            if not self._lane.goes_on:
                return
            settled = await self._again(unfinished[begin : begin + self._size])
            if settled is None:
                return
            done.append(settled)
        self._watch(await self._held.change(lambda job: _retried(job, done)))

    async def _again(self, image_ids: Sequence[str]) -> Settled | None:
        images = await self._outlast(lambda: self._source.again(image_ids))
        page = await self._outlast(lambda: self._pages.chosen(images, after=""))
        await self._lane.send(page)
        return await self._lane.settled(page)


def _with_compared(diff: VersionDiff | None, settled: Settled) -> VersionDiff | None:
    return folded(diff or VersionDiff(), settled.compared) if settled.compared else diff


def _at_end(job: RescoreJob) -> RescoreJob:
    return job.model_copy(update={"checkpoint": job.checkpoint.model_copy(update={"is_at_end": True})})


def _finished(job: RescoreJob) -> RescoreJob:
    return job.model_copy(update={"state": RescoreState.FINISHED, "why": ""}) if job.state in GOING else job


def _retried(job: RescoreJob, done: Sequence[Settled]) -> RescoreJob:
    """The job with what its second try has given; of what was unfinished by number alone nothing is known."""
    if job.checkpoint.is_retried:  # written before, and its answer was lost
        return job
    left = tuple(image for each in done for image in each.unfinished)
    counts, labels, diff = job.counts, job.labels, job.diff
    for each in done:
        counts, labels = _with_second_try(counts, each.counts), joined_labels(labels, each.labels)
        diff = _with_compared(diff, each)
    unfinished = counts.unfinished - len(job.unfinished) + len(left)
    return job.model_copy(
        update={
            "checkpoint": job.checkpoint.model_copy(update={"is_retried": True}),
            "counts": counts.model_copy(update={"unfinished": unfinished}),
            "labels": labels,
            "diff": diff,
            "unfinished": left,
        }
    )


def _with_second_try(counts: RescoreCounts, again: RescoreCounts) -> RescoreCounts:
    """Images were chosen and sent before: only what became of them is new."""
    names = ("rescored", "changed", "skipped")
    return counts.model_copy(update={name: getattr(counts, name) + getattr(again, name) for name in names})
