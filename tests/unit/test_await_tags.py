"""What becomes of an upload is told once, whichever of its ends comes first."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing

import pytest

from operations.await_tags import AwaitTags, DeadLettered, End, TagsAnnounced, Unknown
from schemas.errors import Unavailable
from schemas.records import ImageHead, Kept
from schemas.uploads import ImageUploaded
from streams.adapters.memory import MemoryScores
from streams.message import Message
from tests.unit.cli_builders import NOW, deferred, head, letter, upload


async def _none() -> AsyncIterator[Message]:
    await asyncio.Event().wait()
    yield letter().message  # pragma: no cover - nothing ever comes


async def _one(message: Message) -> AsyncIterator[Message]:
    yield message
    await asyncio.Event().wait()


async def _store(*heads: ImageHead) -> MemoryScores:
    store = MemoryScores()
    for each in heads:
        await _keep(store, each)
    return store


async def _keep(store: MemoryScores, kept: ImageHead) -> None:
    await store.apply(kept.image_id, lambda _: Kept(head=kept))


async def _ends(vigil: AwaitTags, uploads: Sequence[ImageUploaded], *, seconds: float) -> dict[str, End]:
    async with aclosing(vigil.ends(uploads, seconds=seconds)) as ends:
        return {sent.image_id: end async for sent, end in ends}


async def test_an_upload_ends_when_its_tags_are_announced() -> None:
    sent, store = upload(), await _store(head(upload(), announced=False))
    waiting = asyncio.create_task(_ends(AwaitTags(store, _none()), [sent], seconds=60))
    await asyncio.sleep(0.5)
    assert not waiting.done()
    said = head(sent)
    await _keep(store, said)
    assert await waiting == {sent.image_id: TagsAnnounced(said)}


async def test_the_tags_of_an_earlier_upload_of_the_same_image_are_not_it() -> None:
    sent = upload(minute=1)
    ends = await _ends(AwaitTags(await _store(head(upload(minute=0))), _none()), [sent], seconds=0.5)
    assert ends == {sent.image_id: Unknown(0.5)}


async def test_a_later_upload_of_the_same_image_answers_it_too() -> None:
    later = head(upload(minute=2))
    ends = await _ends(AwaitTags(await _store(later), _none()), [upload(minute=1)], seconds=60)
    assert ends == {later.image_id: TagsAnnounced(later)}


async def test_a_letter_about_the_image_ends_it() -> None:
    sent = upload()
    dead = letter(image_id=sent.image_id, code="undecodable").message
    ends = await _ends(AwaitTags(await _store(), _one(dead)), [sent], seconds=60)
    (end,) = ends.values()
    assert isinstance(end, DeadLettered)
    assert (end.code, end.why) == ("undecodable", "it is not there")
    assert end.document()["letter"]["offset"] == 0


async def test_letters_about_others_are_passed_over() -> None:
    sent = upload()
    ends = await _ends(AwaitTags(await _store(), _one(letter().message)), [sent], seconds=0.5)
    assert ends == {sent.image_id: Unknown(0.5)}


async def test_what_is_put_off_is_told_as_it_comes_and_is_no_end() -> None:
    sent, told = upload(), []
    vigil = AwaitTags(
        await _store(),
        _one(deferred(image_id=sent.image_id)),
        lambda put_off, deferral: told.append((put_off, deferral.words)),
    )
    ends = await _ends(vigil, [sent], seconds=0.5)
    ((put_off, words),) = told
    assert put_off == sent
    assert words.startswith("held aside: suspected, too many are undecodable since ")
    (end,) = ends.values()
    assert isinstance(end, Unknown)
    assert end.document()["deferred"]["suspected_since"] == NOW.isoformat()


async def test_what_is_tried_again_for_itself_alone_is_not_called_suspected() -> None:
    sent, told = upload(), []
    letter_of_it = deferred(code="gone", image_id=sent.image_id, is_suspected=False)
    vigil = AwaitTags(await _store(), _one(letter_of_it), lambda _, deferral: told.append(deferral.words))
    await _ends(vigil, [sent], seconds=0.5)
    assert told[0].startswith("held aside: it is not there; tried again at ")


async def test_a_broker_that_goes_away_meanwhile_is_said() -> None:
    async def away() -> AsyncIterator[Message]:
        raise Unavailable("broker")
        yield letter().message

    with pytest.raises(Unavailable):
        await _ends(AwaitTags(await _store(), away()), [upload()], seconds=60)
