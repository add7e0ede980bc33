"""Token bucket: so many a second on average, and a burst."""

from __future__ import annotations

from console.token_bucket import BucketState, TokenBucket
from tests.unit.console_rig import Hand


def test_a_new_bucket_is_full_and_gives_all_it_has() -> None:
    bucket = TokenBucket(2, 4, Hand())
    assert bucket.is_full
    assert [bucket.take() for _ in range(4)] == [BucketState(None, left) for left in (3, 2, 1, 0)]
    assert not bucket.is_full


def test_an_empty_bucket_says_how_long_to_wait_and_takes_nothing() -> None:
    clock = Hand()
    bucket = TokenBucket(2, 4, clock)
    bucket.take(4)
    assert bucket.take() == bucket.take() == BucketState(0.5, 0)
    clock.now += 0.5
    assert bucket.take() == BucketState(None, 0)


def test_it_fills_by_the_clock_and_no_further_than_its_burst() -> None:
    clock = Hand()
    bucket = TokenBucket(2, 4, clock)
    bucket.take(4)
    clock.now += 1
    assert bucket.take(0).left == 2
    clock.now += 1000
    assert bucket.is_full
    assert bucket.take(4).wait is None
    assert bucket.take().wait is not None


def test_all_are_taken_or_none() -> None:
    bucket = TokenBucket(1, 4, Hand())
    bucket.take(3)
    assert bucket.take(2) == BucketState(1.0, 1)
    assert bucket.take(1) == BucketState(None, 0)


def test_more_than_a_burst_is_taken_out_of_a_full_bucket_and_paid_off_after() -> None:
    clock = Hand()
    bucket = TokenBucket(2, 4, clock)
    assert bucket.take(10) == BucketState(None, 0)
    assert bucket.take(1).wait == 3.5
    clock.now += 3.5
    assert bucket.take(1) == BucketState(None, 0)
    assert bucket.take(10).wait == 2.0


def test_a_rate_below_one_still_gives_one_at_a_time() -> None:
    clock = Hand()
    bucket = TokenBucket(0.1, 0.2, clock)
    assert bucket.take().wait is None
    assert bucket.take().wait == 10.0
    clock.now += 10
    assert bucket.take().wait is None
