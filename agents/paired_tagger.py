"""Paired tagger: one image by two versions; one's scores hold, the other's are compared with them.

Where the version whose tags are to hold is the one on trial (a canary), the serving one stands in for it
when it fails: an upload is never worse off for being compared.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from agents.ports import Forwarded, Tagger, WithRendition
from schemas.tags import ModelRef, Scores, Verdict


@dataclass(frozen=True, slots=True)
class PairedPixels:
    """An image's pixels for both versions."""

    serving: Any
    new: Any
    """None where the new version could not decode it."""


class PairedTagger:
    """A `Tagger` for one image. Both versions stay for as long as somebody has pixels for them."""

    def __init__(self, serving: Tagger, new: Tagger, *, new_holds: bool) -> None:
        self._serving = serving
        self._new = new
        self._new_holds = new_holds
        self._pixels: PairedPixels | None = None
        self.failure: Exception | None = None
        """What the new version failed with, where the serving one did not."""
        self.held: Forwarded | None = None
        """The scores that hold, once there are."""

    @property
    def model(self) -> ModelRef:
        """The version whose scores are to hold."""
        return self._new.model if self._new_holds else self._serving.model

    @property
    def input_side(self) -> int:
        """Pixels of each side of what either is fed, at most."""
        return max(self._serving.input_side, self._new.input_side)

    async def decode(self, data: bytes) -> PairedPixels:
        """Its pixels for both, decoded once where both want the same; raises as the serving one does."""
        return await self._paired(await self._serving.decode(data), data)

    async def decode_and_reduce(self, data: bytes) -> WithRendition:
        """The same, and the image's rendition where the decoders make one."""
        made = await self._serving.decode_and_reduce(data)
        return WithRendition(await self._paired(made.pixels, data), made.rendition, made.facts)

    async def _paired(self, serving: Any, data: bytes) -> PairedPixels:  # noqa: ANN401 - the version's
        new = self._new.adopt(serving)
        if new is None:
            try:
                new = await self._new.decode(data)
            except Exception as error:  # noqa: BLE001 - whatever a version on trial brings, the upload goes on
                self.failure = error
        return PairedPixels(serving, new)

    async def score(self, pixels: PairedPixels) -> Forwarded:
        """The scores that hold; raises as the serving version does."""
        self._pixels = pixels
        if self._new_holds and self.failure is None:
            try:
                self.held = await self._new.score(pixels.new)
            except Exception as error:  # noqa: BLE001 - see above
                self.failure = error
            else:
                return self.held
        self.held = await self._serving.score(pixels.serving)
        return self.held

    async def score_other(self) -> Forwarded | None:
        """The scores of the version whose do not hold; None where there is nothing to compare.

        Raises what goes wrong with it. Once: it lets go of the pixels.
        """
        pixels, self._pixels = self._pixels, None
        if pixels is None or self.held is None or self.failure is not None:
            return None
        if self._new_holds:
            return await self._serving.score(pixels.serving)
        return await self._new.score(pixels.new)

    def adopt(self, pixels: PairedPixels) -> None:
        """Nothing: a pair is made for one image."""

    def decide(self, scores: Scores, previous: Verdict | None) -> Verdict:
        """By the rules of the version that made them."""
        return self._of(scores.model).decide(scores, previous)

    def correct(self, judged: Verdict, labels: tuple[str, ...]) -> Verdict:
        """By the rules of the version that was corrected."""
        return self._of(judged.model).correct(judged, labels)

    def _of(self, model: ModelRef) -> Tagger:
        return self._new if model == self._new.model else self._serving
