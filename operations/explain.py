"""Explains an image: its audit trail out of the store, and the dead letters about it."""

from __future__ import annotations

from dataclasses import dataclass

from agents.wiring.backends import kafka_connection
from agents.wiring.settings import Settings
from operations import audit_trail, letter_reader, store
from operations.audit_trail import Trail
from operations.dead_letters import Letter
from operations.deferral import Deferral
from schemas import topics
from schemas.errors import Gone


@dataclass(frozen=True, slots=True)
class Explanation:
    """All that is known of an image."""

    image_id: str
    trail: Trail | None
    """None where the store does not know the image."""
    letters: tuple[Letter, ...] | None
    """None where nobody asked for them."""

    def unknown(self) -> Gone:
        """The error for an image that the store does not know, with where to look next."""
        return Gone(f"{self.image_id} is not in the store{_advice(self.letters)}")


async def explain(settings: Settings, image_id: str, *, dead_letters: bool) -> Explanation:
    """What the store has of it and, if asked for, the letters.

    Raises `ConfigurationError` where no store is here.
    """
    store.refuse_missing(settings.store)
    stored = await store.read_image(settings.store, image_id)
    letters = await _letters(settings, image_id) if dead_letters else None
    trail = audit_trail.follow(stored.head, stored.history) if stored.head else None
    return Explanation(image_id, trail, letters)


async def _letters(settings: Settings, image_id: str) -> tuple[Letter, ...]:
    """The letters about the image, or that bear its id where they could not be read; also what is put off."""
    names = (topics.RETRY, topics.DEAD_LETTERS, topics.PARKING)
    found = await letter_reader.read(kafka_connection(settings), names, lambda _done, _total: None)
    key = image_id.encode()
    return tuple(each for each in found if each.image_id == image_id or each.message.key == key)


def _advice(letters: tuple[Letter, ...] | None) -> str:
    if letters is None:
        return (
            ": was it uploaded, and is a worker running? `tagstream dlq list` shows what was refused, "
            "--dead-letters looks there for this image"
        )
    if letters and letters[-1].place[0] == topics.RETRY:
        return f": {Deferral(letters[-1].message).words}"
    if letters:
        return ", but in the dead letters; `tagstream dlq show PARTITION:OFFSET` shows one whole"
    return " and in no dead letter: was it uploaded, and is a worker running? `tagstream doctor` looks"
