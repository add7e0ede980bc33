"""Erasure of images (GDPR Art. 17): chooses them, erases each, and says what is left where (ADR 21).

In this order, so that whoever is killed in between runs it again and it ends the same: data folders, a draft
of the receipt with what was in them, then image by image the object (where that is asked for), the
renditions, the head, the history and the announcement.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from agents.wiring.backends import kafka_connection
from agents.wiring.settings import Settings
from model.data.gather import gather_bounded
from model.data.progress import Tick, silent
from operations import (
    erasure_data,
    erasure_receipt,
    erasure_targets,
    erasure_world,
    store_indexes,
    topic_remains,
)
from operations.current_user import current_user
from operations.eraser import ErasedImage, ErasureOutcome
from operations.erasure_objects import ErasedObjects
from operations.erasure_receipt import DataLine, ImageLine, Receipt, ReceiptState, hashed
from operations.erasure_targets import ErasureRequest, ErasureTarget
from operations.erasure_world import ErasureStorage, ErasureWorld, now
from schemas.errors import ConfigurationError
from schemas.uploads import Location
from streams.adapters.mongo.index_states import IndexState
from streams.adapters.mongo.indexes import OF_UPLOADER

AT_ONCE: Final = 8
"""Images."""

BEGUN: Final = "begun"
PLANNED: Final = "to be erased"
FAILED: Final = "not erased"
RENDITION_MAY_STAND: Final = "a rendition may stand"
"""Of an image that is erased all the same."""
ALREADY: Final = str(ErasureOutcome.ALREADY)


@dataclass(frozen=True, slots=True)
class RefusedErasure:
    """An image that was not erased, or not wholly."""

    image_id: str
    what: str
    why: str
    """In the words of what is away or refuses."""

    def __str__(self) -> str:
        """For whoever runs it."""
        return f"{self.image_id}: {self.what}: {self.why}"


@dataclass(frozen=True, slots=True)
class ErasureResult:
    """What was done, or would be."""

    receipt: Receipt
    standing: tuple[Location, ...]
    """Objects that storage still has; their addresses stand in no receipt."""
    data: tuple[DataLine, ...] = ()
    """What data folders hold, each picture by its name."""
    refused: tuple[RefusedErasure, ...] = ()
    """Images that were not erased, and why."""


async def choose(settings: Settings, request: ErasureRequest) -> tuple[ErasureTarget, ...]:
    """The images that `request` is about.

    Raises `Gone` for an image that the store does not know, unless such are meant, and `ConfigurationError`
    where there is no store, or no index to find an uploader by.
    """
    if request.uploader_id is not None and settings.store.url is not None:
        await _require_index(settings)
    async with erasure_world.open_store(settings) as scores:
        by_bytes = settings.renditions.place is not None
        return await erasure_targets.choose(scores, request, by_bytes=by_bytes)


async def rehearse(
    settings: Settings, request: ErasureRequest, targets: tuple[ErasureTarget, ...], tick: Tick = silent
) -> ErasureResult:
    """What an erasure would find; nothing is changed."""
    data = erasure_data.search(request.data, erasure_targets.traces(targets), is_dry=True, tick=tick)
    run = _Run(request)
    async with erasure_world.open_storage(settings) as storage:
        await run.rehearse(targets, storage, tick=tick)
    remains = await topic_remains.find(kafka_connection(settings), (), at=now())
    found = {"images": tuple(run.lines), "data": erasure_data.unnamed(data), "topics": remains}
    receipt = _begun(request, targets).model_copy(
        update={**found, "waiting": await erasure_world.waiting(settings)}
    )
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
    async with erasure_world.open_world(settings) as world:
        done = await erase_in(world, request, targets, draft=draft, tick=tick)
    if file:
        erasure_receipt.keep(file, done.receipt)
    return replace(done, data=data)


async def erase_in(
    world: ErasureWorld,
    request: ErasureRequest,
    targets: tuple[ErasureTarget, ...],
    *,
    draft: Receipt | None = None,
    tick: Tick = silent,
) -> ErasureResult:
    """Erase them there; the receipt goes on from `draft`. Raises `Unavailable`, and may be run again."""
    draft = draft or _begun(request, targets)
    run = _Run(request)
    await run.all(targets, world, tick=tick)
    remains = await world.remains(run.published)
    state = ReceiptState.BEGUN if run.refused else ReceiptState.FINISHED
    update = {"images": tuple(run.lines), "topics": remains, "finished_at": now(), "state": state}
    update["waiting"] = await world.waiting()
    receipt = draft.model_copy(update=update).with_earlier(draft).signed()
    return ErasureResult(receipt, tuple(run.standing), refused=tuple(run.refused))


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


class _Run:
    """One run over many images, and what came of it."""

    def __init__(self, request: ErasureRequest) -> None:
        self._request = request
        self.lines: list[ImageLine] = []
        self.standing: list[Location] = []
        self.refused: list[RefusedErasure] = []
        self.published: set[str] = set()

    async def all(self, targets: tuple[ErasureTarget, ...], world: ErasureWorld, *, tick: Tick) -> None:
        """Erase all of them, several at once."""

        async def one(target: ErasureTarget) -> None:
            await self._one(target, world)
            tick("erasing", len(self.lines), len(targets))

        await gather_bounded(targets, one, at_once=AT_ONCE)

    async def rehearse(
        self, targets: tuple[ErasureTarget, ...], storage: ErasureStorage, *, tick: Tick
    ) -> None:
        """Look only."""

        async def one(target: ErasureTarget) -> None:
            seen = await storage.objects.look(target)
            small = (await storage.renditions.look(target)).count
            self.standing += seen.standing
            outcome = ALREADY if target.is_erased else PLANNED
            self.lines.append(_line(target, outcome, seen, renditions=small))
            tick("looking at objects", len(self.lines), len(targets))

        await gather_bounded(targets, one, at_once=AT_ONCE)

    async def _one(self, target: ErasureTarget, world: ErasureWorld) -> None:
        objects, small = world.storage.objects, world.storage.renditions
        seen = await (objects.delete if self._request.objects else objects.look)(target)
        self.standing += seen.standing
        if self._request.objects and seen.why:  # its address is in the head: that stays for the next run
            self._refuse(target, seen, "its object cannot be deleted", seen.why)
            return
        first = await small.delete(target)
        if first.why:  # and so is what it is called by
            self._refuse(target, seen, "its rendition cannot be deleted", first.why)
            return
        done = await world.eraser.erase(target.image_id, uploader_id=self._request.uploader_id)
        later = await small.delete(target)
        if later.why:
            self.refused.append(RefusedErasure(target.image_id, RENDITION_MAY_STAND, later.why))
        self.published |= done.events.keys()
        renditions = first.count + later.count
        self.lines.append(_line(target, str(done.outcome), seen, done, renditions=renditions))

    def _refuse(self, target: ErasureTarget, seen: ErasedObjects, what: str, why: str) -> None:
        self.refused.append(RefusedErasure(target.image_id, what, why))
        self.lines.append(_line(target, FAILED, seen))


def _begun(request: ErasureRequest, targets: tuple[ErasureTarget, ...]) -> Receipt:
    return Receipt(
        state=ReceiptState.BEGUN,
        run_by=request.by or current_user(),
        begun_at=now(),
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
