"""Any interleaving of good and bad images, broken decoders, restarts, tries again and the passing of time."""

from collections import deque
from dataclasses import dataclass, field

from hypothesis import example, given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from model.clock import ManualClock
from streams.resilience.rejection_alarm import RejectionAlarm, RejectionLimits

LIMITS = RejectionLimits(share=0.5, window=20, minimum=4)
TRIES = 5


@dataclass
class Photograph:
    """One message: what is wrong with it by itself, and how it ended."""

    defect: str | None
    suspected: str | None = None
    tries: int = 0
    end: str = ""


@dataclass
class World:
    """Photographs, a decoder that breaks and is mended, workers that start anew, and the retry topic."""

    clock: ManualClock = field(default_factory=ManualClock)
    photographs: list[Photograph] = field(default_factory=list)
    retry: deque[Photograph] = field(default_factory=deque)
    is_broken: bool = False

    def __post_init__(self) -> None:
        self.restart(0)

    def restart(self, _number: int) -> None:
        self.alarm = RejectionAlarm(LIMITS, clock=self.clock)

    def arrive(self, number: int) -> None:
        self._come(None, number)

    def arrive_bad(self, number: int) -> None:
        self._come("undecodable", number)

    def arrive_gone(self, number: int) -> None:
        self._come("gone", number)

    def smash(self, _number: int) -> None:
        self.is_broken = True

    def mend(self, _number: int) -> None:
        self.is_broken = False

    def pass_time(self, number: int) -> None:
        self.clock.advance(number)

    def retry_due(self, number: int) -> None:
        for _ in range(min(number, len(self.retry))):
            self.work(self.retry.popleft())

    def run(self, steps: list[tuple[str, int]]) -> None:
        for name, number in steps:
            getattr(self, name)(number)

    def work(self, photograph: Photograph) -> None:
        """As the worker does: an end, or aside, and in the end parked."""
        cause = photograph.defect or ("undecodable" if self.is_broken else None)
        if cause is None:
            self.alarm.passed()
            photograph.end = "tagged"
            return
        again = photograph.suspected == cause
        if not self.alarm.suspects(cause, again=again):
            photograph.end = "buried"
            return
        photograph.suspected, photograph.tries = cause, photograph.tries + 1
        if photograph.tries > TRIES:
            photograph.end = "parked"
        else:
            self.retry.append(photograph)

    def _come(self, defect: str | None, number: int) -> None:
        for _ in range(number % 4 + 1):
            photograph = Photograph(defect)
            self.photographs.append(photograph)
            self.work(photograph)

    def wrongly_buried(self) -> int:
        """The good photographs that are lost: a bad one is buried rightly, whatever the decoder does."""
        return sum(each.end == "buried" and each.defect is None for each in self.photographs)


ARRIVALS = ["arrive", "arrive_bad", "arrive_gone"]
STEPS = st.lists(
    st.tuples(
        st.sampled_from([*ARRIVALS, *ARRIVALS, "smash", "mend", "pass_time", "retry_due", "restart"]),
        st.integers(0, 11),
    ),
    max_size=60,
)


@given(STEPS)
@settings(max_examples=300, deadline=None)
def test_nothing_waits_and_everything_ends_within_its_tries(steps: list[tuple[str, int]]) -> None:
    world = World()
    with capture_logs():
        world.run(steps)
        assert all(each.end or each in world.retry for each in world.photographs)
        world.retry_due(TRIES * len(world.photographs))
        for _ in range(TRIES):
            world.retry_due(len(world.retry))
    assert not world.retry
    assert all(each.end for each in world.photographs)


@given(STEPS)
@settings(max_examples=200, deadline=None)
def test_once_good_images_come_every_alarm_ends_and_what_is_mended_is_tagged(
    steps: list[tuple[str, int]],
) -> None:
    world = World()
    with capture_logs():
        world.run(steps)
        world.mend(0)
        for _ in range(2 * LIMITS.minimum):
            world.arrive(3)
        assert world.alarm.alarms() == {}
        good = [each for each in world.retry if each.defect is None]
        world.retry_due(len(world.retry))
    assert all(each.end == "tagged" for each in good)


ENDED_BY_A_REJECTION = [
    ("arrive_bad", 2),
    ("smash", 0),
    ("arrive", 3),
    ("mend", 0),
    ("retry_due", 3),
]

GONE_ONES_HELD_ASIDE = [
    ("arrive_bad", 1),
    ("arrive_bad", 3),
    ("arrive_gone", 2),
    ("arrive_gone", 3),
    ("arrive", 3),
]


@given(STEPS, st.integers(0, 3))
@example(ENDED_BY_A_REJECTION, 0)
@example(GONE_ONES_HELD_ASIDE, 0)
@settings(max_examples=200, deadline=None)
def test_a_broken_decoder_buries_fewer_than_the_minimum_whatever_came_before(
    before: list[tuple[str, int]], restarts: int
) -> None:
    """From the moment it breaks: once, and once for each worker that starts with the broken decoder."""
    world = World()
    with capture_logs():
        world.run(before)
        world.mend(0)
        world.arrive(0)
        buried = world.wrongly_buried()
        world.smash(0)
        for _ in range(restarts + 1):
            for _ in range(20):
                world.arrive(1)
                world.pass_time(1)
            world.retry_due(len(world.retry) // 2)
            world.restart(0)
    assert world.wrongly_buried() - buried <= (LIMITS.minimum - 1) * (restarts + 1)


@given(STEPS)
@settings(max_examples=200, deadline=None)
def test_what_is_suspected_is_buried_only_by_a_worker_that_has_seen_good_ones(
    steps: list[tuple[str, int]],
) -> None:
    world = World()
    world.smash(0)
    with capture_logs():
        world.run([step for step in steps if step[0] not in ("mend", "arrive")])
        world.retry_due(TRIES * len(world.photographs))
    assert not [each for each in world.photographs if each.end == "buried" and each.suspected]
