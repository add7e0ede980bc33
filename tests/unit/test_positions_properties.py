"""The order of one image's events, as a law and not as examples."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Final

from hypothesis import given
from hypothesis import strategies as st

from schemas.uploads import Position

NOON: Final = datetime(2026, 1, 1, 12, tzinfo=UTC)
SEQUENCERS: Final = st.text("019AaFf", min_size=1, max_size=6)


def positions(sequencers: st.SearchStrategy[str | None]) -> st.SearchStrategy[Position]:
    """Places that are often equal in all but one respect, for that is where an order breaks."""
    return st.builds(
        Position,
        uploaded_at=st.integers(0, 2).map(lambda minute: NOON + timedelta(minutes=minute)),
        partition=st.integers(0, 1),
        offset=st.integers(0, 2),
        event_id=st.sampled_from("abc"),
        sequencer=sequencers,
    )


VOICES: Final = st.sampled_from([positions(SEQUENCERS), positions(st.none())])
STORIES: Final = VOICES.flatmap(lambda voice: st.lists(voice, min_size=8, max_size=14))
"""What one voice said of one image."""


def place(position: Position) -> tuple[object, ...]:
    """What tells one delivery of one event from every other."""
    sequencer = (position.sequencer or "").upper().rstrip("0")
    return sequencer, position.uploaded_at, position.partition, position.offset, position.event_id


@given(story=STORIES)
def test_of_two_places_exactly_one_precedes_the_other(story: list[Position]) -> None:
    for one in story:
        for other in story:
            said = one.precedes(other), other.precedes(one)
            assert sum(said) == (place(one) != place(other))


@given(story=STORIES)
def test_what_precedes_what_precedes_a_third_precedes_the_third(story: list[Position]) -> None:
    for first in story:
        for second in filter(first.precedes, story):
            assert all(first.precedes(third) for third in story if second.precedes(third))


@given(story=STORIES)
def test_a_story_has_one_order_whatever_order_it_is_told_in(story: list[Position]) -> None:
    told = sorted(story, key=lambda each: sum(other.precedes(each) for other in story))
    assert not any(later.precedes(earlier) for earlier, later in pairwise(told))


@given(
    one=SEQUENCERS, other=SEQUENCERS | st.integers(0, 6).map(lambda zeros: "0" * zeros), extends=st.booleans()
)
def test_sequencers_compare_as_if_the_shorter_were_padded_with_zeros_on_its_right(
    one: str, other: str, *, extends: bool
) -> None:
    other = one + other if extends or not other else other
    width = max(len(one), len(other))
    mine, others = one.upper().ljust(width, "0"), other.upper().ljust(width, "0")
    first = Position(uploaded_at=NOON, partition=0, offset=0, event_id="a", sequencer=one)
    second = Position(uploaded_at=NOON, partition=0, offset=0, event_id="a", sequencer=other)
    assert first.precedes(second) == (mine < others)
