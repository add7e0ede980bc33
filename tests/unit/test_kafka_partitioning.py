"""Which partition a message goes to: the one that every other client of Kafka would choose."""

from __future__ import annotations

import pytest
from aiokafka.partitioner import DefaultPartitioner

from streams.adapters.kafka.producer import partition_of

KAFKAS = DefaultPartitioner()


@pytest.mark.parametrize("every", [[0], [0, 1, 2, 3], list(range(17))])
def test_a_key_goes_where_kafka_sends_it(every: list[int]) -> None:
    keys = [f"img_{number}".encode() for number in range(50)]
    chosen = [partition_of(key, every, every) for key in keys * 2]
    assert chosen == [KAFKAS(key, every, every) for key in keys * 2]


def test_a_message_without_a_key_goes_to_a_partition_that_is_there() -> None:
    assert {partition_of(None, [0, 1, 2, 3], [2]) for _ in range(20)} == {2}
