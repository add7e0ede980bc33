"""Too many rejections for one cause are suspected, until it is known that it was the images."""

import pytest
from structlog.testing import capture_logs

from model.clock import ManualClock
from streams.resilience.rejection_alarm import RejectionAlarm, RejectionAlarms, RejectionLimits

LIMITS = RejectionLimits(share=0.5, window=60, minimum=10)
ENOUGH = LIMITS.minimum


class Rig:
    """An alarm on a clock of its own, and what became of the rejections."""

    def __init__(self, limits: RejectionLimits = LIMITS) -> None:
        self.clock = ManualClock()
        self.alarm = RejectionAlarm(limits, "uploads", clock=self.clock)
        self.buried = self.aside = 0

    def pass_well(self, count: int = 1) -> None:
        for _ in range(count):
            self.alarm.passed()

    def reject(self, count: int = 1, cause: str = "undecodable", *, again: bool = False) -> None:
        for _ in range(count):
            if self.alarm.suspects(cause, again=again):
                self.aside += 1
            else:
                self.buried += 1

    @property
    def on(self) -> set[str]:
        return set(self.alarm.alarms())


@pytest.fixture
def rig() -> Rig:
    return Rig()


@pytest.fixture
def tripped(rig: Rig) -> Rig:
    rig.reject(ENOUGH)
    assert rig.on == {"undecodable"}
    rig.buried = rig.aside = 0
    return rig


def test_a_few_bad_images_are_buried(rig: Rig) -> None:
    rig.reject(ENOUGH - 1)
    assert (rig.buried, rig.aside, rig.on) == (ENOUGH - 1, 0, set())


def test_a_share_that_is_not_exceeded_is_buried(rig: Rig) -> None:
    for _ in range(100):
        rig.pass_well()
        rig.reject()
    assert (rig.buried, rig.aside) == (100, 0)


def test_where_nothing_goes_well_all_but_fewer_than_the_minimum_are_held_aside(rig: Rig) -> None:
    rig.reject(500)
    assert (rig.buried, rig.aside) == (ENOUGH - 1, 500 - ENOUGH + 1)


def test_however_good_the_stream_was_before_no_more_than_the_minimum_in_a_row_is_buried(rig: Rig) -> None:
    rig.pass_well(1000)
    rig.reject(500)
    assert rig.buried == ENOUGH - 1


def test_causes_are_told_apart(rig: Rig) -> None:
    for _ in range(100):
        rig.pass_well(2)
        for cause in ("undecodable", "gone", "malformed"):
            rig.reject(1, cause)
    assert (rig.buried, rig.on) == (300, set())


def test_another_cause_is_buried_meanwhile(tripped: Rig) -> None:
    tripped.reject(1, "malformed")
    assert tripped.buried == 1


def test_two_causes_can_each_have_their_alarm(tripped: Rig) -> None:
    tripped.reject(ENOUGH, "gone")
    assert tripped.on == {"undecodable", "gone"}


def test_old_outcomes_do_not_count(rig: Rig) -> None:
    for _ in range(100):
        rig.reject(6)
        rig.pass_well()
        rig.clock.advance(LIMITS.window)
    assert rig.on == set()


def test_enough_good_outcomes_end_it(tripped: Rig) -> None:
    tripped.pass_well(ENOUGH - 1)
    assert tripped.on == {"undecodable"}
    tripped.pass_well()
    assert tripped.on == set()


def test_it_ends_however_slow_the_stream_is(tripped: Rig) -> None:
    for _ in range(ENOUGH):
        tripped.clock.advance(10 * LIMITS.window)
        tripped.pass_well()
    assert tripped.on == set()


def test_good_outcomes_beside_as_many_rejections_do_not_end_it(tripped: Rig) -> None:
    for _ in range(50):
        tripped.pass_well()
        tripped.reject()
    assert (tripped.on, tripped.buried) == ({"undecodable"}, 0)


def test_a_few_rejections_among_good_outcomes_do_not_keep_it_on(tripped: Rig) -> None:
    tripped.reject(2)
    tripped.pass_well(ENOUGH - 2)
    assert tripped.on == set()


def test_rejections_for_another_cause_do_not_end_it(tripped: Rig) -> None:
    tripped.reject(3 * ENOUGH, "gone")
    assert "undecodable" in tripped.on


def test_time_alone_does_not_end_it(tripped: Rig) -> None:
    tripped.clock.advance(1000 * LIMITS.window)
    tripped.reject()
    assert tripped.aside == 1
    assert tripped.alarm.alarms()["undecodable"] == 1000 * LIMITS.window


def test_a_share_of_one_lets_the_topic_drain() -> None:
    rig = Rig(RejectionLimits(share=1, minimum=10))
    rig.reject(500)
    assert (rig.buried, rig.aside) == (500, 0)


def test_tries_in_vain_neither_begin_an_alarm_nor_keep_it_on(tripped: Rig) -> None:
    for _ in range(ENOUGH):
        tripped.reject(5, again=True)
        tripped.pass_well()
    assert tripped.on == set()
    tripped.reject(5 * ENOUGH, again=True)
    assert tripped.on == set()


def test_under_its_alarm_a_try_in_vain_stays_suspected(tripped: Rig) -> None:
    tripped.reject(again=True)
    assert (tripped.buried, tripped.aside) == (0, 1)


def test_a_worker_that_has_just_started_does_not_bury_what_another_suspected(rig: Rig) -> None:
    rig.reject(3 * ENOUGH, again=True)
    rig.pass_well(ENOUGH - 1)
    rig.reject(again=True)
    assert rig.buried == 0


def test_a_worker_that_has_seen_enough_go_well_buries_what_is_still_rejected(rig: Rig) -> None:
    rig.pass_well(ENOUGH)
    rig.reject(again=True)
    assert (rig.buried, rig.aside) == (1, 0)


def test_what_went_well_before_an_alarm_is_no_reason_to_trust_the_worker_behind_it(tripped: Rig) -> None:
    tripped.pass_well(ENOUGH)
    tripped.reject(ENOUGH)
    assert tripped.on == {"undecodable"}
    tripped.reject(1, "gone", again=True)
    assert tripped.buried == ENOUGH - 1


def test_it_is_said_once_when_it_begins_and_once_when_it_ends(rig: Rig) -> None:
    with capture_logs() as lines:
        rig.reject(100)
        rig.clock.advance(100)
        rig.pass_well(100)
    assert lines == [
        {
            "event": "rejections.alarm",
            "log_level": "error",
            "topic": "uploads",
            "cause": "undecodable",
            "rejected": ENOUGH,
            "outcomes": ENOUGH,
        },
        {
            "event": "rejections.alarm_over",
            "log_level": "warning",
            "topic": "uploads",
            "cause": "undecodable",
            "after_seconds": 100,
        },
    ]


def test_each_topic_has_an_alarm_of_its_own_and_the_oldest_of_a_cause_is_told() -> None:
    clock = ManualClock()
    alarms = RejectionAlarms(LIMITS, clock=clock)
    for topic in ("uploads", "decisions"):
        for _ in range(ENOUGH):
            alarms.of(topic).suspects("malformed")
        clock.advance(5)
    alarms.of("replay").passed()
    assert alarms.of("uploads") is alarms.of("uploads")
    assert alarms.alarms() == {"malformed": 10}
