"""A Kafka broker inside this process: librdkafka's mock cluster, which speaks the real protocol.

Faust's worker, groups, rebalances and session expiry work against it as against Apache Kafka. Its
limits, measured: topics exist by first use, have 4 partitions, and keep about 5 MB a partition;
older records are dropped in silence: whoever reads a whole topic checks that it begins at 0.
"""

from __future__ import annotations

import logging
from types import TracebackType
from typing import Self

from confluent_kafka import Producer

PARTITIONS = 4
"""Partitions of every topic of the mock cluster."""

log = logging.getLogger(__name__)


class EmbeddedBroker:
    """One mock broker on a free loopback port, for as long as the `with` block runs."""

    def __init__(self) -> None:
        self._cluster: Producer | None = None
        self.bootstrap = ""
        """`127.0.0.1:port`, once entered."""

    def __enter__(self) -> Self:
        # The cluster belongs to this client and ends with it.
        self._cluster = Producer({"test.mock.num.brokers": 1, "log_level": 3})
        brokers = self._cluster.list_topics(timeout=10).brokers.values()
        self.bootstrap = ",".join(f"{broker.host}:{broker.port}" for broker in brokers)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._cluster = None

    def create(self, *topics: str) -> None:
        """Make `topics` exist, each with `PARTITIONS` partitions."""
        if self._cluster is None:
            raise RuntimeError("the embedded broker is not running")
        for topic in topics:
            self._cluster.list_topics(topic, timeout=10)
