"""Checks of replays: each that should run has a runner and its version, and the lane holds no stranger's."""

from __future__ import annotations

from collections import Counter
from typing import Final

from agents.wiring.backends import kafka_connection
from agents.wiring.settings import Settings
from operations import rescore_desk, store
from operations.rescore_jobs import JobStanding
from operations.unwell import Unwell
from schemas import topics, wire
from schemas.events import RescoreRequested
from schemas.rescore_jobs import RescoreState, SpoiledJob
from streams.adapters.kafka.lag import LaneProgress
from streams.adapters.kafka.reader import NoTopic, TopicReader

HEAD: Final = 200
"""Requests of a partition that are looked at: those that workers come to next."""


async def jobs(config: Settings) -> str:
    """Nobody has died over a replay, and none waits. Raises `Unwell`."""
    if not store.is_here(config.store):
        return "no worker has run yet"
    found = await rescore_desk.every(config)
    if spoiled := [each for each in found if isinstance(each, SpoiledJob)]:
        raise Unwell(str(spoiled[0].error), "mend that document, or delete it")
    every = [each for each in found if isinstance(each, JobStanding)]
    if orphans := [each.job.id for each in every if each.is_orphaned]:
        raise Unwell(
            f"nobody runs {', '.join(orphans)}",
            f"`tagstream replay resume {orphans[0]}` goes on; a service that does is `tagstream replay run`",
        )
    if waiting := [each.job for each in every if each.job.state is RescoreState.WAITING]:
        raise Unwell(
            "; ".join(f"{job.id} waits: {job.why}" for job in waiting),
            f"publish or roll out version {waiting[0].model_version}, or `tagstream replay cancel"
            f" {waiting[0].id}`; it goes on by itself",
        )
    running = sum(each.runner is not None for each in every)
    return f"{len(every)} in the store, {running} of them run"


async def lane(config: Settings) -> str:
    """What waits in the lane is of jobs that the store knows. Raises `Unwell`."""
    asked = await _asked_for(config)
    if asked is None:
        return f"there is no {topics.RESCORE} yet"
    known = frozenset[str]()
    if store.is_here(config.store) and asked:
        async with store.open_store(config.store) as kept:
            known = frozenset(await kept.job_states(tuple(asked)))
    if strangers := {job: count for job, count in asked.items() if job not in known}:
        raise Unwell(
            f"requests of replays that the store does not know: {', '.join(sorted(strangers))}"
            f" ({sum(strangers.values())} of the next {asked.total()})",
            "an earlier release has asked for them, and workers pass over them: `tagstream replay start` asks"
            " for what they left",
        )
    return f"what comes next, {asked.total()}, is of known replays" if asked else "nothing waits"


async def _asked_for(config: Settings) -> Counter[str] | None:
    """Requests by job at the head of each partition; None where there is no lane."""
    brokers, asked = kafka_connection(config), Counter[str]()
    try:
        async with (
            LaneProgress(brokers, topics.RESCORE, config.kafka.group) as progress,
            TopicReader(brokers, topics.RESCORE) as reader,
        ):
            begin, ends = await progress.committed(), await reader.ends()
            until = {number: min(end, begin.get(number, 0) + HEAD) for number, end in ends.items()}
            async for message in reader.read(begin, until):
                wanted = wire.decode_rescore(message.value, dict(message.headers))
                asked.update([wanted.job] if isinstance(wanted, RescoreRequested) else [])
    except NoTopic:
        return None
    return asked
