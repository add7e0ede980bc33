"""A cache in memory is bounded in bytes, and nothing stays in it for ever."""

from __future__ import annotations

import asyncio

from operations.byte_cache import ByteCache


async def test_what_was_asked_for_least_lately_makes_room() -> None:
    cache = ByteCache[str](most=10, seconds=60)
    cache.put("a", b"1234")
    cache.put("b", b"1234")
    assert cache.get("a") == b"1234"
    cache.put("c", b"1234")
    assert [cache.get(key) for key in "abc"] == [b"1234", None, b"1234"]
    assert cache.size == 8


async def test_what_is_put_again_takes_its_room_once_and_what_is_too_large_is_not_kept() -> None:
    cache = ByteCache[str](most=10, seconds=60)
    for _ in range(9):
        cache.put("a", b"1234")
    assert cache.size == 4
    cache.put("b", bytes(11))
    assert (cache.get("b"), cache.size) == (None, 0)


async def test_what_nobody_asks_for_any_more_goes_by_itself() -> None:
    cache = ByteCache[str](most=10, seconds=0.01)
    cache.put("a", b"1234")
    while cache.size:
        await asyncio.sleep(0.001)
    assert cache.get("a") is None


async def test_those_that_are_meant_are_dropped_and_no_others() -> None:
    cache = ByteCache[str](most=10, seconds=60)
    for key in ("a1", "a2", "b1"):
        cache.put(key, b"1")
    cache.drop_where(lambda key: key.startswith("a"))
    cache.drop("never here")
    assert [cache.get(key) for key in ("a1", "a2", "b1")] == [None, None, b"1"]
    assert cache.size == 1
