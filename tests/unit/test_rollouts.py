"""A version rolled out beside the serving one: shadow and canary on live uploads, and what rolls it back."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents import rollout_comparisons, rollout_guards
from schemas import topics
from schemas.errors import ConfigurationError, Unavailable
from schemas.rollouts import DurationHistogram, RolloutCounts, RolloutGuards, RolloutState

from .rollout_rig import CANARY, SHADOW, RolledOut, rollout_of
from .straight_path import EPOCH, decision_message, message_of, rescore_message, upload_of


async def test_a_shadow_changes_nothing_that_a_consumer_sees() -> None:
    alone, beside = RolledOut(), RolledOut()
    await beside.start(rollout_of(SHADOW))
    for each in (alone, beside):
        await each.tag("a", "menu=0.9 food=0.8")
    seen = [each for each in beside.world.tags.announced if each.topic != topics.COMPARED]
    assert seen == alone.world.tags.announced
    assert await beside.tags("a") == ("1", ("menu", "food"))


async def test_a_shadow_s_scores_are_in_the_history_and_on_the_topic() -> None:
    rig = RolledOut()
    await rig.start(rollout_of(SHADOW))
    await rig.tag("a", "menu=0.9 food=0.8")
    assert await rig.history("a") == {"1": "live", "2": "rollout-1"}
    (event,) = rig.compared
    assert event.model is not None
    assert event.model.version == "2"
    assert [tag.label for tag in event.tags if tag.tagged] == ["human", "food"]
    assert (event.held.model.version, event.held.labels) == ("1", ("menu", "food"))


async def test_a_canary_s_tags_hold_of_its_share_and_the_serving_one_s_of_the_rest() -> None:
    rig = RolledOut()
    canary = rollout_of(CANARY, percent=50)
    await rig.start(canary)
    names = [f"i{number}" for number in range(30)]
    desk = rig.world.desk()
    for name in names:
        await rig.tag(name, "menu=0.9", desk=desk)
    chosen = {name for name in names if canary.includes(upload_of(f"r1/{name}.jpg").image_id)}
    assert 0 < len(chosen) < len(names)
    for name in names:
        assert await rig.tags(name) == (("2", ("human",)) if name in chosen else ("1", ("menu",)))
    counts = (await rig.reported()).counts
    assert (counts.diff.images, counts.diff.changed) == (len(chosen), len(chosen))
    assert counts.diff.flips == {"menu -> human": len(chosen)}
    assert counts.serving_seconds.count == len(names) - len(chosen)
    assert counts.new_seconds.count == len(chosen)


async def test_the_version_that_holds_scores_as_an_upload_and_the_other_behind_all() -> None:
    rig = RolledOut()
    await rig.start(rollout_of(SHADOW))
    await rig.tag("a", "menu=0.9")
    assert rig.versions.asked_live == [("1", True), ("2", False)]
    other = RolledOut()
    await other.start(rollout_of(CANARY))
    await other.tag("a", "menu=0.9")
    assert other.versions.asked_live == [("1", False), ("2", True)]


@given(st.text(max_size=8), st.floats(0.1, 100), st.floats(0.1, 100))
def test_an_image_of_a_share_is_of_every_larger_share(image_id: str, one: float, other: float) -> None:
    smaller, larger = (rollout_of(CANARY, percent=each) for each in sorted((one, other)))
    assert larger.includes(image_id) or not smaller.includes(image_id)
    assert rollout_of(CANARY, percent=100).includes(image_id)


def test_a_share_is_as_large_as_it_says() -> None:
    canary = rollout_of(CANARY, percent=5)
    chosen = sum(canary.includes(f"img_{number}") for number in range(20_000))
    assert 900 < chosen < 1_100


async def test_where_the_canary_fails_the_serving_version_tags_the_upload_and_it_is_counted() -> None:
    rig = RolledOut()
    await rig.start(rollout_of(CANARY))
    rig.versions.new.fails = True
    await rig.tag("a", "menu=0.9")
    assert await rig.tags("a") == ("1", ("menu",))
    counts = (await rig.reported()).counts
    assert (counts.errors, counts.tried) == (1, 1)
    assert "version 2 broke" in counts.last_error


async def test_a_shadow_that_fails_costs_the_upload_nothing() -> None:
    rig = RolledOut()
    await rig.start(rollout_of(SHADOW))
    rig.versions.new.fails = True
    await rig.tag("a", "menu=0.9")
    assert await rig.tags("a") == ("1", ("menu",))
    assert (await rig.reported()).counts.errors == 1
    assert rig.world.tags.buried == []


async def test_until_the_new_version_is_here_uploads_are_scored_as_always() -> None:
    rig = RolledOut()
    await rig.start(rollout_of(CANARY))
    rig.versions.is_here = False
    await rig.tag("a", "menu=0.9")
    assert await rig.tags("a") == ("1", ("menu",))
    assert rig.compared == []


async def test_the_new_version_is_asked_for_before_an_upload_comes() -> None:
    rig = RolledOut()
    await rig.start(rollout_of(CANARY))
    assert rig.wanted == ["2"]


async def test_a_worker_that_serves_another_version_takes_no_part() -> None:
    rig = RolledOut()
    await rig.start(rollout_of(CANARY, serving="0"))
    await rig.tag("a", "menu=0.9")
    assert await rig.tags("a") == ("1", ("menu",))


async def test_a_rollout_of_another_model_is_not_joined() -> None:
    rig = RolledOut()
    await rig.start(rollout_of(CANARY, model="other"))
    assert rig.follower.current is None


async def test_replays_take_no_part() -> None:
    rig = RolledOut()
    await rig.tag("a", "menu=0.9")
    await rig.start(rollout_of(SHADOW))
    await rig.world.deliver(rescore_message(upload_of("r1/a.jpg"), version="1"))
    await rig.comparisons.settled()
    assert rig.compared == []


async def test_a_redelivered_upload_is_not_compared_again() -> None:
    rig = RolledOut()
    await rig.start(rollout_of(CANARY))
    await rig.tag("a", "menu=0.9")
    await rig.tag("a", "menu=0.9")
    assert (await rig.reported()).counts.diff.images == 1


async def test_beyond_the_room_images_are_passed_over_and_counted() -> None:
    rig = RolledOut()
    await rig.start(rollout_of(SHADOW))
    rig.versions.new.hold = asyncio.Event()
    desk = rig.world.desk()
    for number in range(rollout_comparisons.ROOM + 3):
        upload = upload_of(f"r1/{number}.jpg")
        await rig.world.put(upload, "menu=0.9")
        await desk.handle(message_of(upload)).work()
    rig.versions.new.hold.set()
    counts = (await rig.reported()).counts
    assert (counts.passed_over, counts.diff.images) == (3, rollout_comparisons.ROOM)


async def test_too_many_flips_roll_it_back_and_the_next_upload_is_the_serving_version_s() -> None:
    rig = RolledOut()
    await rig.start(rollout_of(CANARY, guards=RolloutGuards(minimum=20)))
    desk = rig.world.desk()
    for number in range(20):
        await rig.tag(f"i{number}", "menu=0.9", desk=desk)
    ended = await rig.reported()
    assert ended.state is RolloutState.ROLLED_BACK
    assert "comes or goes on 100.0% of 20 images" in ended.why
    assert ended.ended_by == "worker-1"
    await rig.tag("next", "menu=0.9", desk=desk)
    assert await rig.tags("next") == ("1", ("menu",))


async def test_errors_roll_it_back() -> None:
    rig = RolledOut()
    await rig.start(rollout_of(SHADOW))
    rig.versions.new.fails = True
    desk = rig.world.desk()
    for number in range(5):
        await rig.tag(f"i{number}", "food=0.9", desk=desk)
    ended = await rig.reported()
    assert ended.state is RolloutState.ROLLED_BACK
    assert "failed on 100.0% of 5 images" in ended.why
    assert "version 2 broke" in ended.why


async def test_people_who_disagree_roll_it_back() -> None:
    rig = RolledOut()
    await rig.start(rollout_of(CANARY))
    desk = rig.world.desk()
    for number in range(6):
        await rig.tag(f"i{number}", "menu=0.9", desk=desk)
        image_id = upload_of(f"r1/i{number}.jpg").image_id
        said = decision_message(image_id, "correct", minute=number + 1, labels=["menu"], offset=number)
        await desk.handle(said).work()
    ended = await rig.reported()
    assert ended.counts.diff.people.with_before == 6
    assert ended.state is RolloutState.ROLLED_BACK
    assert "people corrected" in ended.why


async def test_what_one_worker_ends_the_others_leave() -> None:
    rig = RolledOut()
    other = rig.follower_of("worker-2")
    await rig.start(rollout_of(SHADOW))
    await other.look()
    assert other.current is not None
    stored = await rig.stored()
    ended = stored.model_copy(update={"state": RolloutState.ENDED, "revision": stored.revision + 1})
    assert await rig.world.scores.replace_rollout(ended, over=stored.revision)
    for follower in (rig.follower, other):
        await follower.look()
        assert follower.current is None


async def test_two_workers_counts_are_added_up() -> None:
    rig = RolledOut()
    other = RolledOut(rig.world)
    await rig.start(rollout_of(SHADOW))
    await other.follower.look()
    rig.follower.ledger.failed(ValueError("one"))
    other.follower.ledger.failed(ValueError("two"))
    await asyncio.gather(rig.follower.look(), other.follower.look())
    assert (await rig.stored()).counts.errors == 2


async def test_what_was_counted_while_the_store_was_away_is_reported_later() -> None:
    rig = RolledOut()
    await rig.start(rollout_of(SHADOW))
    rig.follower.ledger.failed(ValueError("one"))
    store, rig.follower._store = rig.follower._store, Failing(Unavailable("store", "it is away"))  # type: ignore[assignment]
    await rig.follower.look()
    rig.follower._store = store
    await rig.follower.look()
    assert (await rig.stored()).counts.errors == 1


async def test_one_whose_document_was_spoiled_by_hand_is_left() -> None:
    rig = RolledOut()
    await rig.start(rollout_of(CANARY))
    rig.follower._store = Failing(ConfigurationError("percent: not a number"))  # type: ignore[assignment]
    await rig.follower.look()
    assert rig.follower.current is None
    await rig.tag("a", "menu=0.9")
    assert await rig.tags("a") == ("1", ("menu",))


class Failing:
    """A store that answers so."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    async def rollout(self, rollout_id: str) -> None:  # noqa: ARG002
        raise self._error


async def test_of_two_at_once_the_one_that_was_started_first_runs() -> None:
    rig = RolledOut()
    second = rollout_of(CANARY, id="rollout-0", started_at=EPOCH + timedelta(seconds=1))
    assert await rig.world.scores.create_rollout(second)
    await rig.start(rollout_of(SHADOW))
    assert rig.follower.current is not None
    assert rig.follower.current.id == "rollout-1"


@given(st.lists(st.floats(0, 200), min_size=1, max_size=60), st.floats(0.01, 1))
def test_a_quantile_is_off_by_a_bucket_at_most(seconds: list[float], share: float) -> None:
    histogram = DurationHistogram.of(seconds)
    exact = sorted(seconds)[max(0, -(-round(share * len(seconds) * 1e9) // 10**9) - 1)]
    found = histogram.quantile(share)
    assert found is not None
    assert max(exact, 0.001) <= found * 1.0001
    assert found <= max(exact, 0.001) * 1.0906


def test_a_slow_canary_trips_and_a_slow_shadow_does_not() -> None:
    fast = DurationHistogram(buckets={0: 300})
    slow = DurationHistogram(buckets={24: 300})
    counts = RolloutCounts(serving_seconds=fast, new_seconds=slow)
    why = rollout_guards.tripped(rollout_of(CANARY, counts=counts))
    assert why is not None
    assert "8.0 times" in why
    assert rollout_guards.tripped(rollout_of(SHADOW, counts=counts)) is None
    few = RolloutCounts(serving_seconds=fast, new_seconds=DurationHistogram(buckets={24: 199}))
    assert rollout_guards.tripped(rollout_of(CANARY, counts=few)) is None


@pytest.mark.parametrize("errors", [1, 4])
def test_a_few_errors_trip_nothing(errors: int) -> None:
    counts = RolloutCounts(errors=errors, last_error="one")
    assert rollout_guards.tripped(rollout_of(CANARY, counts=counts)) is None
