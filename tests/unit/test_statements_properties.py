"""Whoever dies, overtakes or repeats: each statement is in the store once, and on the topic as there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas import topics
from schemas.errors import Unavailable
from schemas.events import Announcement
from schemas.records import ImageHead, State
from schemas.statements import DecisionVisibility, StatementKind, StatementOfReasons
from streams.adapters.memory import MemoryTags
from streams.message import Message

from .straight_path import (
    BOUNDARIES,
    HALFWAY,
    Crash,
    Faults,
    World,
    decision_message,
    message_of,
    upload_of,
)

HIDE, RESTORE, DECISION = StatementKind.HIDE, StatementKind.RESTORE, StatementKind.DECISION
IMAGE = upload_of().image_id
SEEN = ("menu=0.9", "menu=0.6 food=0.9", "food=0.9", "human=0.9", "food=0.5", "broken")
ACTIONS = ("approve", "reject", "revoke")


@dataclass(frozen=True)
class Step:
    """An upload of what is seen, or a decision, in a minute of its own."""

    minute: int
    said: str

    def message(self, offset: int) -> Message:
        if self.said in ACTIONS:
            return decision_message(IMAGE, self.said, minute=self.minute, offset=offset)
        return message_of(upload_of(minute=self.minute), offset=offset)


@st.composite
def histories(draw: st.DrawFn) -> list[Step]:
    """An upload, and what comes after it."""
    words = draw(st.lists(st.sampled_from((*SEEN, *ACTIONS)), max_size=6))
    return [Step(minute, said) for minute, said in enumerate([draw(st.sampled_from(SEEN[:-1])), *words])]


BOUNDARY = st.sampled_from((*BOUNDARIES, HALFWAY))


@settings(max_examples=150, deadline=None)
@given(history=histories(), deaths=st.lists(st.tuples(st.integers(0, 6), BOUNDARY), max_size=4))
async def test_at_whatever_boundary_workers_die_each_statement_is_kept_once_as_in_a_calm_run(
    history: list[Step], deaths: list[tuple[int, tuple[str, str]]]
) -> None:
    messages = [step.message(offset) for offset, step in enumerate(history)]
    calm, faulted = await world_of(history), await world_of(history)
    await calm.deliver(*messages)
    for place, message in enumerate(messages):
        for _, boundary in (each for each in deaths if each[0] == place):
            faulted.faults.boundary = boundary
            await dying(faulted, message)
        faulted.faults.boundary = None
        await faulted.deliver(message)
    assert await kept(faulted) == await kept(calm)
    assert on_topic(faulted) == set(await kept(calm))


@settings(max_examples=100, deadline=None)
@given(history=histories())
async def test_the_last_statement_says_whether_the_photograph_is_hidden(
    history: list[Step],
) -> None:
    world = await world_of(history)
    await world.deliver(*(step.message(offset) for offset, step in enumerate(history)))
    head = await world.head_of(upload_of())
    restricted = False
    for each in sorted(await kept(world), key=lambda each: each.revision):
        restricted = each.decision_visibility == (DecisionVisibility.DISABLED,)
    assert restricted == (head.state is State.HIDDEN)


async def world_of(history: list[Step]) -> World:
    world = World()
    for step in history:
        if step.said not in ACTIONS:
            await world.put(upload_of(minute=step.minute), step.said)
    return world


async def dying(world: World, *messages: Message) -> None:
    try:
        await world.deliver(*messages)
    except Crash:
        return


async def kept(world: World) -> tuple[StatementOfReasons, ...]:
    return await world.scores.statements(limit=1000)


def on_topic(world: World) -> set[StatementOfReasons]:
    """What was said, each once; of one puid nothing else was ever said."""
    said = [each.event for each in world.tags.on(topics.STATEMENTS)]
    return {each for each in said if isinstance(each, StatementOfReasons)}


class Overtaking(MemoryTags):
    """Before the first event goes out another worker works on `message`; it may die once it has kept it."""

    def __init__(self, world: World, message: Message, *, dies: bool) -> None:
        super().__init__()
        self._world = world
        self._message: Message | None = message
        self._dies = dies

    async def announce(self, announcements: Sequence[Announcement]) -> None:
        message, self._message = self._message, None
        if message:
            self._world.faults.boundary = ("keep", "after") if self._dies else None
            await dying(self._world, message)
            self._world.faults.boundary = None
        await super().announce(announcements)


@pytest.mark.parametrize("dies", [False, True], ids=["lives", "dies"])
@pytest.mark.parametrize(
    ("newer", "expected"),
    [
        ("human=0.9", [HIDE, HIDE]),
        ("food=0.9", [HIDE, RESTORE]),
    ],
)
async def test_a_worker_that_is_overtaken_states_what_it_kept_and_so_does_the_other(
    newer: str, expected: list[StatementKind], *, dies: bool
) -> None:
    world = World()
    world.tags = Overtaking(world, message_of(upload_of(minute=2), offset=2), dies=dies)
    await world.put(upload_of(minute=2), newer)
    await world.tag(upload_of(minute=1), "menu=0.9", offset=1)
    assert [each.kind for each in sorted(await kept(world), key=lambda each: each.revision)] == expected
    assert on_topic(world) == set(await kept(world))
    assert (await world.head_of(upload_of())).statements == ()


@pytest.mark.parametrize("dies", [False, True], ids=["lives", "dies"])
async def test_a_decision_between_a_hide_and_its_announcement_is_stated_once(*, dies: bool) -> None:
    world = World()
    word = decision_message(IMAGE, "approve", minute=5)
    world.tags = Overtaking(world, word, dies=dies)
    await world.tag(upload_of(minute=1), "menu=0.9", offset=1)
    await world.deliver(word)
    assert sorted(each.kind for each in await kept(world)) == [DECISION, HIDE, RESTORE]
    assert on_topic(world) == set(await kept(world))


async def test_that_hysteresis_held_what_is_hidden_is_stated() -> None:
    world = World()
    await world.tag(upload_of(minute=1), "menu=0.9", offset=1)
    await world.tag(upload_of(minute=2), "menu=0.6 food=0.9", offset=2)
    _, held = sorted(await kept(world), key=lambda each: each.revision)
    assert held.kind is HIDE
    assert "menu 0.600, threshold 0.7 (menu was announced and is not yet below 0.5)" in held.decision_facts


async def test_a_store_that_is_away_while_a_statement_is_kept_is_waited_for() -> None:
    world = World(Faults(("state", "before"), error=Unavailable("store")))
    await world.tag(upload_of(), "menu=0.9")
    assert [each.kind for each in await kept(world)] == [HIDE]
    head: ImageHead = await world.head_of(upload_of())
    assert head.is_announced
    assert head.statements == ()
