"""Model slot: the tagger that works, replaced by another version while images are worked on (hot swap).

    decode  ->  prepared  ->  score  ->  Scores  ->  decide
    by the      for that      in its     say whose   by the rules
    version     version       batches    they are    of that version
    of now

An image is scored by the version that decoded it, in batches of that version alone, and what the scores mean
is decided by that version's rules, also when it is gone by then. So a swap needs no pause: the next image is
the new version's, and the old one is closed when nobody has pixels for it any more.

The event loop's thread only.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from types import TracebackType
from typing import Final, Self

import structlog

from agents.ports import Forwarded, Rules, WithRendition
from agents.tagger import BackgroundTagger, PreparedImage, ResidentTagger
from model.policy import Policy
from model.preprocess import Preprocess
from model.runtimes.port import ModelRuntime
from model.serving import allocator
from model.serving.statistics import BatchStatistics
from schemas.tags import ModelRef, Scores, Verdict

log = structlog.get_logger(__name__)

_LOOK_SECONDS: Final = 0.02
"""How often it is looked whether the last image of an old version is through: a few batches' time."""


class ModelSlot:
    """A `Tagger` whose version can be replaced; `async with` opens the first, and closes what is there."""

    def __init__(self, first: ResidentTagger) -> None:
        self._current = first
        self._others: dict[str, ResidentTagger] = {}
        self._leaving: list[ResidentTagger] = []
        self._closing = asyncio.Lock()
        self._rules: dict[ModelRef, Policy] = {}
        self._counted: BatchStatistics | None = None
        self._watches: dict[ResidentTagger, asyncio.Task[None]] = {}
        self._death: asyncio.Future[BaseException] = asyncio.get_running_loop().create_future()

    async def __aenter__(self) -> Self:
        await self._open(self._current)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for tagger in (self._current, *self._others.values(), *self._leaving):
            await self._close(tagger, kind, error, trace)

    @property
    def model(self) -> ModelRef:
        """The version that scores the next image."""
        return self._current.model

    @property
    def resident(self) -> tuple[ModelRef, ...]:
        """Every version that images can be scored by now, the present one first."""
        return (self._current.model, *(each.model for each in self._others.values()))

    @property
    def labels(self) -> tuple[str, ...]:
        """What the version of now scores, in its own order."""
        return self._current.labels

    @property
    def computed_by(self) -> str:
        """The library, its precision and the device, as the next image's scores will say it."""
        return self._current.computed_by

    @property
    def runtime(self) -> ModelRuntime:
        """What runs it, and where."""
        return self._current.runtime

    def statistics(self) -> BatchStatistics:
        """What its batchers have done, and what they are doing."""
        return self._with(
            *(tagger.statistics() for tagger in (*self._others.values(), *self._leaving, self._current))
        )

    async def died(self) -> BaseException:
        """What a batcher of uploads died of, once one has."""
        return await asyncio.shield(self._death)

    async def warm(self) -> None:
        """Until it is ready for an image; raises `Broken`."""
        await self._current.warm()

    async def swap(self, new: ResidentTagger) -> None:
        """Let `new`, not open yet, score what comes from now on. The old one leaves: see `close_leaving`.

        Raises `Broken` where its decoders do not come up: then everything is as it was.
        """
        await self._open_warm(new)
        self._leaving.append(self._current)
        self._current = new
        self.let_go(new.model.version)

    async def add(self, other: ResidentTagger) -> None:
        """Have `other`, not open yet, beside the present version: for who asks for it by `pinned`.

        Raises `Broken` where its decoders do not come up.
        """
        await self._open_warm(other)
        self._others[other.model.version] = other

    def let_go(self, version: str) -> None:
        """That version, which was added, leaves: see `close_leaving`. Nothing where it is not here."""
        if other := self._others.pop(version, None):
            self._leaving.append(other)

    async def close_leaving(self) -> None:
        """Close each version that has left, once the last image that it decoded is scored.

        Raises `Broken` where a device does not end: the process has to.
        """
        async with self._closing:
            while self._leaving:
                old = self._leaving[0]
                while old.is_in_use:  # noqa: ASYNC110 - whoever drops pixels lets go of them, and nobody is told
                    await asyncio.sleep(_LOOK_SECONDS)
                self._counted = self._with(old.statistics()).ended()
                self._leaving.remove(old)
                await self._close(old)
                await asyncio.to_thread(allocator.give_back)

    def is_resident(self, version: str) -> bool:
        """Whether images can be scored by that version now."""
        return self._of(version) is not None

    @contextmanager
    def pinned(
        self, version: str, *, is_live: bool = False
    ) -> Iterator[BackgroundTagger | ResidentTagger | None]:
        """The tagger of that version, which stays within the block; None where it is not resident.

        It scores behind whoever is scored without asking for a version, unless it `is_live`.
        """
        tagger = self._of(version)
        if tagger is None:
            yield None
            return
        with tagger.in_use():
            yield tagger if is_live else BackgroundTagger(tagger)

    async def decode(self, data: bytes) -> PreparedImage:
        """The image's pixels, for the version of now; raises `Rejected` or `Broken`."""
        return await self._current.decode(data)

    async def decode_and_reduce(self, data: bytes) -> WithRendition:
        """The same, and the image's rendition where the decoders make one."""
        return await self._current.decode_and_reduce(data)

    @property
    def input_side(self) -> int:
        """Pixels of each side of what the version of now is fed."""
        return self._current.input_side

    @property
    def preprocess(self) -> Preprocess:
        """What pixels the version of now wants."""
        return self._current.preprocess

    def adopt(self, prepared: PreparedImage) -> PreparedImage | None:
        """Another version's pixels for the one of now; None where it wants others."""
        return self._current.adopt(prepared)

    async def score(self, prepared: PreparedImage) -> Forwarded:
        """The image's scores, by the version that decoded it; waits while its batcher is full."""
        return await prepared.by.score(prepared)

    def decide(self, scores: Scores, previous: Verdict | None) -> Verdict:
        """What the scores mean under the thresholds and routes of the version that made them."""
        return self._rules_of(scores.model).decide(scores, previous)

    def correct(self, judged: Verdict, labels: tuple[str, ...]) -> Verdict:
        """What a person's labels mean under the routes of the version that was corrected."""
        return self._rules_of(judged.model).correct(judged, labels)

    def _of(self, version: str) -> ResidentTagger | None:
        return self._current if self._current.model.version == version else self._others.get(version)

    def _with(self, *parts: BatchStatistics) -> BatchStatistics:
        return BatchStatistics.together([self._counted, *parts] if self._counted else parts)

    def _rules_of(self, model: ModelRef) -> Rules:
        """Those of a version that this process has had; of any other, the present ones."""
        return self._rules.get(model, self._current.policy)

    async def _open(self, tagger: ResidentTagger) -> None:
        await tagger.__aenter__()
        watch = asyncio.create_task(self._watch(tagger), name=f"watch-{tagger.model.version}")
        self._watches[tagger] = watch
        self._rules[tagger.model] = tagger.policy
        tagger.yield_to(partial(self._is_busy_but_for, tagger.model))

    def _is_busy_but_for(self, model: ModelRef) -> bool:
        """Whether the present version, if that is another one, has uploads to score."""
        return self._current.model != model and self._current.is_busy

    async def _open_warm(self, tagger: ResidentTagger) -> None:
        await self._open(tagger)
        try:
            await tagger.warm()
        except BaseException:
            await self._close(tagger)
            raise

    async def _close(
        self,
        tagger: ResidentTagger,
        kind: type[BaseException] | None = None,
        error: BaseException | None = None,
        trace: TracebackType | None = None,
    ) -> None:
        self._watches.pop(tagger).cancel()
        await tagger.__aexit__(kind, error, trace)

    async def _watch(self, tagger: ResidentTagger) -> None:
        """Who has no version any more has to stop; one that only stood beside takes nobody with it."""
        cause = await tagger.died()
        version = tagger.model.version
        if self._others.get(version) is tagger:
            log.error("model.died", version=version, serving=self._current.model.version, why=str(cause))
            del self._others[version]
            del self._watches[tagger]
            await tagger.__aexit__(type(cause), cause, None)
        elif not self._death.done():
            self._death.set_result(cause)
