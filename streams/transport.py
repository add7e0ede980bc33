"""Kafka transport: Faust's own, less two of its habits, and with eyes for what cannot be read.

- A partition's records go on behind those that nobody can read (`streams.adapters.kafka.unread`).
- Faust drops what lies before the offset that it read last. In a topic that was deleted and made again
  that is everything, in silence; aiokafka's positions are all that counts here.
- Faust holds the time of a partition's last answer (the wall's) against a clock that began with the
  machine, and a partition assigned just now against the worker's start: after each rebalance it said
  "Aiokafka has not sent fetch request". Whether work stands still is the window's to say (`Stalled`).
"""

from __future__ import annotations

from typing import Any

import structlog
from aiokafka.structs import TopicPartition
from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread, Transport
from faust.transport.drivers.aiokafka import Consumer as KafkaConsumer
from faust.types import TP
from faust.types.tuples import ConsumerMessage

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


class WatchedTransport(Transport):
    """See the module."""

    Consumer = _Consumer


def _rewound(tp: TopicPartition, wanted: int, found: int) -> None:
    log.error("partition.rewound", topic=tp.topic, partition=tp.partition, wanted=wanted, begins=found)
