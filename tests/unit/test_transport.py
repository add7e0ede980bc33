"""What our transport makes of Faust's: what it does not say, and what it does not drop."""

from __future__ import annotations

import logging
from types import SimpleNamespace
from typing import Any

import pytest
from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread
from faust.types import TP

from streams import transport
from streams.app import StreamApp, StreamSettings

PLACE = TP("photos.uploaded.v1", 2)


def thread_of(kind: type[AIOKafkaConsumerThread]) -> AIOKafkaConsumerThread:
    """A thread long after its start, with a partition that was assigned just now."""
    thread: Any = kind.__new__(kind)
    state = SimpleNamespace(timestamp=None)
    assignment = SimpleNamespace(active=True, state_value=lambda _tp: state)
    fetcher = SimpleNamespace(
        _subscriptions=SimpleNamespace(subscription=SimpleNamespace(assignment=assignment))
    )
    thread._consumer = SimpleNamespace(_fetcher=fetcher)
    thread.time_started, thread.tp_fetch_request_timeout_secs = 0.0, 300.0
    thread.log = logging.getLogger("faust.thread")
    return thread  # type: ignore[no-any-return]


def test_a_partition_that_was_assigned_just_now_is_not_said_to_stand_still(
    caplog: pytest.LogCaptureFixture,
) -> None:
    thread_of(AIOKafkaConsumerThread)._verify_aiokafka_event_path(1000.0, PLACE)
    assert "has not sent fetch request" in caplog.text  # as Faust has it
    caplog.clear()
    thread_of(transport._Thread).verify_event_path(1000.0, PLACE)
    assert caplog.text == ""


def test_an_app_reads_through_it() -> None:
    app = StreamApp(StreamSettings("127.0.0.1:9092"), None)  # type: ignore[arg-type] # never started
    assert isinstance(app.transport, transport.WatchedTransport)
