"""Erasure of images (GDPR Art. 17): chooses them, erases each, and says what is left where (ADR 21).

In this order, so that whoever is killed in between runs it again and it ends the same: data folders, a draft
of the receipt with what was in them, then image by image the object (where that is asked for), the
renditions, the head, the history and the announcement.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from agents.wiring.backends import kafka_connection, kafka_settings, s3_settings
from agents.wiring.settings import Settings
from agents.wiring.stores import blamed
from model.data.gather import gather_bounded
from model.data.progress import Tick, silent
from operations import erasure_data, erasure_receipt, erasure_targets, store, store_indexes, topic_remains
from operations.current_user import current_user
from operations.eraser import ErasedImage, Eraser, ErasureOutcome
from operations.erasure_objects import ErasedObjects, ImageObjects
from operations.erasure_receipt import DataLine, ImageLine, Receipt, ReceiptState, hashed
from operations.erasure_renditions import ImageRenditions
from operations.erasure_targets import ErasureRequest, ErasureTarget
from schemas import topics
from schemas.errors import ConfigurationError, TagstreamError
from schemas.uploads import Location
from streams.adapters.kafka.lag import LaneProgress
from streams.adapters.kafka.publisher import KafkaPublisher
from streams.adapters.mongo.index_states import IndexState
from streams.adapters.mongo.indexes import OF_UPLOADER
from streams.adapters.s3.renditions import settings_of as renditions_settings
from streams.adapters.s3.versions import S3Versions
from streams.ports import ScoreStore

AT_ONCE: Final = 8
"""Images."""

BEGUN: Final = "begun"
PLANNED: Final = "to be erased"
FAILED: Final = "not erased"
ALREADY: Final = str(ErasureOutcome.ALREADY)


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class ErasureResult:
    """What was done, or would be."""

    receipt: Receipt
    standing: tuple[Location, ...]
    """Objects that storage still has; their addresses stand in no receipt."""
    data: tuple[DataLine, ...] = ()
    """What data folders hold, each picture by its name."""
    refused: tuple[str, ...] = ()
    """Images that were not erased, and why."""


async def choose(settings: Settings, request: ErasureRequest) -> tuple[ErasureTarget, ...]:
    """The images that `request` is about.

    Raises `Gone` for an image that the store does not know, unless such are meant, and `ConfigurationError`
    where there is no store, or no index to find an uploader by.
    """
    if request.uploader_id is not None and settings.store.url is not None:
        await _require_index(settings)
    async with _store(settings) as scores:
        by_bytes = settings.renditions.place is not None
        return await erasure_targets.choose(scores, request, by_bytes=by_bytes)


async def rehearse(
    settings: Settings, request: ErasureRequest, targets: tuple[ErasureTarget, ...], tick: Tick = silent
) -> ErasureResult:
    """What an erasure would find; nothing is changed."""
    data = erasure_data.search(request.data, erasure_targets.traces(targets), is_dry=True, tick=tick)
    run = _Run(request)
    async with _storage(settings) as storage:
        await run.rehearse(targets, storage, tick=tick)
    remains = await topic_remains.find(kafka_connection(settings), (), at=_now())
    found = {"images": tuple(run.lines), "data": erasure_data.unnamed(data), "topics": remains}
    receipt = _begun(request, targets).model_copy(update={**found, "waiting": await _waiting(settings)})
    return ErasureResult(receipt, tuple(run.standing), data)


async def erase(
    settings: Settings,
    request: ErasureRequest,
    targets: tuple[ErasureTarget, ...],
    *,
    file: Path | None = None,
    tick: Tick = silent,
) -> ErasureResult:
    """Erase them; the receipt goes into `file`. Broken off, run both again: what is erased stays so."""
    before, begun = erasure_receipt.earlier(file) if file else None, _begun(request, targets)
    erasure_receipt.require_same(before, begun, file=file)
    data = erasure_data.search(request.data, erasure_targets.traces(targets), is_dry=False, tick=tick)
    draft = begun.model_copy(update={"data": erasure_data.unnamed(data)})
    draft = draft.with_earlier(before)
    if file:
        erasure_receipt.keep(file, draft)
    run = _Run(request)
    async with AsyncExitStack() as stack:
        scores = await stack.enter_async_context(_store(settings))
        tags = await stack.enter_async_context(KafkaPublisher(kafka_settings(settings)))
        storage = await stack.enter_async_context(_storage(settings))
        await run.all(targets, Eraser(scores, tags, now=_now, clock=settings.clock), storage, tick=tick)
    remains = await topic_remains.find(kafka_connection(settings), run.published, at=_now())
    state = ReceiptState.BEGUN if run.refused else ReceiptState.FINISHED
    update = {"images": tuple(run.lines), "topics": remains, "finished_at": _now(), "state": state}
    update["waiting"] = await _waiting(settings)
    receipt = draft.model_copy(update=update).with_earlier(draft).signed()
    if file:
        erasure_receipt.keep(file, receipt)
    return ErasureResult(receipt, tuple(run.standing), data, tuple(run.refused))


async def _waiting(settings: Settings) -> int:
    """Uploads that are not in the store yet, at most."""
    found = 0
    for topic in (topics.UPLOADED, topics.RETRY):
        async with LaneProgress(kafka_connection(settings), topic, settings.kafka.group) as lane:
            found += await lane.left()
    return found


async def _require_index(settings: Settings) -> None:
    """Among 500 million heads an uploader's are not found without it."""
    indexes = await store_indexes.read(settings.store, applies=False)
    wanted = [each for each in indexes.found if each.index in OF_UPLOADER]
    missing = [each.index.name for each in wanted if each.standing is not IndexState.THERE]
    if missing:
        named = ", ".join(missing)
        raise ConfigurationError(
            f"the store lacks indexes to find an uploader by ({named}): run `tagstream store apply`"
        )


@dataclass(frozen=True, slots=True)
class _Storage:
    """What of the images is in storage."""

    objects: ImageObjects
    renditions: ImageRenditions


class _Run:
    """One run over many images, and what came of it."""

    def __init__(self, request: ErasureRequest) -> None:
        self._request = request
        self.lines: list[ImageLine] = []
        self.standing: list[Location] = []
        self.refused: list[str] = []
        self.published: set[str] = set()

    async def all(
        self, targets: tuple[ErasureTarget, ...], eraser: Eraser, storage: _Storage, *, tick: Tick
    ) -> None:
        """Erase all of them, several at once."""

        async def one(target: ErasureTarget) -> None:
            await self._one(target, eraser, storage)
            tick("erasing", len(self.lines), len(targets))

        await gather_bounded(targets, one, at_once=AT_ONCE)

    async def rehearse(self, targets: tuple[ErasureTarget, ...], storage: _Storage, *, tick: Tick) -> None:
        """Look only."""

        async def one(target: ErasureTarget) -> None:
            seen = await storage.objects.look(target)
            small = (await storage.renditions.look(target)).count
            self.standing += seen.standing
            outcome = ALREADY if target.is_erased else PLANNED
            self.lines.append(_line(target, outcome, seen, renditions=small))
            tick("looking at objects", len(self.lines), len(targets))

        await gather_bounded(targets, one, at_once=AT_ONCE)

    async def _one(self, target: ErasureTarget, eraser: Eraser, storage: _Storage) -> None:
        seen = await (storage.objects.delete if self._request.objects else storage.objects.look)(target)
        self.standing += seen.standing
        if self._request.objects and seen.why:  # its address is in the head: that stays for the next run
            self._refuse(target, seen, f"its object cannot be deleted: {seen.why}")
            return
        small = await storage.renditions.delete(target)
        if small.why:  # and so is what it is called by
            self._refuse(target, seen, f"its rendition cannot be deleted: {small.why}")
            return
        done = await eraser.erase(target.image_id, uploader_id=self._request.uploader_id)
        later = await storage.renditions.delete(target)
        if later.why:
            self.refused.append(f"{target.image_id}: a rendition may stand: {later.why}")
        self.published |= done.events.keys()
        renditions = small.count + later.count
        self.lines.append(_line(target, str(done.outcome), seen, done, renditions=renditions))

    def _refuse(self, target: ErasureTarget, seen: ErasedObjects, why: str) -> None:
        self.refused.append(f"{target.image_id}: {why}")
        self.lines.append(_line(target, FAILED, seen))


def _begun(request: ErasureRequest, targets: tuple[ErasureTarget, ...]) -> Receipt:
    return Receipt(
        state=ReceiptState.BEGUN,
        run_by=request.by or current_user(),
        begun_at=_now(),
        uploader=hashed(request.uploader_id) if request.uploader_id else None,
        images=tuple(ImageLine(image=hashed(each.image_id), outcome=BEGUN) for each in targets),
    )


def _line(
    target: ErasureTarget,
    outcome: str,
    seen: ErasedObjects,
    done: ErasedImage | None = None,
    *,
    renditions: int = 0,
) -> ImageLine:
    facts = {
        "image": hashed(target.image_id),
        "outcome": outcome,
        "versions_deleted": seen.deleted,
        "versions_standing": seen.left,
        "renditions": renditions,
    }
    if done:
        facts |= {
            "erased_at": done.erased_at,
            "scores": done.purged.scores,
            "statements": done.purged.statements,
            "events": dict(done.events),
        }
    return ImageLine.model_validate(facts)


@asynccontextmanager
async def _store(settings: Settings) -> AsyncIterator[ScoreStore]:
    if not store.is_here(settings.store):
        raise ConfigurationError(f"{blamed(settings.store)}: there is no store at {settings.store.path}")
    async with store.open_store(settings.store) as scores:
        yield scores


@asynccontextmanager
async def _storage(settings: Settings) -> AsyncIterator[_Storage]:
    """Storage, or why it cannot be asked: that holds up no erasure of what is not to be deleted there."""
    ours, place = s3_settings(settings), settings.renditions.place
    async with AsyncExitStack() as stack:
        objects, why = await _opened(S3Versions(ours), stack)
        if place is None:
            yield _Storage(ImageObjects(objects, why), ImageRenditions(None))
            return
        small, why_small = await _opened(S3Versions(renditions_settings(place, ours)), stack)
        yield _Storage(ImageObjects(objects, why), ImageRenditions(place, small, why_small))


async def _opened(versions: S3Versions, stack: AsyncExitStack) -> tuple[S3Versions | None, str]:
    try:
        return await stack.enter_async_context(versions), ""
    except TagstreamError as error:
        return None, str(error)
