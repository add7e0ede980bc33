"""Waits for the end of uploads: tags in the store, or a dead letter; tells what is put off meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from operations import messages
from operations.deferral import Deferral
from schemas import topics
from schemas.records import ImageHead
from schemas.uploads import ImageUploaded
from streams.message import Message
from streams.ports import ScoreStore

_LOOK: Final = 0.2
"""Seconds between two looks into the store."""


@dataclass(frozen=True, slots=True)
class TagsAnnounced:
    """The store has its tags, and the world has heard of them."""

    head: ImageHead

    def document(self) -> dict[str, Any]:
        """For a line of `--json`."""
        verdict = self.head.verdict
        return {
            "state": self.head.state,
            "tags": [tag.model_dump() for tag in verdict.tags] if verdict else [],
            "routes": [route.model_dump() for route in verdict.routes] if verdict else [],
            "model_version": verdict.model.version if verdict else None,
        }


@dataclass(frozen=True, slots=True)
class DeadLettered:
    """It is on the dead letters or was parked."""

    message: Message

    @property
    def code(self) -> str:
        """The cause in one word."""
        return messages.code(self.message)

    @property
    def place(self) -> str:
        """Where the letter is, as `tagstream dlq show` takes it."""
        parking = " --parking" if self.message.topic == topics.PARKING else ""
        return f"{self.message.partition}:{self.message.offset}{parking}"

    @property
    def why(self) -> str:
        """The cause in a sentence."""
        return messages.explanation(self.message)

    def document(self) -> dict[str, Any]:
        """For a line of `--json`."""
        place = {
            "topic": self.message.topic,
            "partition": self.message.partition,
            "offset": self.message.offset,
        }
        return {"error": {"code": self.code, "message": self.why}, "letter": place}


@dataclass(frozen=True, slots=True)
class Unknown:
    """Neither, until the time was over."""

    seconds: float
    deferral: Deferral | None = None
    """What was heard of it last."""

    @property
    def why(self) -> str:
        """What is known of it."""
        if self.deferral:
            return self.deferral.words
        return f"nothing heard of it within {self.seconds:g} s"

    def document(self) -> dict[str, Any]:
        """For a line of `--json`."""
        error = {"error": {"code": "timeout", "message": self.why}}
        return error | ({"deferred": self.deferral.document()} if self.deferral else {})


End = TagsAnnounced | DeadLettered | Unknown

Defer = Callable[[ImageUploaded, Deferral], None]
"""Told of an upload that is tried again later."""


class AwaitTags:
    """Waits for the ends of uploads, in the store and on `letters`, which it follows as they come.

    Of those, the letters on the retry topic end nothing: they are told as they come.
    """

    def __init__(
        self, store: ScoreStore, letters: AsyncIterator[Message], defer: Defer = lambda *_: None
    ) -> None:
        self._store = store
        self._letters = letters
        self._defer = defer
        self._buried: dict[str, Message] = {}
        self._deferred: dict[str, Deferral] = {}
        self._awaited: Mapping[str, ImageUploaded] = {}

    async def ends(
        self, uploads: Sequence[ImageUploaded], *, seconds: float
    ) -> AsyncGenerator[tuple[ImageUploaded, End], None]:
        """The end of each, as it is known; of those without one, that the time is over. Close it."""
        left = {upload.image_id: upload for upload in uploads}
        self._awaited = left
        reading = asyncio.create_task(self._read())
        deadline = asyncio.get_running_loop().time() + seconds
        try:
            while left and asyncio.get_running_loop().time() < deadline:
                for upload, end in await self._look(left.values()):
                    del left[upload.image_id]
                    yield upload, end
                _raise_failure(reading)
                await asyncio.sleep(_LOOK if left else 0)
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)
        for upload in left.values():
            yield upload, Unknown(seconds, self._deferred.get(upload.image_id))

    async def _look(self, uploads: Iterable[ImageUploaded]) -> list[tuple[ImageUploaded, End]]:
        asked = tuple(uploads)
        heads = await self._store.heads([upload.image_id for upload in asked])
        ends: list[tuple[ImageUploaded, End]] = []
        for upload in asked:
            if letter := self._buried.get(upload.image_id):
                ends.append((upload, DeadLettered(letter)))
            elif (head := heads.get(upload.image_id)) and _answers(head, upload):
                ends.append((upload, TagsAnnounced(head)))
        return ends

    async def _read(self) -> None:
        async for letter in self._letters:
            image_id = messages.causes(letter).get("image_id", "")
            if letter.topic == topics.RETRY:
                self._put_off(image_id, Deferral(letter))
            elif image_id:
                self._buried[image_id] = letter

    def _put_off(self, image_id: str, deferral: Deferral) -> None:
        if upload := self._awaited.get(image_id):
            self._deferred[image_id] = deferral
            self._defer(upload, deferral)


def _answers(head: ImageHead, upload: ImageUploaded) -> bool:
    """Whether the head has taken the upload, or a later one, into account, and that was announced."""
    claim = head.all_claims.producer
    is_known = claim is not None and (
        claim.position.event_id == upload.event_id or claim.position.uploaded_at > upload.uploaded_at
    )
    return is_known and head.is_announced


def _raise_failure(task: asyncio.Task[None]) -> None:
    if task.done() and not task.cancelled() and (error := task.exception()):
        raise error
