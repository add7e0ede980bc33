"""Settling of pages: a page is settled when the workers have committed the lane behind it.

A worker holds back requests of a version that it has not, and with them whatever stands behind them in the
lane. So when nothing moves for `STALL_SECONDS` the job's document says that it waits: workers then pass over
its requests unless they have the version, and other jobs go on. The checkpoint stays where it is, and one
image is asked for now and then, until a worker scores it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Final, TypeVar

from operations.rescore_jobs import GOING
from operations.rescore_lease import HeldJob, Outlast
from operations.rescore_pages import Lane, LaneEnds, OpenPage, RescorePages, Settled
from operations.resident_versions import Residency, residency
from schemas.events import RescoreRequested
from schemas.rescore_jobs import RescoreJob, RescoreState
from streams.clock import Clock
from streams.ports import WorkerStates

STALL_SECONDS: Final = 30.0
"""Without a request done, after which workers are told to pass over what they have not the version for."""

PROBE_SECONDS: Final = 30.0
"""Between two questions whether somebody has the version now, each of one image."""

GRACE_SECONDS: Final = 10.0
"""That the lane has to settle what is open when the job is paused."""

POLL_SECONDS: Final = 0.5

T = TypeVar("T")
Watch = Callable[[RescoreJob], None]
"""Told the job each time that it has changed."""


class Settling:
    """Sends pages of a job to the lane, and waits until they are settled."""

    def __init__(  # noqa: PLR0913 - the parts of a runner
        self,
        held: HeldJob,
        pages: RescorePages,
        lane: Lane,
        ends: LaneEnds,
        states: WorkerStates,
        *,
        outlast: Outlast,
        clock: Clock,
        watch: Watch,
    ) -> None:
        self._states = states
        self._held = held
        self._pages = pages
        self._lane = lane
        self._ends = ends
        self._outlast = outlast
        self._clock = clock
        self._watch = watch
        self._open: list[OpenPage] = []

    @property
    def goes_on(self) -> bool:
        """Whether the job is neither paused nor ended."""
        return self._held.job.state in GOING

    async def send(self, page: OpenPage) -> None:
        """Ask for what the page wants."""
        self._open.append(page)
        await self._ask(page, page.requests)

    async def settled(self, page: OpenPage) -> Settled | None:
        """What became of the page; None where the job was stopped before the workers were done with it."""
        asked = len(page.requests)
        while await self._is_done_with(page):
            settled = await self._outlast(lambda: self._pages.settled(page))
            left = len(settled.unfinished)
            if settled.is_in_vain and not self.goes_on:
                return None  # what is stopped is passed over: that says nothing of the images
            if not await self._is_in_doubt(page, settled, asked=asked):
                self._open.remove(page)
                return settled
            if settled.is_in_vain:
                await self._until_somebody_has_the_version(page)
            else:  # some workers have it, and others get it perhaps
                await self.nap(PROBE_SECONDS)
            if not self.goes_on:
                return None
            asked = left
            await self._ask(page, [each for each in page.requests if each.image_id in settled.unfinished])
        return None

    async def _is_in_doubt(self, page: OpenPage, settled: Settled, *, asked: int) -> bool:
        """Whether what is unfinished may be so for want of the version, and asking again may help."""
        if settled.is_in_vain:
            return page.is_doubtful or (await self._residency()).is_nowhere
        return page.is_doubtful and 0 < len(settled.unfinished) < asked

    async def _residency(self) -> Residency:
        return await self._outlast(lambda: residency(self._states, self._held.job.model_version))

    async def _ask(self, page: OpenPage, requests: Sequence[RescoreRequested]) -> None:
        page.is_doubtful = self._held.job.state is not RescoreState.RUNNING
        if requests:
            await self._outlast(lambda: self._lane.publish(*requests))
            page.ends = await self._outlast(self._ends.ends)

    async def _is_done_with(self, page: OpenPage) -> bool:
        """Wait until the workers have committed the page's requests; False where the job was stopped."""
        least, since = -1, self._clock.time()
        while left := await self._left(page):
            now = self._clock.time()
            if least < 0 or left < least:
                least, since = left, now
            if not self.goes_on:
                return await self._is_done_soon(page)
            if now - since >= STALL_SECONDS:
                await self._say_that_it_waits()
            await self._clock.sleep(POLL_SECONDS)
        return True

    async def _is_done_soon(self, page: OpenPage) -> bool:
        ends = self._clock.time() + GRACE_SECONDS
        while left := await self._left(page):
            if self._clock.time() >= ends:
                break
            await self._clock.sleep(POLL_SECONDS)
        return not left

    async def _left(self, page: OpenPage) -> int:
        return await self._outlast(lambda: self._ends.left(page.ends)) if page.ends else 0

    async def _say_that_it_waits(self) -> None:
        for page in self._open:
            page.is_doubtful = True
        found = await self._residency()
        words = f"version {found.version}: {found.words}"
        why = f"for {STALL_SECONDS:g} seconds no worker has taken a request: {words}"
        if found.having:
            why += "; live uploads leave them no time, or TAGSTREAM_KAFKA__GROUP here is not theirs"
        await self._become(RescoreState.WAITING, why)

    async def _until_somebody_has_the_version(self, page: OpenPage) -> None:
        """Ask for one image after another, now and then, until one is scored or the job is stopped."""
        found = await self._residency()
        await self._become(RescoreState.WAITING, f"nobody scores by version {found.version}: {found.words}")
        tries = 0
        while self.goes_on:
            request = page.requests[tries % len(page.requests)]
            probe = OpenPage(page.after, Counter(), (request,), {request.image_id: ()})
            await self._ask(probe, probe.requests)
            if not await self._is_done_with(probe):
                return None
            scored = not (await self._outlast(lambda: self._pages.settled(probe))).is_in_vain  # noqa: B023 - at once
            if scored or (await self._residency()).having:
                return await self._become(RescoreState.RUNNING, "")
            tries += 1
            await self.nap(PROBE_SECONDS)
        return None

    async def nap(self, seconds: float) -> None:
        """Sleep, unless the job is stopped meanwhile."""
        until = self._clock.time() + seconds
        while self.goes_on and (left := until - self._clock.time()) > 0:
            await self._clock.sleep(min(POLL_SECONDS, left))

    async def _become(self, state: RescoreState, why: str) -> None:
        """Say in the job's document where it stands, unless somebody has stopped it meanwhile."""
        if self._held.job.state is not state and self.goes_on:
            said = {"state": state, "why": why}
            self._watch(
                await self._held.change(
                    lambda job: job.model_copy(update=said) if job.state in GOING else job
                )
            )
