"""What every score store does for an erasure: whose images they are, and that nothing stays or comes back."""

from __future__ import annotations

import asyncio

from agents.erasure import erased
from agents.transitions import acknowledged
from schemas.claims import Claim, Claims
from schemas.records import ImageHead, Kept, Stale
from streams.ports import Purged

from .builders import EPOCH, LOCATION, SECOND_MODEL, head, position, record, statement
from .stores import Place, Scores, become, stale


def owned(image: str, *, storage: str | None = None, producer: str | None = None) -> ImageHead:
    """The head of an image of which the voices name these uploaders."""
    said = (("0A", storage), (None, producer))
    claims = [
        Claim(
            position=position(1, event=f"e{number}", sequencer=sequencer), location=LOCATION, uploader_id=who
        )
        for number, (sequencer, who) in enumerate(said)
        if who
    ]
    return head(position(1), image=image).model_copy(update={"claims": Claims.of(*claims)})


async def keep(scores: Scores, *heads: ImageHead) -> None:
    await asyncio.gather(*(scores.apply(each.image_id, become(each)) for each in heads))


async def test_an_uploaders_images_are_found_by_what_either_voice_says(scores: Scores) -> None:
    mine = (
        owned("img_a", storage="u1"),
        owned("img_b", producer="u1"),
        owned("img_c", storage="u2", producer="u1"),
        owned("img_d", storage="u1", producer="u1"),
    )
    await keep(scores, *mine, owned("img_e", storage="u2", producer="u12"), head(position(1), image="img_f"))
    assert await scores.of_uploader("u1") == mine
    assert await scores.of_uploader("nobody") == ()
    assert await scores.of_uploader("") == ()


async def test_an_uploaders_images_come_in_pages_by_image_id(scores: Scores) -> None:
    mine = [owned(f"img_{number:02}", storage="u1", producer="u1") for number in range(25)]
    await keep(scores, *mine, *(owned(f"img_{number:02}x", producer="u2") for number in range(25)))
    pages, after = [], ""
    while page := await scores.of_uploader("u1", after=after, limit=10):
        pages.append(len(page))
        after = page[-1].image_id
    assert pages == [10, 10, 5]


async def test_an_uploader_is_found_whatever_the_id_is_made_of(scores: Scores) -> None:
    names = ("a.b", "$where", "o'neill", "é☕", "{}", "0")
    await keep(scores, *(owned(f"img_{number}", producer=name) for number, name in enumerate(names)))
    found = [[each.image_id for each in await scores.of_uploader(name)] for name in names]
    assert found == [[f"img_{number}"] for number in range(len(names))]


async def test_an_erased_image_is_nobodys_but_whose_erasure_is_not_announced_yet(scores: Scores) -> None:
    await keep(scores, owned("img_a", producer="u1"), owned("img_b", producer="u1"))
    await scores.apply("img_a", erased("img_a", at=EPOCH, uploader_id="u1"))
    await scores.apply("img_b", erased("img_b", at=EPOCH))
    assert [each.image_id for each in await scores.of_uploader("u1")] == ["img_a"]


async def test_an_erasure_is_unfinished_until_its_withdrawal_is_acknowledged(scores: Scores) -> None:
    await keep(scores, owned("img_a", producer="u1"), owned("img_b", producer="u1"))
    assert await scores.unfinished_erasures() == ()
    for image in ("img_a", "img_b"):
        gone = (await scores.apply(image, erased(image, at=EPOCH))).head
    assert {each.image_id for each in await scores.unfinished_erasures()} == {"img_a", "img_b"}
    assert len(await scores.unfinished_erasures(limit=1)) == 1
    await scores.apply("img_b", acknowledged(gone))
    assert [each.image_id for each in await scores.unfinished_erasures()] == ["img_a"]


async def test_an_erased_head_is_read_back_field_by_field(scores: Scores) -> None:
    await keep(scores, owned("img_a", storage="u1"))
    kept = await scores.apply("img_a", erased("img_a", at=EPOCH, uploader_id="u1"))
    assert kept.head.is_erased
    assert await scores.head("img_a") == kept.head


async def test_a_purge_deletes_the_history_of_an_erased_image_and_of_no_other(scores: Scores) -> None:
    for image in ("img_a", "img_b"):
        for model in (head(position(1), image=image), head(position(1), image=image, model=SECOND_MODEL)):
            await scores.apply(image, become(model), record(model))
    assert await scores.purge("img_a") == Purged()
    await scores.apply("img_a", erased("img_a", at=position(2).uploaded_at))
    assert await scores.purge("img_a") == Purged(scores=2)
    assert await scores.purge("img_a") == Purged()
    assert await scores.records("img_a") == ()
    assert len(await scores.records("img_b")) == 2
    assert await scores.purge("img_nobody") == Purged()


async def test_statements_of_what_was_erased_stay_without_place_and_bytes(scores: Scores) -> None:
    names = {"restaurant_id": "r1", "content_digest": "ab"}
    mine, other, later = (
        statement(minute, puid=f"{image}-{minute}", image=image).model_copy(update=names)
        for minute, image in ((1, "img_a"), (1, "img_b"), (3, "img_a"))
    )
    await scores.keep_statements([mine, other, later])
    await scores.apply("img_a", erased("img_a", at=position(2).uploaded_at))
    assert await scores.purge("img_a") == Purged(statements=1)
    assert await scores.purge("img_a") == Purged()
    bare = mine.model_copy(update={"restaurant_id": None, "content_digest": None})
    assert await scores.statements_of("img_a") == (bare, later)
    assert await scores.statements_of("img_b") == (other,)
    assert {each.puid for each in await scores.statements()} == {mine.puid, other.puid, later.puid}


async def test_no_record_of_what_was_erased_joins_the_history_again(scores: Scores) -> None:
    first = head(position(1))
    await scores.apply("img_a", become(first), record(first))
    await scores.apply("img_a", erased("img_a", at=position(2).uploaded_at))
    await scores.purge("img_a")
    assert isinstance(await scores.apply("img_a", stale, record(first)), Stale)
    assert await scores.records("img_a") == ()


async def test_the_record_of_a_later_photograph_joins_the_history_and_no_purge_takes_it(
    scores: Scores,
) -> None:
    first, later = head(position(1)), head(position(3), food=0.7)
    await scores.apply("img_a", become(first), record(first))
    gone = (await scores.apply("img_a", erased("img_a", at=position(2).uploaded_at))).head
    await scores.purge("img_a")
    await scores.apply("img_a", become(later.model_copy(update={"erased": gone.erased})), record(later))
    await scores.purge("img_a")
    assert await scores.records("img_a") == (record(later),)
    await scores.apply("img_a", stale, record(head(position(1), model=SECOND_MODEL)))
    assert await scores.records("img_a") == (record(later),)


async def test_writers_that_race_with_an_erasure_leave_a_tombstone_and_after_a_purge_no_record(
    store_place: Place,
) -> None:
    def at_least(new: ImageHead) -> object:
        def change(stored: ImageHead | None) -> Kept | Stale:
            if stored and stored.refuses(new.position):
                return Stale(head=stored)
            return Kept(head=new)

        return change

    async with store_place.store() as one, store_place.store() as other:
        for number in range(10):
            image = f"img_{number}"
            offered = head(position(1), image=image)
            said = [record(offered).model_copy(update={"content_version": str(each)}) for each in range(6)]
            await asyncio.gather(
                *(one.apply(image, at_least(offered), each) for each in said[:3]),  # type: ignore[arg-type]
                other.apply(image, erased(image, at=position(2).uploaded_at)),
                *(other.apply(image, at_least(offered), each) for each in said[3:]),  # type: ignore[arg-type]
            )
            kept = await one.head(image)
            assert kept is not None
            assert kept.is_erased
            await one.purge(image)
            assert await other.records(image) == ()
