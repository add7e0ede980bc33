"""Every log call of the program, held to one form: one constant noun.verb, and one meaning each."""

import re
from itertools import groupby

import pytest

from tools.reference.log_events import LogEvent, events, events_in


def in_source(source: str) -> list[LogEvent]:
    return list(events_in(source, "agents/x.py"))


def test_every_event_is_a_noun_and_what_became_of_it() -> None:
    for event in events():
        assert re.fullmatch(r"[a-z_]+\.[a-z_]+", event.name), event


def test_an_event_means_one_thing_one_level_in_one_file() -> None:
    for name, calls in groupby(events(), key=lambda event: event.name):
        assert len({(call.level, call.source) for call in calls}) == 1, name


def test_no_field_takes_the_name_of_one_that_every_line_has() -> None:
    taken = {"event", "level", "timestamp", "trace_id", "span_id", "exception"}
    for event in events():
        assert not taken & set(event.fields), event


def test_the_worker_s_own_events_are_listed() -> None:
    listed = {event.name: event for event in events()}
    assert listed["worker.failed"].level == "critical"
    assert listed["http.serving"] == LogEvent(
        "http.serving", "info", ("address",), "agents/telemetry/serving.py"
    )
    assert listed["worker.failed"].source == "streams/app.py"


def test_a_call_s_level_and_fields_are_read() -> None:
    (event,) = in_source("log.warning('a.b', x=1, y=f())")
    assert event == LogEvent("a.b", "warning", ("x", "y"), "agents/x.py")


def test_an_exception_is_an_error_and_no_field() -> None:
    assert [event.level for event in in_source("log.exception('a.b')")] == ["error"]
    assert in_source("log.critical('a.b', exc_info=error)")[0].fields == ()


def test_fields_that_are_spread_are_shown_as_such() -> None:
    assert in_source("log.info('a.b', **said, x=1)")[0].fields == ("**", "x")


@pytest.mark.parametrize(
    "call", ["log.info(f'a.{b}')", "log.info(name)", "log.info()", "log.info('a.b', 1)", "log.info('a' + b)"]
)
def test_an_event_that_is_not_spelled_out_is_refused_with_its_place(call: str) -> None:
    with pytest.raises(ValueError, match=r"agents/x\.py:2: a log call takes one constant event"):
        in_source(f"\n{call}")


def test_other_calls_are_no_log_calls() -> None:
    assert in_source("log.bind(x=1)\nmath.log(2)\nother.info('x y')") == []
