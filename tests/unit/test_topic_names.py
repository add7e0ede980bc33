"""Short names of topics, and where a reading of one begins."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from operations import tail, topic_names
from operations.tail import End
from schemas import topics
from schemas.errors import ConfigurationError


def test_every_topic_has_a_short_name_that_leads_back_to_it() -> None:
    assert set(topic_names.SHORT.values()) == set(topics.ALL)
    assert all(topic_names.full(topic_names.short(topic)) == topic for topic in topics.ALL)


def test_a_collection_of_a_routes_file_is_called_by_its_middle_and_meant_by_its_full_name() -> None:
    assert topic_names.short("photos.drinks.v1") == "drinks"
    assert topic_names.full("photos.drinks.v1") == "photos.drinks.v1"


def test_an_unknown_short_name_is_refused_with_those_there_are() -> None:
    with pytest.raises(ConfigurationError, match=r"'taged' is no topic: .* uploaded, tagged, latest"):
        topic_names.full("taged")


def test_the_shell_completes_names() -> None:
    assert dict(topic_names.completed("t")) == {"tagged": topics.TAGGED}
    assert len(list(topic_names.completed(""))) == len(topics.ALL)


def test_a_reading_begins_at_an_end_at_an_offset_or_at_a_time() -> None:
    assert tail.start("earliest") is End.EARLIEST
    assert tail.start("latest") is End.LATEST
    assert tail.start("17") == 17
    assert tail.start("2026-11-22T08:30:00+01:00") == datetime(2026, 11, 22, 7, 30, tzinfo=UTC)
    assert tail.start("2026-11-22") == datetime(2026, 11, 22).astimezone()


@pytest.mark.parametrize("given", ["yesterday", "-1", "", "2026-13-01"])
def test_any_other_beginning_is_refused(given: str) -> None:
    with pytest.raises(
        ConfigurationError, match=r"--from .*: earliest, latest, an offset, or a time is wanted"
    ):
        tail.start(given)
