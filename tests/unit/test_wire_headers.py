"""What a message carries from hop to hop, and what of it is believed."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from schemas import topics
from schemas.wire import headers as wire_headers
from schemas.wire.headers import PREFIX, REDRIVEN, REDRIVEN_LETTER
from streams.message import Message

FIRST = (
    (f"{PREFIX}topic", topics.UPLOADED.encode()),
    (f"{PREFIX}partition", b"3"),
    (f"{PREFIX}offset", b"41"),
)


def message(topic: str, *headers: tuple[str, bytes]) -> Message:
    return Message(topic, 1, 7, b"k", b"v", headers)


@pytest.mark.parametrize("topic", sorted(wire_headers.HOPS))
def test_on_a_hop_topic_the_origin_is_what_the_first_hop_said(topic: str) -> None:
    assert wire_headers.origin(message(topic, *FIRST)) == (topics.UPLOADED, 3, 41)


@pytest.mark.parametrize("topic", [topics.UPLOADED, topics.DECISIONS, topics.RESCORE])
def test_on_any_other_topic_the_origin_is_the_message_itself_whatever_a_producer_wrote(topic: str) -> None:
    assert wire_headers.origin(message(topic, *FIRST)) == (topic, 1, 7)


@pytest.mark.parametrize(
    "headers",
    [
        (),
        FIRST[:2],
        (*FIRST[:2], (f"{PREFIX}offset", b"forty-one")),
        ((f"{PREFIX}topic", b"\xff"), *FIRST[1:]),
        ((f"{PREFIX}topic", b""), *FIRST[1:]),
    ],
)
def test_coordinates_that_cannot_be_read_are_none(headers: tuple[tuple[str, bytes], ...]) -> None:
    assert wire_headers.origin(message(topics.RETRY, *headers)) == (topics.RETRY, 1, 7)


def test_that_a_message_was_cut_is_carried_on_from_our_own_topics_alone() -> None:
    cut = (wire_headers.TRUNCATED, b"3000000")
    assert wire_headers.carried(message(topics.RETRY, *FIRST, cut)) == dict((*FIRST, cut))
    assert wire_headers.TRUNCATED not in wire_headers.carried(message(topics.UPLOADED, cut))


def test_attempts_and_due_time_are_read_back() -> None:
    headers = ((f"{PREFIX}attempts", b"4"), (f"{PREFIX}due_at", b"2026-01-01T12:00:00+02:00"))
    assert wire_headers.attempts(headers) == 4
    assert wire_headers.due_at(headers) == datetime(2026, 1, 1, 10, tzinfo=UTC)


@pytest.mark.parametrize("value", [b"", b"many", b"-1", b"\xff", b"1.5", b"tomorrow"])
def test_attempts_and_due_time_that_cannot_be_read_are_none(value: bytes) -> None:
    assert wire_headers.attempts(((f"{PREFIX}attempts", value),)) == 0
    assert wire_headers.redriven(((REDRIVEN, value),)) == 0
    assert wire_headers.due_at(((f"{PREFIX}due_at", value),)) is None


@pytest.mark.parametrize("raw", [b"", b"topic", b"topic/1", b"t/1/x", b"t/-1/2", b"t/\xb2/2"])
def test_what_is_no_place_of_a_letter_is_none(raw: bytes) -> None:
    assert wire_headers.redriven_letter(((REDRIVEN_LETTER, raw),)) is None


def test_without_headers_nothing_was_ever_tried() -> None:
    assert (wire_headers.attempts(()), wire_headers.due_at(()), wire_headers.redriven(())) == (0, None, 0)


def test_the_way_back_has_no_causes_and_counts_one_redrive_more() -> None:
    trace = ("traceparent", b"00-1-2-01")
    letter = Message(topics.DEAD_LETTERS, 2, 17, None, None, (trace, *FIRST, (f"{PREFIX}attempts", b"4")))
    once = wire_headers.back(letter)
    assert once == (trace, (REDRIVEN, b"1"), (REDRIVEN_LETTER, b"photos.uploaded.v1.dlq/2/17"))
    assert wire_headers.redriven_letter(once) == letter.source
    again = replace(letter, offset=18, headers=(*once, *FIRST))
    assert wire_headers.back(again) == (
        trace,
        (REDRIVEN, b"2"),
        (REDRIVEN_LETTER, b"photos.uploaded.v1.dlq/2/18"),
    )
