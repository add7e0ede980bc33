"""Predictor: scores photographs that somebody waits for, within a deadline; bounded, refusing, not queueing.

A prediction is a question: nothing of it is stored or announced, and its bytes are kept nowhere.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

from agents.ports import Forwarded, Tagger
from operations.admission import Admission
from schemas.api_settings import ApiSettings
from schemas.errors import TagstreamError, Undecodable
from schemas.photograph_facts import PhotographFacts
from schemas.tags import Scores, Verdict
from schemas.uploads import Location
from streams.ports import Fetched, ImageStore


class DeadlineMissed(TagstreamError):
    """The photograph was not scored within the deadline."""


class NotResident(TagstreamError):
    """The version is not loaded here; it may be soon."""


@dataclass(frozen=True, slots=True)
class Prediction:
    """What a version says of a photograph that nobody has uploaded."""

    digest: str
    """sha256 of its bytes, hexadecimal."""
    facts: PhotographFacts | None
    verdict: Verdict
    """As an upload would get it, which has none of before."""
    decode_seconds: float
    forwarded: Forwarded

    @property
    def scores(self) -> Scores:
        """Of every label."""
        return self.forwarded.scores


class PixelTagger(Tagger, Protocol):
    """A tagger that takes pixels of somebody else's decoding, too."""

    def prepared(self, pixels: Any) -> Any:  # noqa: ANN401 - pixels belong to the model
        """For `score`; uint8 (3, S, S) of its `input_side`."""


class LoadableVersions(Protocol):
    """The versions that a process has, and what brings others."""

    def is_resident(self, version: str) -> bool:
        """Whether it is here; where it is not, asking brings it."""

    def pinned(self, version: str, *, is_live: bool = False) -> AbstractContextManager[PixelTagger | None]:
        """The tagger of that version, which stays within the block; None where it is not resident."""


Load = Callable[[], Awaitable[Fetched]]
"""Brings the photograph's bytes; raises `Rejected` or `Unavailable`."""


class Predictor:
    """Owns nothing: the versions are whoever opened them's."""

    def __init__(
        self,
        versions: LoadableVersions,
        serving: Callable[[], str],
        images: ImageStore,
        limits: ApiSettings,
    ) -> None:
        self._versions = versions
        self._serving = serving
        self._images = images
        self._limits = limits
        self.admission = Admission(limits.predictions, limits.deadline)

    def is_resident(self, version: str | None) -> bool:
        """Whether it can be asked for; where it is not here, asking this brings it."""
        return self._versions.is_resident(version or self._serving())

    async def predict(self, data: bytes, version: str | None = None) -> Prediction:
        """What `version`, or else the one that serves, says of the photograph in `data`.

        Raises `Rejected` where it is none, `Overloaded` at once, `DeadlineMissed`, `NotResident`, `Broken`.
        """

        async def given() -> Fetched:
            return Fetched(data)

        return await self._within_limits(given, version)

    async def look(self, data: bytes) -> None:
        """Return where the serving version can read the photograph; raises as `predict` does."""
        async with self._place():
            with self._tagger(None) as tagger, self.admission.timed():
                await tagger.decode(data)

    async def predict_stored(self, location: Location, version: str | None = None) -> Prediction:
        """The same of an object in storage; raises also what `ImageStore.fetch` does."""
        return await self._within_limits(partial(self._images.fetch, location), version)

    async def predict_pixels(self, pixels: Any, version: str | None = None) -> Forwarded:  # noqa: ANN401 - the model's
        """The scores of a picture that is decoded already, uint8 (3, S, S) of the version's own S.

        Raises as `predict` does; `Undecodable` for another shape.
        """
        async with self._place():
            with self._tagger(version) as tagger, self.admission.timed():
                side = tagger.input_side
                if pixels.shape != (3, side, side):
                    raise Undecodable(f"version {tagger.model.version} wants pixels of (3, {side}, {side})")
                return await tagger.score(tagger.prepared(pixels))

    async def _within_limits(self, load: Load, version: str | None) -> Prediction:
        async with self._place():
            fetched = await load()
            with self._tagger(version) as tagger, self.admission.timed():
                return await _predicted(tagger, fetched)

    @asynccontextmanager
    async def _place(self) -> AsyncIterator[None]:
        """One of the places, for no longer than the deadline."""
        try:
            with self.admission.place():
                async with asyncio.timeout(self._limits.deadline):
                    yield
        except TimeoutError as error:
            raise DeadlineMissed(f"not scored within {self._limits.deadline:g} s") from error

    @contextmanager
    def _tagger(self, version: str | None) -> Iterator[PixelTagger]:
        wanted = version or self._serving()
        if not self._versions.is_resident(wanted):
            raise NotResident(f"version {wanted} is not loaded here")
        with self._versions.pinned(wanted, is_live=True) as tagger:
            if tagger is None:
                raise NotResident(f"version {wanted} is not loaded here any more")
            yield tagger


async def _predicted(tagger: PixelTagger, fetched: Fetched) -> Prediction:
    began = time.perf_counter()
    made = await tagger.decode_and_reduce(fetched.data)
    decoded = time.perf_counter() - began
    forwarded = await tagger.score(made.pixels)
    digest = fetched.digest or hashlib.sha256(fetched.data).hexdigest()
    return Prediction(digest, made.facts, tagger.decide(forwarded.scores, None), decoded, forwarded)
