"""Feed of finished photographs: off the topics, as every consumer sees them, and out of the store."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from rich.text import Text

from operations import messages, topic_names
from operations.deferral import Deferral
from schemas import topics, wire
from schemas.events import ImageTagged
from schemas.records import ImageHead
from schemas.wire import headers
from streams.message import Message
from streams.ports import ScoreStore
from tagstream.render import messages as render

ENDS = (topics.TAGGED, topics.RETRY, topics.DEAD_LETTERS, topics.PARKING)
"""The topics on one of which every photograph ends; on the retry topic for now."""


@dataclass(frozen=True, slots=True)
class Ended:
    """One photograph that was tagged, or could not be, now or ever."""

    message: Message
    head: ImageHead | None = None
    seconds: float | None = None
    """From the fetch to the end of the forward."""

    def line(self) -> Text:
        """For people."""
        if self.message.topic == topics.RETRY:
            return _put_off(Deferral(self.message))
        if self.message.topic != topics.TAGGED:
            return _refused(self.message)
        event = ImageTagged.model_validate_json(self.message.value or b"")
        routes = self.head.verdict.routes if self.head and self.head.verdict else ()
        places = dict.fromkeys(topic_names.short(route.topic) for route in routes)
        goes = f"  → {', '.join(places)}" if places else ""
        took = f"  {self.seconds * 1000:.0f} ms" if self.seconds is not None else ""
        hidden = "  hidden" if event.state == "hidden" else ""
        return Text.assemble(
            ("✓ ", "green"),
            f"{event.location.key}  ",
            render.tags(event.tags),
            (goes, "bold cyan"),
            (hidden, "yellow"),
            (took, "dim"),
            (f"  {event.image_id}", "dim"),
        )

    def document(self) -> dict[str, Any]:
        """For scripts: the message, and the milliseconds that it took."""
        return {**messages.document(self.message), "seconds": self.seconds}


async def ended(message: Message, store: ScoreStore) -> Ended:
    """The photograph that `message` speaks of."""
    if message.topic != topics.TAGGED:
        return Ended(message)
    event = ImageTagged.model_validate_json(message.value or b"")
    records = await store.records(event.image_id)
    mine = [record for record in records if record.position.is_same(event.position)]
    seconds = sum(mine[-1].seconds.values()) if mine else None
    return Ended(message, await store.head(event.image_id), seconds)


def _put_off(deferral: Deferral) -> Text:
    return Text.assemble(
        ("… ", "yellow"),
        f"{_name(deferral.message)}  ",
        (deferral.code, "yellow"),
        f": {deferral.words}",
        (f"  {messages.causes(deferral.message).get('image_id', '')}", "dim"),
    )


def _refused(message: Message) -> Text:
    why = messages.causes(message)
    return Text.assemble(
        ("✗ ", "bold red"),
        f"{_name(message)}  ",
        (why.get("code", "?"), "bold red"),
        f": {why.get('exception.message', '')}",
        (f"  {why.get('image_id', '')}", "dim"),
    )


def _name(message: Message) -> str:
    """The key of the object, where the letter's message names one."""
    if headers.origin(message)[0] == topics.RESCORE:
        asked = wire.decode_rescore(message.value, dict(message.headers))
        if not isinstance(asked, wire.Invalid):
            return asked.claim.location.key
    for record in wire.decode(message.value, dict(message.headers)):
        if isinstance(record, wire.Uploaded):
            return record.upload.location.key
    return f"message {message.partition}:{message.offset}"
