"""`python -m benchmarks.renditions [--photographs DIR]`: CPU of a replay from renditions beside originals.

The straight path over stores in memory, with decoders in processes of their own and the packaged model, in
turns within one run: a shadow replay reads the photographs, then their renditions. With the forward, and
without it, as where a GPU does that. Beside them what an upload costs with a rendition and without one. The
ratios travel; the milliseconds are the machine's.
"""

from __future__ import annotations

import argparse
import asyncio
import time
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from statistics import mean, median
from typing import Any, Final

from agents.opened_components import Components
from agents.ports import Forwarded, OneVersion, WithRendition
from agents.renditions import RenditionBounds, Renditions
from agents.tagger import ResidentTagger
from agents.telemetry import logs
from agents.telemetry.metrics import Metrics
from agents.telemetry.settings import LogSettings
from agents.wiring.handlers import DispatcherLimits, build_dispatcher
from agents.wiring.resident_model import decoders
from agents.wiring.settings import Settings
from agents.wiring.tagging import load_tagger
from benchmarks.processor import cpu_seconds
from benchmarks.suite.photographs import Kind, kinds
from model.decoding.pool import DecoderPool
from model.preprocess import Preprocess
from schemas import topics, wire
from schemas.claims import Claim
from schemas.events import RescoreMode, RescoreRequested
from schemas.rendition_recipe import RenditionRecipe
from schemas.rescore_jobs import FromStore, RescoreJob
from schemas.tags import ModelRef, Scores, Verdict
from schemas.uploads import ImageUploaded, Location, Position
from streams.adapters.limits import Limits
from streams.adapters.memory import MemoryImages, MemoryRenditions, MemoryScores, MemoryTags
from streams.message import Message
from streams.resilience.retry import Backoff, Dependencies

IMAGES: Final = 48
ROUNDS: Final = 3
AT_ONCE: Final = 8
WHEN: Final = datetime(2026, 1, 1, tzinfo=UTC)
SETTINGS: Final = {
    "model": {"device": "cpu"},
    "decode": {"processes": 2},
    "renditions": {"url": "s3://memory/small"},
}


@dataclass(frozen=True, slots=True)
class RenamedTagger:
    """The resident version by another name, so that it can score the same photographs again."""

    resident: ResidentTagger
    version: str
    is_forwarding: bool

    @property
    def model(self) -> ModelRef:
        """By its name of now."""
        return self.resident.model.model_copy(update={"version": self.version})

    @property
    def input_side(self) -> int:
        """See `Tagger.input_side`."""
        return self.resident.input_side

    async def decode(self, data: bytes) -> Any:  # noqa: ANN401 - the resident's
        """See `Tagger.decode`."""
        return await self.resident.decode(data)

    async def decode_and_reduce(self, data: bytes) -> WithRendition:
        """See `Tagger.decode_and_reduce`."""
        return await self.resident.decode_and_reduce(data)

    async def score(self, pixels: Any) -> Forwarded:  # noqa: ANN401
        """See `Tagger.score`; the same for all of them where nothing is forwarded."""
        if not self.is_forwarding:
            labels = dict.fromkeys(self.resident.policy.thresholds, 0.5)
            return Forwarded(Scores(probabilities=labels, model=self.model), 0.0, 0.0, 1)
        found = await self.resident.score(pixels)
        scores = found.scores.model_copy(update={"model": self.model})
        return Forwarded(scores, found.queued, found.forward, found.batch_size)

    def decide(self, scores: Scores, previous: Verdict | None) -> Verdict:
        """See `Rules.decide`."""
        return self.resident.decide(scores, previous)

    def correct(self, judged: Verdict, labels: tuple[str, ...]) -> Verdict:
        """See `Rules.correct`."""
        return self.resident.correct(judged, labels)


@dataclass
class Bench:
    """What all turns have in common."""

    resident: ResidentTagger
    pool: DecoderPool
    recipe: RenditionRecipe
    images: MemoryImages = field(default_factory=lambda: MemoryImages(Limits(buckets=("photos",))))
    scores: MemoryScores = field(default_factory=MemoryScores)
    small: MemoryRenditions = field(default_factory=MemoryRenditions)
    turns: int = 0

    async def cost(self, messages: list[Message], *, is_forwarding: bool, is_reduced: bool) -> float:
        """Milliseconds of CPU for a message, of this process and of the decoders."""
        self.turns += 1
        tagger = RenamedTagger(self.resident, str(self.turns), is_forwarding)
        metrics, bounds = Metrics(), RenditionBounds(least_bytes=0, pending=len(messages))
        kept = Renditions(self.small, self.recipe, self.scores, metrics.renditions, bounds)
        parts = Components(
            self.images, self.scores, MemoryTags(), tagger, OneVersion(tagger), kept if is_reduced else None
        )
        desk = build_dispatcher(parts, Dependencies(Backoff()), DispatcherLimits(), metrics=metrics)
        gate = asyncio.Semaphore(AT_ONCE)

        async def handle(message: Message) -> None:
            async with gate:
                await desk.handle(message).work()

        started = self._cpu()
        await asyncio.gather(*map(handle, messages))
        await kept.written()
        return (self._cpu() - started) / len(messages) * 1e3

    async def upload_cost(self, files: Mapping[str, bytes], *, is_reduced: bool) -> float:
        """Of uploads of photographs that nobody knows."""
        self.scores = MemoryScores()
        self.scores.job_documents[JOB.id] = JOB.model_dump_json()
        messages = [
            Message(topics.UPLOADED, 0, at, None, wire.encode(_upload(key))) for at, key in enumerate(files)
        ]
        return await self.cost(messages, is_forwarding=True, is_reduced=is_reduced)

    async def replay_cost(
        self, files: Mapping[str, bytes], *, is_forwarding: bool, is_reduced: bool
    ) -> float:
        """Of a shadow replay over what was uploaded last."""
        wanted = str(self.turns + 1)
        messages = [_request(key, at, version=wanted) for at, key in enumerate(files)]
        return await self.cost(messages, is_forwarding=is_forwarding, is_reduced=is_reduced)

    def _cpu(self) -> float:
        return time.process_time() + sum(map(cpu_seconds, self.pool.pids))


JOB: Final = RescoreJob(
    id="bench",
    created_at=WHEN,
    created_by="bench",
    updated_at=WHEN,
    model_version="any",
    source=FromStore(),
)


def _upload(key: str) -> ImageUploaded:
    facts = {"event_id": key, "location": Location(bucket="photos", key=key), "uploaded_at": WHEN}
    return ImageUploaded.model_validate({**facts, "restaurant_id": "r1"})


def _request(key: str, offset: int, *, version: str) -> Message:
    upload = _upload(key)
    position = Position(uploaded_at=WHEN, partition=0, offset=offset, event_id=key)
    wanted = RescoreRequested(
        event_id=f"{key}-{version}",
        image_id=upload.image_id,
        claim=Claim.of(upload, position),
        model_version=version,
        mode=RescoreMode.SHADOW,
        job=JOB.id,
        requested_at=WHEN,
    )
    return Message(topics.RESCORE, 0, offset, None, wire.encode(wanted))


async def measure(kind: Kind, rounds: int) -> None:
    """Each way in turn, and print the medians and their ratios."""
    settings = Settings.model_validate(SETTINGS)
    recipe = settings.renditions.recipe
    if recipe is None:
        raise LookupError("the bench's own settings name a place")
    files = {f"{at}.jpg": kind.files[at % len(kind.files)] for at in range(IMAGES)}
    pools: list[DecoderPool] = []

    def decoding(preprocess: Preprocess) -> DecoderPool:
        pools.append(decoders(settings, Metrics(), preprocess))
        return pools[-1]

    async with AsyncExitStack() as stack:
        resident = await load_tagger(settings, decoding=decoding)
        bench = Bench(await stack.enter_async_context(resident), pools[0], recipe)
        await resident.warm()
        for key, data in files.items():
            await bench.images.put(Location(bucket="photos", key=key), data)
        await bench.upload_cost(files, is_reduced=False)  # warm
        costs: dict[str, list[float]] = {}
        for _ in range(rounds):
            costs.setdefault("upload", []).append(await bench.upload_cost(files, is_reduced=False))
            costs.setdefault("upload, kept", []).append(await bench.upload_cost(files, is_reduced=True))
            for name, is_forwarding in (("replay", True), ("replay, no forward", False)):
                for source, is_reduced in (("originals", False), ("renditions", True)):
                    cost = await bench.replay_cost(files, is_forwarding=is_forwarding, is_reduced=is_reduced)
                    costs.setdefault(f"{name}, {source}", []).append(cost)
    _print(kind, bench.small, {name: median(each) for name, each in costs.items()})


def _print(kind: Kind, small: MemoryRenditions, costs: Mapping[str, float]) -> None:
    sizes = [len(each.data) for each in small.kept.values()]
    print(f"{kind.about}; {len(sizes)} renditions of {mean(sizes) / 1e3:.1f} KB in the mean")
    for name, cost in costs.items():
        print(f"{name:32} {cost:7.2f} ms of CPU an image")
    for name in ("replay", "replay, no forward"):
        ratio = costs[f"{name}, renditions"] / costs[f"{name}, originals"]
        print(f"{name}: from renditions {ratio:.2f} of the CPU from originals")
    print(f"upload: {costs['upload, kept'] / costs['upload']:.2f} of the CPU with a rendition kept")


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description="CPU of a replay from renditions beside originals")
    parser.add_argument("--photographs", type=Path, help="a folder of full-size ones")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    asked = parser.parse_args()
    logs.configure(LogSettings(level="warning"))
    _, full = kinds(asked.photographs, None)
    asyncio.run(measure(full, asked.rounds))


if __name__ == "__main__":
    main()
