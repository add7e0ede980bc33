"""The capacity plan: small cases reckoned by hand, what must never fall, and what it says of bad plans."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from operations.capacity_plan import CapacityQuestion, least_workers, plan, replay_rate

ASKED = CapacityQuestion(
    images=7_200_000,
    rate=100.0,
    workers=2,
    share=0.5,
    image_bytes=1000,
    record_bytes=200,
    head_bytes=400,
    message_bytes=300,
    replication=3,
)
BESIDE_LIVE = replace(ASKED, live_per_day=86_400 * 150, peak=1.0)
"""150 a second at all hours: of 200 they leave 50."""


def test_alone_it_takes_its_share_of_the_workers() -> None:
    found = plan(ASKED)
    assert (found.images_per_second, found.hours) == pytest.approx((100.0, 20.0))
    assert found.notes == ()


def test_beside_live_photographs_it_takes_what_they_leave() -> None:
    found = plan(BESIDE_LIVE)
    assert (found.images_per_second, found.hours) == pytest.approx((50.0, 40.0))


def test_bytes_and_documents_are_those_of_each_image() -> None:
    found = plan(ASKED)
    assert (found.gets, found.bytes_read) == (7.2e6, 7.2e9)
    assert (found.store_documents, found.store_bytes) == (7.2e6, 1.44e9)
    assert found.store_bytes_written == 7.2e6 * (200 + 2 * 400)
    assert found.broker_bytes == 7.2e6 * 300 * 3


def test_money_is_of_what_has_a_price() -> None:
    found = plan(
        replace(ASKED, prices={"worker-hour": 0.5, "gb-read": 0.1, "million-gets": 2, "gb-month": 1})
    )
    assert dict(found.costs) == pytest.approx(
        {"worker-hour": 10.0, "gb-read": 0.72, "million-gets": 14.4, "gb-month": 1.44}
    )
    assert found.total == pytest.approx(26.56)
    assert plan(ASKED).total is None


def test_a_deadline_asks_for_as_few_workers_as_keep_it() -> None:
    found = plan(replace(ASKED, deadline=9.9))
    assert found.workers == 5
    assert found.hours == pytest.approx(8.0)


@given(
    deadline=st.floats(0.5, 1000),
    live=st.floats(0, 1e8),
    peak=st.floats(1, 20),
    share=st.floats(0.01, 1),
    rate=st.floats(0.5, 2000),
)
def test_with_a_worker_less_the_deadline_is_missed(
    deadline: float, live: float, peak: float, share: float, rate: float
) -> None:
    asked = replace(ASKED, live_per_day=live, peak=peak, share=share, rate=rate)
    workers = least_workers(asked, deadline)
    wanted = asked.images / (deadline * 3600)
    assert replay_rate(asked, workers) >= wanted
    assert workers == 1 or replay_rate(asked, workers - 1) < wanted


@given(workers=st.integers(1, 500), live=st.floats(0, 1e8), peak=st.floats(1, 20), share=st.floats(0.01, 1))
def test_more_workers_are_never_slower_and_more_live_photographs_never_faster(
    workers: int, live: float, peak: float, share: float
) -> None:
    asked = replace(ASKED, live_per_day=live, peak=peak, share=share)
    found = replay_rate(asked, workers)
    assert replay_rate(asked, workers + 1) >= found
    assert replay_rate(replace(asked, live_per_day=live * 1.1 + 1), workers) <= found * (1 + 1e-9)
    assert 0 <= found <= share * workers * asked.rate * (1 + 1e-9)


@given(workers=st.integers(1, 300), partitions=st.integers(1, 300))
def test_every_worker_has_as_many_partitions(workers: int, partitions: int) -> None:
    found = plan(replace(ASKED, workers=workers, partitions=partitions)).partitions
    assert found % workers == 0
    assert max(workers, partitions) <= found < max(workers, partitions) + workers


def test_what_waits_of_the_busiest_hours_goes_before_the_replay() -> None:
    """Beyond what a worker can do in its peak, the lag is worked off in the hours behind it."""
    pointed = replace(ASKED, workers=1, rate=10.0, live_per_day=86_400 * 9.0, peak=2.0, share=1.0)
    assert replay_rate(pointed, 1) == pytest.approx(10.0 - 9.0)


def test_live_photographs_that_take_everything_leave_no_end() -> None:
    found = plan(replace(BESIDE_LIVE, workers=1))
    assert found.hours is None
    assert found.images_per_second == 0
    assert any("never ends" in note for note in found.notes)
    assert any("150.0 a second" in note and "do 100.0" in note for note in found.notes)


def test_days_partitions_and_a_greedy_share_are_said_in_words() -> None:
    slow = plan(replace(ASKED, images=1e9))
    assert "115.7 days" in slow.notes[0]
    assert "--deadline" in slow.notes[0]
    few = plan(replace(ASKED, workers=20))
    assert few.notes == ("12 partitions are too few: 8 of 20 workers would have nothing to do",)
    greedy = plan(replace(BESIDE_LIVE, share=0.9))
    assert "90%" in greedy.notes[-1]


def test_a_deadline_that_no_number_of_workers_keeps_is_refused() -> None:
    with pytest.raises(ValueError, match="not with"):
        plan(replace(ASKED, images=1e18, deadline=0.01))
