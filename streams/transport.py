"""Kafka transport: Faust's own, less three of its habits, and with eyes for what cannot be read.

- A partition's records go on behind those that nobody can read (`streams.adapters.kafka.unread`).
- Faust drops what lies before the offset that it read last. In a topic that was deleted and made again
  that is everything, in silence; aiokafka's positions are all that counts here.
- Faust holds the time of a partition's last answer (the wall's) against a clock that began with the
  machine, and a partition assigned just now against the worker's start: after each rebalance it said
  "Aiokafka has not sent fetch request". Whether work stands still is the window's to say (`Stalled`).
- Faust makes four tasks to hand a message to its stream, in case that has no room. Nearly always it has:
  then the message is handed on at once, and none is made (ADR 28).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Generator
from typing import Any

import structlog
from aiokafka.structs import TopicPartition
from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread, Transport
from faust.transport.drivers.aiokafka import Consumer as KafkaConsumer
from faust.types import TP
from faust.types.tuples import ConsumerMessage
from mode.services import WaitResults

from streams.adapters.kafka import unread

log = structlog.get_logger(__name__)


class _Thread(AIOKafkaConsumerThread):
    """The thread that aiokafka's consumer lives in."""

    async def on_start(self) -> None:
        """Start the consumer; nothing is assigned yet."""
        await super().on_start()
        unread.watch(self._ensure_consumer(), rewound=_rewound)

    def verify_event_path(self, now: float, tp: TP) -> None:
        """Say nothing: what Faust says here is not true."""


class _Consumer(KafkaConsumer):
    """What Faust reads through."""

    def _new_consumer_thread(self) -> AIOKafkaConsumerThread:
        return _Thread(self, loop=self.loop, beacon=self.beacon)

    def _to_message(self, tp: TP, record: Any) -> ConsumerMessage:  # noqa: ANN401 - aiokafka's
        # Called right before Faust compares: whatever has come is to be handed on.
        self._read_offset[tp] = None
        return super()._to_message(tp, record)

    async def wait_first(self, *waits: Any, timeout: Any = None) -> WaitResults:  # noqa: ANN401, ASYNC109 - as Faust has it
        """See `Service.wait_first`; where the first is a coroutine that need not wait, it alone is run."""
        first, *others = waits
        if not asyncio.iscoroutine(first):
            return await super().wait_first(*waits, timeout=timeout)
        begun = Begun(first)
        if not begun.is_over:
            return await super().wait_first(begun, *others, timeout=timeout)
        for other in filter(asyncio.iscoroutine, others):
            other.close()
        if self._stopped.is_set() or self._crashed.is_set():
            return WaitResults([], [], stopped=True)
        return WaitResults([first], [await begun], stopped=False)


class Begun:
    """A coroutine, run without a task up to its first wait; await it once, for the rest and its outcome."""

    def __init__(self, coroutine: Coroutine[Any, Any, Any]) -> None:
        self.is_over = False
        self._coroutine = coroutine
        self._result: Any = None
        self._error: BaseException | None = None
        self._waits_for: Any = None
        self._step(coroutine.send, None)

    def __await__(self) -> Generator[Any, Any, Any]:
        """Hand on what it waits for, and what comes of that, until it is over."""
        while not self.is_over:
            try:
                answer = yield self._waits_for
            except BaseException as error:  # noqa: BLE001 - a cancellation is the coroutine's to see
                self._step(self._coroutine.throw, error)
            else:
                self._step(self._coroutine.send, answer)
        if self._error is not None:
            raise self._error
        return self._result

    def _step(self, go_on: Callable[[Any], Any], answer: object) -> None:
        try:
            self._waits_for = go_on(answer)
        except StopIteration as over:
            self.is_over, self._result = True, over.value
        except BaseException as error:  # noqa: BLE001 - raised where it is awaited
            self.is_over, self._error = True, error


class WatchedTransport(Transport):
    """See the module."""

    Consumer = _Consumer


def _rewound(tp: TopicPartition, wanted: int, found: int) -> None:
    log.error("partition.rewound", topic=tp.topic, partition=tp.partition, wanted=wanted, begins=found)
