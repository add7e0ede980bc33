"""What our transport makes of Faust's: what it does not say, and what it does not drop."""

from __future__ import annotations

import asyncio
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


def consumer() -> Any:
    return StreamApp(StreamSettings("127.0.0.1:9092"), None).consumer  # type: ignore[arg-type]


async def test_a_message_that_its_stream_takes_at_once_costs_no_task() -> None:
    seen = []

    async def taken() -> str:
        seen.append(len(asyncio.all_tasks()))
        return "taken"

    found = await consumer().wait_first(taken(), asyncio.Event().wait())
    assert (found.results, found.stopped) == (["taken"], False)
    assert seen == [1]


async def test_a_message_that_has_to_wait_for_room_is_handed_on_when_there_is_some() -> None:
    room, steps = asyncio.Event(), []

    async def taken() -> str:
        steps.append("asks")
        await room.wait()
        await asyncio.sleep(0)
        steps.append("has it")
        return "taken"

    handing = asyncio.create_task(consumer().wait_first(taken(), asyncio.Event().wait()))
    await asyncio.sleep(0.01)
    assert (steps, handing.done()) == (["asks"], False)
    room.set()
    assert (await handing).results == ["taken"]
    assert steps == ["asks", "has it"]


async def test_a_message_that_waits_for_room_is_let_go_of_when_the_flow_is_suspended() -> None:
    suspended, ends = asyncio.Event(), []

    async def taken() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            ends.append("cancelled")
            raise

    handing = asyncio.create_task(consumer().wait_first(taken(), suspended.wait()))
    await asyncio.sleep(0.01)
    suspended.set()
    assert (await handing).results == [True]
    await asyncio.sleep(0.01)
    assert ends == ["cancelled"]


@pytest.mark.parametrize("waits", [False, True])
async def test_a_message_that_cannot_be_handed_on_says_why(waits: bool) -> None:  # noqa: FBT001 - a parameter
    async def broken() -> None:
        if waits:
            await asyncio.sleep(0)
        raise KeyError("no such stream")

    with pytest.raises(KeyError, match="no such stream"):
        await consumer().wait_first(broken(), asyncio.Event().wait())


async def test_a_consumer_that_was_stopped_says_so() -> None:
    async def taken() -> None:
        return None

    stopped = consumer()
    stopped._stopped.set()
    assert (await stopped.wait_first(taken())).stopped
