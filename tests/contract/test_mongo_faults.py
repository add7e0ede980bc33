"""What becomes of a call when MongoDB is away, or somebody else writes between our read and our write."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator
from typing import Any

import bson.errors
import pymongo.errors
import pytest
from pymongo.errors import BulkWriteError

from agents.testing import FakeTagger
from agents.transitions import Scoring, Transitions
from schemas.claims import Claim
from schemas.errors import Unavailable
from schemas.records import Content, ImageHead
from schemas.tags import Scores
from streams.adapters.mongo import errors as mongo_errors
from streams.adapters.mongo.settings import MongoSettings
from streams.adapters.mongo.store import TRIES, MongoScores
from streams.ports import Change

from .builders import EPOCH, FIRST_MODEL, LOCATION, head, position, record
from .mongo_proxy import Fault, MongoProxy, cut, forever
from .mongo_server import MongoWireServer
from .stores import become, counted, mongo_settings, seen


@pytest.fixture
async def proxy(mongo: MongoWireServer) -> AsyncIterator[MongoProxy]:
    async with MongoProxy(mongo.port) as between:
        yield between


@pytest.fixture
def behind(proxy: MongoProxy) -> MongoSettings:
    """The database as it is reached through the proxy."""
    return mongo_settings(proxy.url)


@pytest.fixture
async def scores(behind: MongoSettings) -> AsyncIterator[MongoScores]:
    async with MongoScores(behind) as store:
        yield store


@pytest.fixture
async def other(mongo: MongoWireServer, behind: MongoSettings) -> AsyncIterator[MongoScores]:
    """Another worker on the same database, whose connections nothing befalls."""
    straight = mongo_settings(mongo.url).model_copy(update={"database": behind.database})
    async with MongoScores(straight) as store:
        yield store


def scored() -> Change:
    """What the pipeline does to the head of an image that it has scored."""
    claim = Claim(position=position(1), location=LOCATION, restaurant_id="r1")
    probabilities = {"food": 0.9, "menu": 0.95, "human": 0.1, "ambiance": 0.2}
    scores = Scores(probabilities=probabilities, model=FIRST_MODEL)
    heads = Transitions(image_id="img_a", rules=FakeTagger(), now=EPOCH)
    return heads.scored(Scoring(claim, scores, Content(digest="ab", size=7)))


BEFORE, AFTER = Fault(before=cut), Fault(after=cut)


@pytest.mark.parametrize("command", ["update scores", "update images"])
@pytest.mark.parametrize("fault", [BEFORE, AFTER], ids=["before", "after"])
async def test_a_call_whose_connection_breaks_is_unavailable_and_trying_again_makes_its_change_once(
    scores: MongoScores, proxy: MongoProxy, command: str, fault: Fault
) -> None:
    proxy.strike(command, fault)
    said = record(head(position(1)))
    with pytest.raises(Unavailable) as caught:
        await scores.apply("img_a", scored(), said)
    assert caught.value.dependency == "store"
    outcome = await scores.apply("img_a", scored(), said)
    assert outcome == scored()(None)
    assert await scores.head("img_a") == outcome.head
    assert await scores.records("img_a") == (said,)


async def test_what_was_written_before_its_answer_was_lost_is_kept_and_not_written_again(
    scores: MongoScores, other: MongoScores, proxy: MongoProxy
) -> None:
    proxy.strike("update images", AFTER)
    with pytest.raises(Unavailable):
        await scores.apply("img_a", scored())
    assert await other.head("img_a") == scored()(None).head
    await scores.apply("img_a", scored())
    assert proxy.commands["update images"] == 1


async def test_a_read_whose_connection_breaks_is_tried_again_by_the_driver(
    scores: MongoScores, proxy: MongoProxy
) -> None:
    proxy.strike("find images", BEFORE)
    assert await scores.head("img_a") is None
    assert proxy.commands["find images"] == 2


async def test_a_server_that_never_answers_is_unavailable_at_the_limit(
    proxy: MongoProxy, behind: MongoSettings
) -> None:
    async with MongoScores(behind.model_copy(update={"timeout": 0.5})) as scores:
        await scores.ping()
        proxy.strike("find images", Fault(after=forever), times=10)
        with pytest.raises(Unavailable):
            await scores.head("img_a")


async def test_nobody_at_the_address_is_unavailable_until_somebody_is(mongo: MongoWireServer) -> None:
    async with MongoProxy(mongo.port) as gone:
        pass
    async with MongoScores(mongo_settings(gone.url, seconds=0.3)) as scores:
        with pytest.raises(Unavailable, match="refused"):
            await scores.ping()


@pytest.mark.parametrize("url", ["mongodb://nowhere.invalid", "mongodb+srv://cluster.nowhere.invalid"])
async def test_a_host_that_does_not_resolve_is_unavailable(url: str) -> None:
    async with MongoScores(mongo_settings(url, seconds=0.3)) as scores:
        with pytest.raises(Unavailable):
            await scores.ping()


async def test_refused_credentials_are_unavailable_and_the_password_is_not_told(
    mongo: MongoWireServer,
) -> None:
    url = f"mongodb://me:hush@127.0.0.1:{mongo.port}"
    async with MongoScores(mongo_settings(url, seconds=1)) as scores:
        with pytest.raises(Unavailable) as caught:
            await scores.ping()
    assert "hush" not in str(caught.value)


async def test_a_head_that_somebody_wrote_after_we_read_it_is_changed_anew(
    scores: MongoScores, other: MongoScores, proxy: MongoProxy
) -> None:
    first, second, third = (head(position(minute)) for minute in (1, 2, 3))
    given: list[ImageHead | None] = []
    await scores.apply("img_a", become(first))
    proxy.strike("update images", Fault(before=lambda: write(other, "img_a", become(second))))
    assert (await scores.apply("img_a", seen(given, become(third)))).head == third
    assert given == [first, second]


async def test_a_new_image_that_somebody_else_inserted_first_is_changed_anew(
    scores: MongoScores, other: MongoScores, proxy: MongoProxy
) -> None:
    first, second = head(position(1)), head(position(2))
    given: list[ImageHead | None] = []
    proxy.strike("update images", Fault(before=lambda: write(other, "img_a", become(first))))
    assert (await scores.apply("img_a", seen(given, become(second)))).head == second
    assert given == [None, first]


async def test_of_a_round_only_the_images_that_others_wrote_are_changed_anew(
    scores: MongoScores, other: MongoScores, proxy: MongoProxy
) -> None:
    """Others write one image before our write and another one after it: the second has ours below."""
    first = {image: head(position(1), image=image) for image in ("img_a", "img_b", "img_c")}
    for image, each in first.items():
        await scores.apply(image, become(each))
    between = Fault(
        before=lambda: write(other, "img_a", counted(first["img_a"])),
        after=lambda: write(other, "img_b", counted(first["img_b"])),
    )
    proxy.strike("update images", between)
    given: dict[str, list[ImageHead | None]] = {image: [] for image in first}
    await asyncio.gather(
        *(scores.apply(image, seen(given[image], counted(each))) for image, each in first.items())
    )
    assert {image: len(changes) for image, changes in given.items()} == {
        "img_a": 2,
        "img_b": 1,
        "img_c": 1,
    }
    found = await scores.heads(first)
    assert {image: each.revision for image, each in found.items()} == {"img_a": 2, "img_b": 2, "img_c": 1}


async def test_an_image_that_others_write_all_the_time_is_unavailable_in_the_end(
    scores: MongoScores, other: MongoScores, proxy: MongoProxy
) -> None:
    first = head(position(1))
    await scores.apply("img_a", become(first))
    proxy.strike(
        "update images", Fault(before=lambda: write(other, "img_a", counted(first))), times=TRIES + 1
    )
    with pytest.raises(Unavailable, match="img_a"):
        await scores.apply("img_a", counted(first))
    found = await other.head("img_a")
    assert found is not None
    assert found.revision == TRIES


async def test_a_caller_that_waits_for_another_try_when_the_store_closes_is_answered_first(
    behind: MongoSettings, other: MongoScores, proxy: MongoProxy
) -> None:
    first = head(position(1))
    struck = asyncio.Event()

    async def overtake() -> None:
        await other.apply("img_a", become(first))
        struck.set()

    async with MongoScores(behind) as scores:
        proxy.strike("update images", Fault(before=overtake))
        waiting = asyncio.ensure_future(scores.apply("img_a", counted(first)))
        await struck.wait()
    assert waiting.result().head.revision == 1


def refusal(code: int) -> Fault:
    """The server refuses the first write of a bulk, and makes none."""
    error = {"index": 0, "code": code, "errmsg": "no"}
    return Fault(answer={"ok": 1.0, "n": 0, "nModified": 0, "writeErrors": [error]})


DUPLICATE_KEY, FAILED_VALIDATION = 11000, 121


@pytest.mark.parametrize("command", ["update scores", "update images"])
async def test_a_write_that_the_server_refuses_is_unavailable_until_it_takes_it(
    scores: MongoScores, proxy: MongoProxy, command: str
) -> None:
    first = head(position(1))
    proxy.strike(command, refusal(FAILED_VALIDATION))
    with pytest.raises(Unavailable):
        await scores.apply("img_a", become(first), record(first))
    assert await scores.head("img_a") is None
    assert (await scores.apply("img_a", become(first), record(first))).head == first
    assert await scores.records("img_a") == (record(first),)


async def test_an_image_whose_write_was_not_refused_does_not_hear_of_its_neighbours(
    scores: MongoScores, other: MongoScores, proxy: MongoProxy
) -> None:
    """Only what is not there after a refused bulk was refused: here nobody's record is missing."""
    first = head(position(1))
    await other.apply("img_a", become(first), record(first))
    proxy.strike("update scores", refusal(FAILED_VALIDATION))
    assert (await scores.apply("img_a", become(first), record(first))).head == first


async def test_an_insert_that_the_server_finds_a_duplicate_is_a_lost_race(
    scores: MongoScores, proxy: MongoProxy
) -> None:
    first = head(position(1))
    given: list[ImageHead | None] = []
    proxy.strike("update images", refusal(DUPLICATE_KEY))
    assert (await scores.apply("img_a", seen(given, become(first)))).head == first
    assert given == [None, None]


NOT_PRIMARY = {"ok": 0.0, "code": 10107, "codeName": "NotWritablePrimary", "errmsg": "not primary"}
NOT_ALLOWED = {"ok": 0.0, "code": 13, "codeName": "Unauthorized", "errmsg": "not authorized"}
TOO_BUSY = {"ok": 0.0, "code": 462, "codeName": "IngressRequestRateLimitExceeded", "errmsg": "busy"}


@pytest.mark.parametrize(
    "answer", [NOT_PRIMARY, NOT_ALLOWED, TOO_BUSY], ids=lambda answer: answer["codeName"]
)
async def test_a_server_that_takes_no_writes_now_is_unavailable_until_it_does(
    scores: MongoScores, proxy: MongoProxy, answer: dict[str, Any]
) -> None:
    first = head(position(1))
    proxy.strike("update images", Fault(answer=answer))
    with pytest.raises(Unavailable, match=answer["errmsg"]):
        await scores.apply("img_a", become(first))
    assert (await scores.apply("img_a", become(first))).head == first


async def write(store: MongoScores, image_id: str, change: Change) -> None:
    await store.apply(image_id, change)


def bulk(*codes: int, concern: bool = False) -> BulkWriteError:
    errors = [{"index": number, "code": code} for number, code in enumerate(codes)]
    return BulkWriteError({"writeErrors": errors, "writeConcernErrors": [{"code": 64}] if concern else []})


def test_duplicate_keys_and_nothing_else_are_a_lost_race() -> None:
    assert mongo_errors.is_lost_race(bulk(11000, 11000))
    assert not mongo_errors.is_lost_race(bulk(11000, 121))
    assert not mongo_errors.is_lost_race(bulk(11000, concern=True))


def exceptions(*modules: Any) -> list[type[Exception]]:
    found = (kind for module in modules for _, kind in inspect.getmembers(module, inspect.isclass))
    return sorted({kind for kind in found if issubclass(kind, Exception)}, key=lambda kind: kind.__name__)


FOREIGN = [
    kind
    for kind in exceptions(pymongo.errors, bson.errors)
    if not issubclass(kind, Warning) and kind.__module__.startswith(("pymongo", "bson"))
]


def test_there_are_foreign_exceptions_to_walk() -> None:
    assert len(FOREIGN) > 25


@pytest.mark.parametrize("kind", FOREIGN)
async def test_no_foreign_exception_leaks(kind: type[Exception], mongo: MongoWireServer) -> None:
    async with MongoScores(mongo_settings(mongo.url)) as scores:
        with pytest.raises(Unavailable) as caught:
            async with scores._database():
                raise kind.__new__(kind)
    assert caught.value.dependency == "store"
