"""Fake tagger, without a network, for tests of everything around it; it ships, for yours too."""

from __future__ import annotations

import asyncio
import hashlib
from typing import Any

from agents.ports import Forwarded, WithRendition
from model.policy import Policy
from schemas import topics
from schemas.errors import Undecodable
from schemas.photograph_facts import PhotographFacts
from schemas.tags import UNCERTAIN, ModelRef, RouteRule, Scores, Verdict

LABELS = ("food", "ambiance", "menu", "human")

RULES = (
    RouteRule(label="menu", topic=topics.MODERATION),
    RouteRule(label="human", topic=topics.MODERATION),
    RouteRule(label=UNCERTAIN, topic=topics.MODERATION),
    RouteRule(label="ambiance", topic=topics.AMBIANCE),
)


class FakeTagger:
    """Scores by the digest of the bytes: the same image, the same scores, in every process.

    Bytes that begin with `broken` cannot be decoded. `delay` is the seconds that a forward takes on
    average: one image in eight takes 6 times as long, so that work ends out of order.
    """

    def __init__(self, *, delay: float = 0.0, version: str = "1") -> None:
        self.delay = delay
        digest = hashlib.sha256(version.encode()).hexdigest()
        self.model = ModelRef(name="fake", version=version, digest=digest)
        self.labels = LABELS
        self.input_side = 224
        self.forwards = 0
        self._policy = Policy(thresholds=dict.fromkeys(LABELS, 0.7), rules=RULES)

    async def decode(self, data: bytes) -> bytes:
        """The bytes themselves."""
        if data.startswith(b"broken"):
            raise Undecodable("the bytes say so themselves")
        return data

    async def decode_and_reduce(self, data: bytes) -> WithRendition:
        """The same, and the bytes themselves as the rendition."""
        return WithRendition(await self.decode(data), data, PhotographFacts(4, 3, "fake"))

    def adopt(self, pixels: bytes) -> bytes:
        """Every version wants the same."""
        return pixels

    def prepared(self, pixels: Any) -> bytes:  # noqa: ANN401 - an array
        """The bytes of them."""
        return bytes(pixels)

    async def score(self, pixels: bytes) -> Forwarded:
        """Probabilities out of the digest of the bytes and of the version."""
        digest = hashlib.sha256(pixels + self.model.version.encode()).digest()
        await asyncio.sleep(self.delay * (0.3 if digest[-1] % 8 else 6))
        self.forwards += 1
        probabilities = {label: digest[place] / 255 for place, label in enumerate(LABELS)}
        scores = Scores(probabilities=probabilities, model=self.model)
        return Forwarded(scores, queued=0.0, forward=self.delay, batch_size=1)

    def decide(self, scores: Scores, previous: Verdict | None) -> Verdict:
        """The real policy, every threshold 0.7."""
        return self._policy.decide(scores, previous)

    def correct(self, judged: Verdict, labels: tuple[str, ...]) -> Verdict:
        """The real policy's."""
        return self._policy.correct(judged, labels)
