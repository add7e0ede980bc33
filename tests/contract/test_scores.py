"""What every score store does, whichever it is."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas.claims import Claim, Claims
from schemas.errors import UnknownImage
from schemas.records import Content, ImageHead, Kept, PossiblyPublished, Stale
from schemas.tags import Route

from .builders import EPOCH, SECOND_MODEL, announced, head, position, record
from .stores import Place, Scores, at_least, become, counted, place, seen, stale, unchanged
from .test_rescore_jobs import job


async def every_head(scores: Scores) -> list[ImageHead]:
    return list(await scores.scan(limit=1000))


async def test_an_image_that_was_never_scored_has_no_head(scores: Scores) -> None:
    assert await scores.head("img_a") is None
    assert await scores.records("img_a") == ()


async def test_the_change_of_an_unknown_image_is_given_nothing(scores: Scores) -> None:
    given_: list[ImageHead | None] = []
    await scores.apply("img_a", seen(given_, become(head(position(1)))))
    assert given_ == [None]


async def test_the_change_of_a_known_image_is_given_its_head(scores: Scores) -> None:
    given_: list[ImageHead | None] = []
    first, second = head(position(1)), head(position(2))
    await scores.apply("img_a", become(first))
    assert await scores.apply("img_a", seen(given_, become(second))) == Kept(head=second)
    assert given_ == [first]
    assert await scores.head("img_a") == second


def detailed() -> ImageHead:
    """A head with something in every field."""
    plain = head(position(1, sequencer="00A"))
    attributes = {"a.b": "1", "$set": "2", "%2E": "3", "": "4", "\0": "5", "café ☕": "6\0", "p%": "7"}
    claim = Claim(position=plain.position, location=plain.location, attributes=attributes)
    route = Route(topic="t", label="menu", probability=0.5, threshold=0.4, rule="menu >= 0.4")
    more = {
        "claims": Claims.of(claim),
        "content": Content(digest="ab", size=7),
        "judged": plain.verdict,
        "announced": announced(plain),
        "pending": (PossiblyPublished(route=route, restaurant_id="r1"),),
        "revision": 3,
        "flagged_at": EPOCH + timedelta(microseconds=123_456),
    }
    return plain.model_copy(update=more)


async def test_what_is_kept_is_read_back_field_by_field(scores: Scores) -> None:
    kept = detailed()
    said = record(kept).model_copy(update={"seconds": {"fetch.first": 0.1, "$x": 1e-9}})
    assert await scores.apply("img_a", become(kept), said) == Kept(head=kept)
    assert await scores.head("img_a") == kept
    assert await scores.records("img_a") == (said,)


async def test_a_head_that_was_removed_before_it_was_scored_is_kept(scores: Scores) -> None:
    bare = head(position(1)).model_copy(update={"scores": None, "verdict": None, "restaurant_id": None})
    await scores.apply("img_a", become(bare))
    assert await scores.head("img_a") == bare


async def test_a_change_that_keeps_what_is_stored_changes_nothing(scores: Scores) -> None:
    first = head(position(1))
    await scores.apply("img_a", become(first))
    assert await scores.apply("img_a", unchanged) == Kept(head=first)
    assert await every_head(scores) == [first]


async def test_a_stale_change_writes_no_head_but_its_record_joins_the_history(scores: Scores) -> None:
    newer, older = head(position(2)), head(position(1), model=SECOND_MODEL)
    await scores.apply("img_a", become(newer), record(newer))
    assert await scores.apply("img_a", stale, record(older)) == Stale(head=newer)
    assert await scores.head("img_a") == newer
    assert await scores.records("img_a") == (record(newer), record(older))


async def test_the_first_record_of_a_content_and_a_model_stays(scores: Scores) -> None:
    first, again = head(position(1), food=0.9), head(position(1), food=0.8)
    await scores.apply("img_a", become(first), record(first))
    await scores.apply("img_a", become(again), record(again))
    assert await scores.records("img_a") == (record(first),)


async def test_of_two_records_alike_that_come_at_once_one_stays(scores: Scores) -> None:
    offered = [record(head(position(1), food=food / 10)) for food in range(8)]
    first = head(position(1))
    await asyncio.gather(*(scores.apply("img_a", become(first), each) for each in offered))
    (kept,) = await scores.records("img_a")
    assert kept in offered


async def test_the_history_is_ordered_by_content_and_model(scores: Scores) -> None:
    first = head(position(1))
    contents = ("-", "10", "9", "é")
    offered = [record(first).model_copy(update={"content_version": each}) for each in reversed(contents)]
    for each in offered:
        await scores.apply("img_a", become(first), each)
    history = await scores.records("img_a")
    assert [each.content_version for each in history] == list(contents)


async def test_the_history_of_one_image_is_not_that_of_another(scores: Scores) -> None:
    for image in ("img_a", "img_b"):
        one = head(position(1), image=image)
        await scores.apply(image, become(one), record(one))
    assert await scores.records("img_b") == (record(head(position(1), image="img_b")),)


async def test_what_a_change_raises_reaches_its_caller_alone_and_nothing_is_written(scores: Scores) -> None:
    def refuse(_stored: ImageHead | None) -> Kept:
        raise UnknownImage

    first, second = head(position(1)), head(position(1), image="img_b")
    kept, refused = await asyncio.gather(
        scores.apply("img_a", become(first), record(first)),
        scores.apply("img_b", refuse, record(second)),
        return_exceptions=True,
    )
    assert kept == Kept(head=first)
    assert isinstance(refused, UnknownImage)
    assert await every_head(scores) == [first]
    assert await scores.records("img_b") == ()


async def test_heads_are_those_of_the_images_that_are_known(scores: Scores) -> None:
    known = {image: head(position(1), image=image) for image in ("img_a", "img_b", "img_c")}
    for image, each in known.items():
        await scores.apply(image, become(each))
    found = await scores.heads(["img_c", "img_a", "img_z", "img_a"])
    assert found == {image: known[image] for image in ("img_a", "img_c")}
    assert await scores.heads(()) == {}


async def test_heads_of_more_images_than_one_round_takes(scores: Scores) -> None:
    every = {f"img_{number:04}": head(position(1), image=f"img_{number:04}") for number in range(600)}
    await asyncio.gather(*(scores.apply(image, become(each)) for image, each in every.items()))
    assert await scores.heads(every) == every


async def test_a_scan_gives_pages_in_the_order_of_the_image_ids(scores: Scores) -> None:
    images = ["img_10", "img_9", "img_B", "img_a", "img_é"]
    for image in reversed(images):
        await scores.apply(image, become(head(position(1), image=image)))
    pages, after = [], ""
    while page := await scores.scan(after=after, limit=2):
        pages.append([each.image_id for each in page])
        after = page[-1].image_id
    assert pages == [["img_10", "img_9"], ["img_B", "img_a"], ["img_é"]]


async def test_a_scan_of_an_empty_store_is_empty(scores: Scores) -> None:
    assert await scores.scan() == ()


async def test_a_page_of_a_scan_is_as_long_as_was_asked_for(scores: Scores) -> None:
    every = [head(position(1), image=f"img_{number:03}") for number in range(300)]
    await asyncio.gather(*(scores.apply(each.image_id, become(each)) for each in every))
    assert await scores.scan(limit=250) == tuple(every[:250])


async def test_a_hundred_images_kept_at_once_are_all_kept(scores: Scores) -> None:
    every = [head(position(1), image=f"img_{number:03}") for number in range(100)]
    outcomes = await asyncio.gather(
        *(scores.apply(each.image_id, become(each), record(each)) for each in every)
    )
    assert [outcome.head for outcome in outcomes] == every
    assert await every_head(scores) == every


async def test_of_changes_to_one_image_at_once_none_is_lost(scores: Scores) -> None:
    first = head(position(1))
    await asyncio.gather(*(scores.apply("img_a", counted(first)) for _ in range(101)))
    found = await scores.head("img_a")
    assert found is not None
    assert found.revision == 100


async def test_changes_by_two_stores_at_once_are_all_made_once(store_place: Place) -> None:
    first = head(position(1))
    async with store_place.store() as one, store_place.store() as other:

        async def count(store: Scores) -> None:
            for _ in range(25):
                await store.apply("img_a", counted(first))

        await asyncio.gather(*(count(store) for store in (one, one, other, other)))
        for store in (one, other):
            found = await store.head("img_a")
            assert found is not None
            assert found.revision == 99


async def test_each_change_answers_what_it_alone_has_made(store_place: Place) -> None:
    first = head(position(1))
    async with store_place.store() as one, store_place.store() as other:
        made = [store.apply("img_a", counted(first)) for _ in range(20) for store in (one, other)]
        outcomes = await asyncio.gather(*made)
    assert sorted(outcome.head.revision for outcome in outcomes) == list(range(40))


async def test_two_stores_that_meet_a_new_image_agree_on_who_was_first(store_place: Place) -> None:
    async with store_place.store() as one, store_place.store() as other:
        for number in range(20):
            image = f"img_{number}"
            offered = head(position(1), image=image)
            await asyncio.gather(*(store.apply(image, counted(offered)) for store in (one, other)))
            assert await one.head(image) == offered.model_copy(update={"revision": 1})


MOMENTS = (1, 2, 2, 3, 3, 4)
"""Six deliveries of four events: two of them came twice."""


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    order=st.permutations(MOMENTS),
    workers=st.lists(st.integers(0, 1), min_size=6, max_size=6),
    image=st.uuids(),
)
async def test_in_whatever_order_two_workers_deliver_the_newest_event_holds(
    store_place: Place, order: list[int], workers: list[int], image: object
) -> None:
    image_id = str(image)
    async with AsyncExitStack() as stack:
        stores: list[Scores] = [await stack.enter_async_context(store_place.store()) for _ in range(2)]
        offered = [head(position(minute), image=image_id, food=minute / 10) for minute in order]
        delivered = zip(workers, offered, strict=True)
        await asyncio.gather(
            *(stores[worker].apply(image_id, at_least(each), record(each)) for worker, each in delivered)
        )
        newest = head(position(max(MOMENTS)), image=image_id, food=max(MOMENTS) / 10)
        assert [await store.head(image_id) for store in stores] == [newest, newest]


async def test_a_caller_that_is_cancelled_does_not_harm_its_neighbours(scores: Scores) -> None:
    first, second = head(position(1)), head(position(1), image="img_b")
    cancelled = asyncio.ensure_future(scores.apply("img_a", become(first), record(first)))
    neighbour = asyncio.ensure_future(scores.apply("img_b", become(second), record(second)))
    await asyncio.sleep(0)
    cancelled.cancel()
    assert (await neighbour).head == second
    assert await scores.head("img_b") == second


async def test_a_store_that_is_there_answers_a_ping(scores: Scores) -> None:
    await scores.ping()


async def test_calls_that_wait_when_the_store_closes_are_answered_first(store_place: Place) -> None:
    every = [head(position(1), image=f"img_{number}") for number in range(600)]
    async with store_place.store() as store:
        calls = [asyncio.ensure_future(store.apply(each.image_id, become(each))) for each in every]
        reads = [asyncio.ensure_future(store.head("img_0")) for _ in range(3)]
        await asyncio.sleep(0)
    assert [call.result().head for call in calls] == every
    assert all(read.done() and not read.exception() for read in reads)


async def test_a_store_that_was_closed_can_be_opened_again(store_place: Place) -> None:
    store, first = store_place.store(), head(position(1))
    async with store:
        await store.apply("img_a", become(first))
    async with store:
        assert await store.head("img_a") == first


@pytest.mark.parametrize("kind", ["sqlite", "mongo"])
async def test_a_store_that_is_closed_refuses_every_call(kind: str, request: pytest.FixtureRequest) -> None:
    store = place(kind, request).store()
    async with store:
        pass
    calls = (store.head("a"), store.apply("a", unchanged), store.scan(), store.records("a"), store.ping())
    of_statements = (store.keep_statements(()), store.statements(), store.statements_of("a"))
    of_jobs = (store.jobs(), store.job("a"), store.job_states(()), store.create_job(job()))
    answers = await asyncio.gather(*calls, *of_statements, *of_jobs, return_exceptions=True)
    assert [str(answer) for answer in answers] == ["the store is not open"] * 12
    assert all(isinstance(answer, RuntimeError) for answer in answers)
