"""Tagger: decoders, the resident classifier behind its micro-batcher, and the policy, as one port."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol, Self
from weakref import WeakSet

from agents.ports import Forwarded, WithRendition
from agents.telemetry.tracing import NO_TRACER, Linked, Tracer, linked
from model.policy import Policy
from model.preprocess import DecodedImage, Pixels, Preprocess
from model.runtimes.port import ModelRuntime
from model.serving.batcher import BatchLimits, DeviceChecks, MicroBatcher
from model.serving.classifier import Classifier
from model.serving.statistics import BatchStatistics
from schemas.tags import ModelRef, Scores, Verdict


class ImageDecoder(Protocol):
    """What turns bytes into pixels; `async with` opens and closes it."""

    async def __aenter__(self) -> Self: ...

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    async def warm(self) -> None:
        """Until it is ready for an image; raises `Broken`."""

    async def decode(self, data: bytes) -> Pixels:
        """The image's pixels, uint8 (3, S, S); raises `Rejected` or `Broken`."""

    async def decode_and_reduce(self, data: bytes) -> DecodedImage:
        """The same, and the image's rendition where it makes one."""

    async def thumbnail(self, data: bytes, side: int) -> bytes:
        """The image as a small JPEG, its longer side at most `side`; raises as `decode` does."""


@dataclass(frozen=True, slots=True, weakref_slot=True, eq=False)
class PreparedImage:
    """An image's pixels for one version: no other can score them."""

    by: ResidentTagger
    pixels: Pixels


class ResidentTagger:
    """One version, loaded once, warm, and shared by all images that it is to score.

    Owns the decoding and the batcher; `async with` opens and closes both, and must not close it while it
    `is_in_use`. Whoever opens it awaits `died()` and stops the process when that returns.
    """

    def __init__(
        self,
        classifier: Classifier,
        policy: Policy,
        *,
        batches: BatchLimits,
        decoding: ImageDecoder,
        tracer: Tracer = NO_TRACER,
    ) -> None:
        self._classifier = classifier
        self.policy = policy
        self._tracer = tracer
        self._decoding = decoding
        self._stack = AsyncExitStack()
        self._users = 0
        self._prepared: WeakSet[PreparedImage] = WeakSet()
        runtime = classifier.runtime
        checks = DeviceChecks(probe=classifier.check_golden, is_out_of_memory=runtime.is_out_of_memory)
        forward = linked(tracer, classifier.forward)
        sizes = batches.model_copy(update={"max_size": classifier.best_batch(batches.max_size)})
        self._batcher: MicroBatcher[Linked[Pixels], Scores] = MicroBatcher(forward, sizes, device=checks)

    async def __aenter__(self) -> Self:
        await self._stack.enter_async_context(self._batcher)
        await self._stack.enter_async_context(self._decoding)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.__aexit__(kind, error, trace)

    @property
    def model(self) -> ModelRef:
        """The resident model version."""
        return self._classifier.ref

    @property
    def labels(self) -> tuple[str, ...]:
        """What it scores, in its own order."""
        return tuple(self._classifier.manifest.labels)

    @property
    def is_in_use(self) -> bool:
        """Whether somebody has pixels for it, waits for them, or has asked for this very version."""
        return bool(self._users or self._prepared)

    @contextmanager
    def in_use(self) -> Iterator[Self]:
        """For whoever needs this version and no other: within the block it stays."""
        self._users += 1
        try:
            yield self
        finally:
            self._users -= 1

    @property
    def is_busy(self) -> bool:
        """Whether anybody but the background wants the device."""
        return self._batcher.is_busy

    def yield_to(self, is_busy: Callable[[], bool]) -> None:
        """Have the background stand back while another version's uploads want the device."""
        self._batcher.yield_to(is_busy)

    @property
    def computed_by(self) -> str:
        """The library, its precision and the device, as its scores say it."""
        return self._classifier.computed_by

    @property
    def runtime(self) -> ModelRuntime:
        """What runs it, and where."""
        return self._classifier.runtime

    def statistics(self) -> BatchStatistics:
        """What the batcher has done and is doing."""
        return self._batcher.statistics()

    async def died(self) -> BaseException:
        """What the batcher died of, once it has."""
        return await self._batcher.died()

    async def warm(self) -> None:
        """Until it is ready for an image; raises `Broken`."""
        await self._decoding.warm()

    async def decode(self, data: bytes) -> PreparedImage:
        """The image's pixels, for `score`; raises `Rejected` or `Broken`."""
        with self.in_use():
            return self.prepared(await self._decoding.decode(data))

    async def decode_and_reduce(self, data: bytes) -> WithRendition:
        """The same, and the image's rendition where its decoders make one."""
        with self.in_use():
            decoded = await self._decoding.decode_and_reduce(data)
            return WithRendition(self.prepared(decoded.pixels), decoded.rendition, decoded.facts)

    @property
    def input_side(self) -> int:
        """Pixels of each side of what it is fed."""
        return self.preprocess.size

    def adopt(self, prepared: PreparedImage) -> PreparedImage | None:
        """The same pixels for this version; None where it wants others."""
        if prepared.by.preprocess != self.preprocess:
            return None
        return self.prepared(prepared.pixels)

    def prepared(self, pixels: Pixels) -> PreparedImage:
        """Pixels of somebody else's decoding, uint8 (3, S, S) of its `input_side`, for `score`.

        Whoever holds them keeps the version in use.
        """
        prepared = PreparedImage(self, pixels)
        self._prepared.add(prepared)
        return prepared

    @property
    def preprocess(self) -> Preprocess:
        """What pixels it wants."""
        return self._classifier.preprocess

    async def score(self, prepared: PreparedImage, *, is_background: bool = False) -> Forwarded:
        """The image's scores; waits while the batcher is full, in the background for all others."""
        linked_pixels = Linked(prepared.pixels, self._tracer.link())
        scored = await self._batcher.score(linked_pixels, is_background=is_background)
        return Forwarded(scored.result, scored.queued, scored.forward, scored.batch_size)

    def decide(self, scores: Scores, previous: Verdict | None) -> Verdict:
        """What the scores mean under the model's thresholds and routes."""
        return self.policy.decide(scores, previous)

    def correct(self, judged: Verdict, labels: tuple[str, ...]) -> Verdict:
        """What a person's labels mean under the model's routes."""
        return self.policy.correct(judged, labels)


@dataclass(frozen=True, slots=True)
class BackgroundTagger:
    """A resident version as the replay lane has it: behind everybody else's images."""

    resident: ResidentTagger

    @property
    def model(self) -> ModelRef:
        """The version."""
        return self.resident.model

    @property
    def labels(self) -> tuple[str, ...]:
        """See `ResidentTagger.labels`."""
        return self.resident.labels

    async def decode(self, data: bytes) -> PreparedImage:
        """See `ResidentTagger.decode`."""
        return await self.resident.decode(data)

    async def decode_and_reduce(self, data: bytes) -> WithRendition:
        """See `ResidentTagger.decode_and_reduce`."""
        return await self.resident.decode_and_reduce(data)

    @property
    def input_side(self) -> int:
        """See `ResidentTagger.input_side`."""
        return self.resident.input_side

    def adopt(self, prepared: PreparedImage) -> PreparedImage | None:
        """See `ResidentTagger.adopt`."""
        return self.resident.adopt(prepared)

    def prepared(self, pixels: Pixels) -> PreparedImage:
        """See `ResidentTagger.prepared`."""
        return self.resident.prepared(pixels)

    async def score(self, prepared: PreparedImage) -> Forwarded:
        """See `ResidentTagger.score`."""
        return await self.resident.score(prepared, is_background=True)

    def decide(self, scores: Scores, previous: Verdict | None) -> Verdict:
        """See `ResidentTagger.decide`."""
        return self.resident.decide(scores, previous)

    def correct(self, judged: Verdict, labels: tuple[str, ...]) -> Verdict:
        """See `ResidentTagger.correct`."""
        return self.resident.correct(judged, labels)
