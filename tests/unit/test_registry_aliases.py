"""Aliases move one at a time, forwards and back, and tell how they came where they are."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.registry import aliases
from model.registry.aliases import Alias, MoveKind, Note
from model.registry.cache import Resolved
from model.registry.contents import Contents
from model.registry.refs import AliasRef
from model.registry.registry import AliasState, Overtaken, Registry
from schemas.errors import ConfigurationError, Unavailable
from schemas.objects import StoredObject
from streams.adapters.objects_memory import MemoryObjects

from .registry_builders import in_memory, version

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
CHAMPION = AliasRef("colours", "champion")


def note(by: str = "anna", **more: object) -> Note:
    return Note.model_validate({"when": NOW, "by": by, **more})


@pytest.fixture(scope="module")
def versions(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Contents]:
    place = tmp_path_factory.mktemp("versions")
    return {name: in_memory(place / name, version(name)) for name in ("v1", "v2", "v3")}


async def stocked(versions: dict[str, Contents], objects: MemoryObjects | None = None) -> Registry:
    registry = Registry(objects or MemoryObjects(), where="memory")
    for each in versions.values():
        await registry.publish(each)
    return registry


def to(versions: dict[str, Contents], name: str) -> Resolved:
    return Resolved(version=name, digest=versions[name].digest)


async def promote(registry: Registry, versions: dict[str, Contents], name: str, by: str = "anna") -> Alias:
    seen = await registry.alias_state(CHAMPION)
    return await registry.promote(CHAMPION, to(versions, name), seen=seen, note=note(by))


async def test_an_alias_points_where_it_was_moved_and_pins_the_manifest(
    versions: dict[str, Contents],
) -> None:
    registry = await stocked(versions)
    await promote(registry, versions, "v1")
    assert await registry.resolve(CHAMPION) == to(versions, "v1")
    moved = await promote(registry, versions, "v2", by="ben")
    assert (moved.last.came_from, moved.last.to, moved.last.by) == ("v1", "v2", "ben")
    (entry,) = (each for each in await registry.versions("colours") if each.aliases)
    assert (entry.ref.version, entry.aliases) == ("v2", ("champion",))


async def test_an_alias_that_nobody_made_is_said_with_how_to_make_it(versions: dict[str, Contents]) -> None:
    with pytest.raises(ConfigurationError, match="tagstream model promote colours/VERSION --alias champion"):
        await (await stocked(versions)).resolve(CHAMPION)


async def test_a_version_that_was_replaced_since_it_was_judged_is_not_promoted(
    versions: dict[str, Contents],
) -> None:
    registry = await stocked(versions)
    judged = Resolved(version="v1", digest="0" * 64)
    with pytest.raises(ConfigurationError, match="not the manifest that was promoted or fetched"):
        await registry.promote(CHAMPION, judged, seen=None, note=note())


async def test_of_two_promoters_at_once_one_wins_and_the_other_is_told_who_and_what_to_do(
    versions: dict[str, Contents],
) -> None:
    registry = await stocked(versions)
    await promote(registry, versions, "v1")
    seen = await registry.alias_state(CHAMPION)
    first = registry.promote(CHAMPION, to(versions, "v2"), seen=seen, note=note("ben"))
    second = registry.promote(CHAMPION, to(versions, "v3"), seen=seen, note=note("cleo"))
    ended = await asyncio.gather(first, second, return_exceptions=True)
    (won,) = (each for each in ended if isinstance(each, Alias))
    (lost,) = (each for each in ended if isinstance(each, Overtaken))
    assert (await registry.resolve(CHAMPION)).version == won.version
    assert f"{won.last.by} moved it from v1 to {won.version} at 2026-05-01 12:00:00 UTC" in str(lost)
    assert "Run the command again" in str(lost)


async def test_of_two_who_make_an_alias_at_once_one_wins(versions: dict[str, Contents]) -> None:
    registry = await stocked(versions)
    moves = [registry.promote(CHAMPION, to(versions, name), seen=None, note=note()) for name in ("v1", "v2")]
    ended = await asyncio.gather(*moves, return_exceptions=True)
    assert sorted(type(each).__name__ for each in ended) == ["Alias", "Overtaken"]


class LosesAnswers(MemoryObjects):
    """What is put on an alias arrives, and its client, told nothing, asks again by itself."""

    async def put_if_match(self, key: str, data: bytes, *, etag: str) -> bool:
        await super().put_if_match(key, data, etag=etag)
        return await super().put_if_match(key, data, etag=etag)


async def test_a_move_whose_answer_was_lost_is_no_defeat(versions: dict[str, Contents]) -> None:
    registry = await stocked(versions, LosesAnswers())
    await promote(registry, versions, "v1")
    assert (await promote(registry, versions, "v2")).version == "v2"
    assert len((await _alias(registry)).history) == 2


async def test_a_rollback_goes_to_the_version_before_and_again_further_back(
    versions: dict[str, Contents],
) -> None:
    registry = await stocked(versions)
    for name in ("v1", "v2", "v3"):
        await promote(registry, versions, name)
    assert (await registry.rollback(CHAMPION, note=note())).version == "v2"
    last = await registry.rollback(CHAMPION, note=note("ben", reason="it is worse"))
    assert last.version == "v1"
    assert (last.last.kind, last.last.by, last.last.reason) == (MoveKind.ROLLBACK, "ben", "it is worse")
    assert [move.to for move in last.history] == ["v1", "v2", "v3", "v2", "v1"]
    with pytest.raises(ConfigurationError, match="no version before v1"):
        await registry.rollback(CHAMPION, note=note())


async def test_after_a_rollback_and_a_promotion_the_way_back_leads_past_what_was_rolled_back(
    versions: dict[str, Contents],
) -> None:
    registry = await stocked(versions)
    for name in ("v1", "v2"):
        await promote(registry, versions, name)
    await registry.rollback(CHAMPION, note=note())
    await promote(registry, versions, "v3")
    assert (await registry.rollback(CHAMPION, note=note())).version == "v1"


async def test_nothing_is_rolled_back_where_there_is_no_alias_or_its_version_was_replaced(
    versions: dict[str, Contents],
) -> None:
    objects = MemoryObjects()
    registry = await stocked(versions, objects)
    with pytest.raises(ConfigurationError, match="nothing to roll back"):
        await registry.rollback(CHAMPION, note=note())
    for name in ("v1", "v2"):
        await promote(registry, versions, name)
    objects.objects["colours/v1/manifest.json"] = versions["v2"].files["manifest.json"]
    with pytest.raises(ConfigurationError, match="not the manifest that was promoted"):
        await registry.rollback(CHAMPION, note=note())
    assert (await registry.resolve(CHAMPION)).version == "v2"


async def test_a_damaged_alias_is_refused_in_words(versions: dict[str, Contents]) -> None:
    objects = MemoryObjects()
    registry = await stocked(versions, objects)
    moved = await promote(registry, versions, "v1")
    turned = moved.model_copy(update={"version": "v2"})
    for damage in (b"{", b"[]", aliases.dumped(turned)):
        objects.objects[CHAMPION.key] = damage
        with pytest.raises(ConfigurationError, match=r"champion\.json: not an alias of ours"):
            await registry.resolve(CHAMPION)


def test_an_alias_is_stored_as_it_is_read(versions: dict[str, Contents]) -> None:
    made = aliases.promoted(
        None, "v1", versions["v1"].digest, note(reason="first", gate={"verdict": "passed"})
    )
    assert aliases.parsed(aliases.dumped(made), where="-") == made
    assert b'"from": null' in aliases.dumped(made)


class Shuffled(MemoryObjects):
    """Each call waits for as many turns of the loop as the drawn numbers say."""

    def __init__(self, turns: list[int]) -> None:
        super().__init__()
        self.turns = turns

    async def _answer(self, asked: str) -> None:
        await super()._answer(asked)
        for _ in range(self.turns.pop() if self.turns else 0):
            await asyncio.sleep(0)

    async def get(self, key: str) -> StoredObject | None:
        found = await super().get(key)
        await self._answer("answer")  # between an answer and who waits for it others work as well
        return found


@settings(max_examples=40)
@given(
    moves=st.lists(st.sampled_from(["v1", "v2", "v3", "back"]), min_size=2, max_size=12),
    turns=st.lists(st.integers(0, 5), max_size=300),
)
def test_however_many_move_an_alias_at_once_its_history_is_one_chain_of_those_who_won(
    versions: dict[str, Contents], moves: list[str], turns: list[int]
) -> None:
    async def race() -> tuple[list[str], AliasState | None]:
        objects = Shuffled([])
        registry = await stocked(versions, objects)
        objects.turns = turns
        won: list[str] = []

        async def one(number: int, move: str) -> None:
            moved: Awaitable[Alias] = (
                registry.rollback(CHAMPION, note=note(str(number)))
                if move == "back"
                else promote(registry, versions, move, by=str(number))
            )
            try:
                won.append((await moved).last.by)
            except (Overtaken, ConfigurationError, Unavailable):
                return

        await asyncio.gather(*(one(number, move) for number, move in enumerate(moves)))
        return won, await registry.alias_state(CHAMPION)

    won, standing = asyncio.run(race())
    if standing is None:
        assert won == []
        return
    history = standing.alias.history
    assert sorted(move.by for move in history) == sorted(won)
    assert [move.came_from for move in history] == [None, *(move.to for move in history[:-1])]


async def _alias(registry: Registry) -> Alias:
    standing = await registry.alias_state(CHAMPION)
    assert standing is not None
    return standing.alias
