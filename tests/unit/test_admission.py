"""Who would not be answered in time is refused at once; how many that are follows the pace of the answers."""

from __future__ import annotations

import pytest

from operations.admission import SHARE, Admission, Overloaded
from schemas.errors import Undecodable


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def served(admission: Admission, clock: Clock, *, seconds: float, beside: int = 0) -> None:
    """One photograph takes so long, with so many others in hand."""
    with admission.place():
        admission.in_hand += beside
        with admission.timed():
            clock.now += seconds
        admission.in_hand -= beside


def test_as_many_as_may_be_are_admitted_before_anything_is_known() -> None:
    admission = Admission(3, deadline=2.0)
    with admission.place(), admission.place(), admission.place():
        with pytest.raises(Overloaded), admission.place():
            pass
        assert admission.in_hand == 3
    assert admission.in_hand == 0


def test_at_a_slow_pace_only_those_are_admitted_who_are_answered_in_time() -> None:
    clock = Clock()
    admission = Admission(64, deadline=2.0, clock=clock)
    served(admission, clock, seconds=0.1)
    assert admission.limit == int(SHARE * 2.0 / 0.1)


def test_others_in_hand_say_that_one_takes_a_part_of_the_time() -> None:
    clock = Clock()
    admission = Admission(64, deadline=2.0, clock=clock)
    served(admission, clock, seconds=0.8, beside=7)
    assert admission.limit == int(SHARE * 2.0 / 0.1)


def test_a_quick_server_is_bound_by_its_setting_alone() -> None:
    clock = Clock()
    admission = Admission(64, deadline=2.0, clock=clock)
    served(admission, clock, seconds=0.01)
    assert admission.limit == 64


def test_one_is_always_admitted_and_a_pace_that_gets_better_is_learnt() -> None:
    clock = Clock()
    admission = Admission(64, deadline=2.0, clock=clock)
    served(admission, clock, seconds=60.0)
    assert admission.limit == 1
    for _ in range(100):
        served(admission, clock, seconds=0.01)
    assert admission.limit == 64


def test_a_photograph_that_cannot_be_read_says_nothing_of_the_pace() -> None:
    clock = Clock()
    admission = Admission(64, deadline=2.0, clock=clock)
    served(admission, clock, seconds=0.1)
    for _ in range(100):
        with pytest.raises(Undecodable), admission.place(), admission.timed():
            raise Undecodable
    assert admission.limit == int(SHARE * 2.0 / 0.1)


def test_one_that_was_broken_off_at_the_deadline_is_counted_with_the_time_that_it_had() -> None:
    clock = Clock()
    admission = Admission(64, deadline=2.0, clock=clock)

    def broken_off() -> None:
        with admission.place(), admission.timed():
            clock.now += 2.0
            raise TimeoutError

    with pytest.raises(TimeoutError):
        broken_off()
    assert admission.limit == 1


def test_who_would_be_late_is_refused_at_once() -> None:
    clock = Clock()
    admission = Admission(64, deadline=2.0, clock=clock)
    served(admission, clock, seconds=SHARE * 2.0)
    with admission.place():
        with pytest.raises(Overloaded):
            admission.refuse_full()
        assert admission.in_hand == 1
