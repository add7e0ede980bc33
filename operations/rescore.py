"""Rescores what was uploaded before: read the uploads, choose, send to the lane, wait, sum up.

The uploads are read by assignment, in no group: the live workers notice nothing. Requests have
deterministic ids, and a worker that finds the scores there does nothing, so a replay that was
broken off is simply run again.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Protocol

from agents import bounded_times
from agents.bounded_times import ClockLimits
from agents.wiring.backends import kafka_connection, kafka_settings
from agents.wiring.model_source import manifest_here
from agents.wiring.settings import Settings
from operations import store
from operations.rescore_latest import TOGETHER, LatestClaims
from operations.rescore_selection import SENT, Offsets, RescoreSelection, SentImages, Start
from operations.rescore_summary import Plan, Summary, tags
from schemas import identity, topics, wire
from schemas.claims import Claim, Claims
from schemas.events import RescoreRequested
from schemas.naming import Naming
from schemas.records import ImageHead
from schemas.uploads import Position
from streams.adapters.kafka.lag import LaneProgress
from streams.adapters.kafka.publisher import RescorePublisher
from streams.adapters.kafka.reader import TopicReader
from streams.message import Message
from streams.ports import ScoreStore

_PAGE: Final = 500


class UploadsTopic(Offsets, Protocol):
    """The uploads topic, read by assignment; `TopicReader` is one."""

    async def ends(self) -> dict[int, int]:
        """The offset behind each partition's newest record."""

    def read(self, start: Mapping[int, int], until: Mapping[int, int]) -> AsyncIterator[Message]:
        """Every record between."""


class Lane(Protocol):
    """The rescore topic; `RescorePublisher` is one."""

    async def publish(self, *events: RescoreRequested) -> None:
        """Publish all of them; return when every in-sync replica has each."""


Tell = Callable[[str, int, int | None], None]
"""Told a phase (`read`, `choose`, `rescore`), how much of it is done, and how much there is if known."""


@dataclass(frozen=True, slots=True)
class ReplayJob:
    """What is asked for."""

    name: str
    """For the scores' history."""
    start: Start
    selection: RescoreSelection
    naming: Naming = field(default_factory=Naming)
    clock: ClockLimits = field(default_factory=ClockLimits)
    together: int = TOGETHER
    """Images that are held in memory while the uploads are read."""


class Replay:
    """One run of a job. `scratch` is an empty folder that outlives it, and is removed by whoever made it."""

    def __init__(self, job: ReplayJob, scores: ScoreStore, *, scratch: Path, tell: Tell) -> None:
        self._job = job
        self._scores = scores
        self._tell = tell
        self._scratch = scratch
        self._sent = SentImages(scratch / "sent.jsonl")

    async def send(self, uploads: UploadsTopic, lane: Lane | None) -> Plan:
        """Send to the lane what lacks the scores, or only count it where there is no lane."""
        with LatestClaims(self._scratch / "latest.sqlite", together=self._job.together) as latest:
            read, unreadable = await self._gather(uploads, latest)
            choices = await self._choose(latest, lane)
            return Plan(read, len(latest), dict(sorted(choices.items())), unreadable)

    async def wait(self, left: Callable[[], Awaitable[int]], *, every: float = 1.0) -> None:
        """Return when the workers have committed the whole lane; `left` says how many messages are not.

        It is asked again `every` so many seconds.
        """
        most = await left()
        while remaining := await left():
            most = max(most, remaining)
            self._tell("rescore", most - remaining, most)
            await asyncio.sleep(every)
        self._tell("rescore", most, most)

    async def summary(self) -> Summary:
        """What has become of the images that were sent."""
        summary = Summary()
        for page in self._sent.pages(_PAGE):
            heads = await self._scores.heads(tuple(page))
            for image_id, before in page.items():
                summary.add(before, heads.get(image_id), version=self._job.selection.version)
        return summary

    async def _gather(self, uploads: UploadsTopic, latest: LatestClaims) -> tuple[int, int]:
        """Read every event up to the ends of now; how many there were, and how many were none."""
        begin, end = await self._job.start.places(uploads), await uploads.ends()
        total = sum(max(0, end[number] - offset) for number, offset in begin.items() if number in end)
        read = unreadable = 0
        async for message in uploads.read(begin, end):
            records = wire.decode(message.value, dict(message.headers), self._job.naming)
            unreadable += any(isinstance(record, wire.Invalid) for record in records)
            for image_id, claim in _claims(message, records):
                if self._is_ahead(message, claim):
                    unreadable += 1  # a worker has refused it
                else:
                    latest.add(image_id, Claims.of(claim))
            read += 1
            self._tell("read", read, total)
        return read, unreadable

    def _is_ahead(self, message: Message, claim: Claim) -> bool:
        now, moment = datetime.now(UTC), claim.position.uploaded_at
        return bool(bounded_times.refusal("uploaded_at", moment, message, now=now, limits=self._job.clock))

    async def _choose(self, latest: LatestClaims, lane: Lane | None) -> Counter[str]:
        choices: Counter[str] = Counter()
        images = len(latest)
        for page in latest.pages(_PAGE):
            heads = await self._scores.heads(tuple(page))
            horizon = self._job.clock.horizon(datetime.now(UTC))
            chosen = {
                image: self._job.selection.choose(claims, heads.get(image), horizon=horizon)
                for image, claims in page.items()
            }
            choices.update(choice.value for choice, _ in chosen.values())
            if lane is not None:
                wanted = {image: claim for image, (choice, claim) in chosen.items() if choice in SENT}
                await self._request(lane, wanted, heads)
            self._tell("choose", choices.total(), images)
        return choices

    async def _request(self, lane: Lane, wanted: Mapping[str, Claim], heads: Mapping[str, ImageHead]) -> None:
        # Before they are sent: an image that a worker has scored by then would have no tags of before.
        self._sent.add((image, tags(heads[image].judged if image in heads else None)) for image in wanted)
        await lane.publish(*(self._requested(image, claim) for image, claim in wanted.items()))

    def _requested(self, image_id: str, claim: Claim) -> RescoreRequested:
        selection, asked = self._job.selection, ["rescore", image_id, claim.position.event_id]
        # Routes have no version: every job that decides again is a request of its own.
        asked += [selection.version, *([self._job.name] if selection.decide_again else [])]
        return RescoreRequested(
            event_id=identity.event_id(*asked),
            image_id=image_id,
            claim=claim,
            model_version=selection.version,
            decide_again=selection.decide_again,
            job=self._job.name,
            requested_at=datetime.now(UTC),
        )


def _claims(message: Message, records: tuple[wire.Record, ...]) -> Iterator[tuple[str, Claim]]:
    """What the message claims of which images; a removal that nobody has looked into claims nothing."""
    for record in records:
        match record:
            case wire.Uploaded(event) | wire.Removed(event, if_gone=False):
                yield event.image_id, Claim.of(event, Position.of(event, message.origin, record.sequencer))


@dataclass(frozen=True, slots=True)
class RescoreResult:
    """What a replay did."""

    job: ReplayJob
    plan: Plan
    is_dry: bool
    summary: Summary | None
    """None where nobody waited for the workers."""


def make_job(settings: Settings, *, start: str, wanted: RescoreSelection) -> ReplayJob:
    """What is asked for, of the resident version where `wanted` names none.

    Raises `ConfigurationError` for a start that is none, and as `manifest_here` does.
    """
    moment = f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
    selection = wanted if wanted.version else replace(wanted, version=manifest_here(settings).version)
    return ReplayJob(f"replay-{moment}", Start.parse(start), selection, settings.uploads, settings.clock)


async def run(settings: Settings, job: ReplayJob, *, tell: Tell, dry_run: bool, wait: bool) -> RescoreResult:
    """Carry the job out."""
    async with AsyncExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tagstream-replay-")))
        scores = await stack.enter_async_context(store.open_store(settings.store))
        brokers = kafka_connection(settings)
        uploads = await stack.enter_async_context(TopicReader(brokers, topics.UPLOADED))
        replay = Replay(job, scores, scratch=scratch, tell=tell)
        if dry_run:
            return RescoreResult(job, await replay.send(uploads, None), is_dry=True, summary=None)
        lane = await stack.enter_async_context(RescorePublisher(kafka_settings(settings)))
        plan = await replay.send(uploads, lane)
        if not wait:
            return RescoreResult(job, plan, is_dry=False, summary=None)
        progress = LaneProgress(brokers, topics.RESCORE, settings.kafka.group)
        await replay.wait((await stack.enter_async_context(progress)).left)
        return RescoreResult(job, plan, is_dry=False, summary=await replay.summary())
