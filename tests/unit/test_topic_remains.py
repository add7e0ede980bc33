"""What a topic may still hold of an erased image, and until when, by the broker's own configuration."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from operations.topic_remains import HOLDS, TopicRemains, remains
from schemas import topics
from streams.adapters.kafka.topic_state import TopicState

AT = datetime(2026, 5, 1, tzinfo=UTC)
DAY = 86_400_000


def of(config: dict[str, str] | None, *, topic: str = topics.UPLOADED, records: int = 3) -> TopicRemains:
    state = TopicState(topic, {0: 5}, {0: 5 + records}, 1, config)
    return remains(state, AT - timedelta(days=2), at=AT)


def test_a_topic_of_limited_time_is_clear_once_its_last_segment_is_closed_and_has_expired() -> None:
    found = of({"cleanup.policy": "delete", "retention.ms": str(7 * DAY), "segment.ms": str(DAY)})
    assert found.until == AT + timedelta(days=8)
    assert found.why == "retention.ms 7 d, and at most segment.ms 1 d until a segment is closed"


def test_a_topic_without_a_limit_is_said_to_have_none_with_what_to_do() -> None:
    found = of({"cleanup.policy": "delete", "retention.ms": "-1", "segment.ms": str(DAY)})
    assert found.until is None
    assert "set retention.ms" in found.why


def test_a_compacted_topic_is_clear_when_its_lag_is_bounded() -> None:
    config = {
        "cleanup.policy": "compact",
        "max.compaction.lag.ms": "3600000",
        "delete.retention.ms": str(DAY),
    }
    found = of(config, topic=topics.LATEST)
    assert found.until == AT + timedelta(hours=1)
    assert found.why.endswith("the tombstone stays delete.retention.ms 1 d more")


def test_a_compacted_topic_without_a_bound_says_which_setting_would_be_one() -> None:
    config = {
        "cleanup.policy": "compact",
        "retention.ms": str(7 * DAY),
        "max.compaction.lag.ms": str(2**63 - 1),
        "min.cleanable.dirty.ratio": "0.5",
    }
    found = of(config, topic=topics.LATEST)
    assert found.until is None
    assert "a dirty ratio of 0.5: set max.compaction.lag.ms" in found.why


def test_a_topic_of_both_policies_is_clear_by_the_first_of_them() -> None:
    config = {"cleanup.policy": "compact,delete", "retention.ms": str(DAY), "segment.ms": str(DAY)}
    assert of(config).until == AT + timedelta(days=2)


def test_a_broker_that_says_nothing_is_said_to_say_nothing() -> None:
    found = of(None)
    assert found.until is None
    assert found.why.startswith("the broker says nothing of retention")
    assert found.oldest == AT - timedelta(days=2)


def test_an_empty_topic_holds_nothing() -> None:
    assert (of(None, records=0).until, of(None, records=0).why) == (AT, "it is empty")


def test_of_every_topic_of_ours_it_is_said_what_it_holds() -> None:
    assert {*topics.ALL, topics.STATEMENTS} - {topics.AMBIANCE} == HOLDS.keys()
    assert of(None, topic="photos.drinks.v1").holds.startswith("collection changes")
