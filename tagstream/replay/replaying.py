"""What `tagstream replay` opens, and the order in which it uses it."""

from __future__ import annotations

import tempfile
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from agents.brokers import kafka_connection
from agents.connections import kafka_settings
from agents.replay.run import Job, Replay, Tell
from agents.replay.selection import Selection
from agents.replay.start import Start
from agents.replay.summary import Plan, Summary
from agents.resident import manifest_here
from agents.settings import Settings
from schemas import topics
from streams.adapters.kafka import RescorePublisher
from streams.adapters.lane_progress import LaneProgress
from streams.adapters.topic_reader import TopicReader
from tagstream import store_here


@dataclass(frozen=True, slots=True)
class Done:
    """What a replay did."""

    job: Job
    plan: Plan
    is_dry: bool
    summary: Summary | None
    """None where nobody waited for the workers."""


def order(settings: Settings, *, start: str, wanted: Selection) -> Job:
    """What is asked for, of the resident version where `wanted` names none.

    Raises `ConfigurationError` for a start that is none, and as `manifest_here` does.
    """
    moment = f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
    selection = wanted if wanted.version else replace(wanted, version=manifest_here(settings).version)
    return Job(f"replay-{moment}", Start.parse(start), selection, settings.uploads.naming)


async def run(settings: Settings, job: Job, *, tell: Tell, dry_run: bool, wait: bool) -> Done:
    """Carry the job out."""
    async with AsyncExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tagstream-replay-")))
        scores = await stack.enter_async_context(store_here.opened(settings.store))
        brokers = kafka_connection(settings)
        uploads = await stack.enter_async_context(TopicReader(brokers, topics.UPLOADED))
        replay = Replay(job, scores, scratch=scratch, tell=tell)
        if dry_run:
            return Done(job, await replay.send(uploads, None), is_dry=True, summary=None)
        lane = await stack.enter_async_context(RescorePublisher(kafka_settings(settings)))
        plan = await replay.send(uploads, lane)
        if not wait:
            return Done(job, plan, is_dry=False, summary=None)
        progress = LaneProgress(brokers, topics.RESCORE, settings.kafka.group)
        await replay.wait((await stack.enter_async_context(progress)).left)
        return Done(job, plan, is_dry=False, summary=await replay.summary())
