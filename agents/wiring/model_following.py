"""Wiring of versions that come while a worker runs: the registry, the topic that tells, how one is loaded."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from agents.model_follower import ModelFollower, NoRoom
from agents.shared_decoding import SharedDecoding
from agents.tagger import ResidentTagger
from agents.telemetry.tracing import Tracer
from agents.wiring import registry as ours
from agents.wiring.backends import kafka_connection
from agents.wiring.model_source import REF, ResolvedModel
from agents.wiring.settings import Settings
from agents.wiring.tagging import load_tagger
from model.checkpoint import WEIGHTS
from model.registry import refs
from model.registry.cache import Resolved
from model.registry.refs import AliasRef, VersionRef
from model.serving import headroom
from schemas import topics
from schemas.errors import ConfigurationError, Unavailable
from streams.adapters.kafka.reader import TopicReader

_MEBI: Final = 2**20

_HOLD: Final = 5_000
"""Milliseconds: aliases move a few times a month, and each fetch that finds nothing costs."""


def followed_alias(settings: Settings) -> AliasRef | None:
    """The alias that the settings name; None where they name a version itself, or a folder."""
    ref = refs.parse(settings.model.ref) if settings.model.ref else None
    return ref if isinstance(ref, AliasRef) else None


@dataclass(frozen=True, slots=True)
class VersionSource:
    """The registry, and what makes taggers of its versions: one at a time, for it takes memory and cores."""

    settings: Settings
    tracer: Tracer
    decoding: SharedDecoding
    device: Callable[[], str]
    """Where the resident version runs."""
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def resolve(self, ref: AliasRef | VersionRef) -> Resolved:
        """See `registry.resolve`."""
        return await ours.resolve(self.settings, ref)

    async def load(self, name: str, wanted: Resolved) -> ResidentTagger:
        """That version, fetched, verified, warm and proven on its golden pictures; not yet open.

        Raises `NoRoom`, `Unavailable`, and what `load_tagger` raises.
        """
        async with self.turn:
            async with ours.open_registry(self.settings) as registry:
                folder = await registry.fetch(wanted, name, ours.cache(self.settings))
            refuse_crowding(folder, self.device())
            found = ResolvedModel(folder, REF, wanted)
            return await load_tagger(self.settings, self.tracer, version=found, decoding=self.decoding)

    async def named(self, name: str, version: str) -> ResidentTagger:
        """The version of that name; raises as `resolve` and `load` do."""
        return await self.load(name, await self.resolve(VersionRef(name, version)))

    def remember(self, alias: AliasRef, serving: Resolved) -> None:
        """The alias stands for it on this machine, should the registry be away at the next start. Blocks."""
        name = f"{ours.address(self.settings)}/{alias}"
        ours.cache(self.settings).remember(name, serving)


def refuse_crowding(folder: Path, device: str) -> None:
    """Raise `NoRoom` where the version in `folder` does not fit beside what is resident on `device`."""
    needed, free = headroom.needed((folder / WEIGHTS).stat().st_size), headroom.free(device)
    if free is not None and free < needed:
        raise NoRoom(
            f"loading it takes up to {needed // _MEBI} MiB beside the version that works, and {device} has "
            f"{free // _MEBI} free; give the worker more memory, or start it again for the new version"
        )


@asynccontextmanager
async def following(
    settings: Settings, alias: AliasRef, follower: ModelFollower
) -> AsyncIterator[asyncio.Task[None]]:
    """Follow the alias within the block; the task ends with what is no version's fault."""
    every = settings.registry.poll
    tasks = [
        asyncio.create_task(follower.run(every=every), name="model-follower"),
        asyncio.create_task(_listen(settings, alias, follower), name="model-control"),
    ]
    try:
        yield tasks[0]
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _listen(settings: Settings, alias: AliasRef, follower: ModelFollower) -> None:
    """Pass on what the control topic says, for ever; where it is away or not there, asking has to do."""
    brokers, ours_only = kafka_connection(settings), str(alias).encode()
    while True:
        try:
            async with TopicReader(brokers, topics.CONTROL, hold_milliseconds=_HOLD) as reader:
                async for message in reader.follow():
                    if message.key == ours_only:
                        follower.look_now()
        except (Unavailable, ConfigurationError):
            await asyncio.sleep(settings.registry.poll)
