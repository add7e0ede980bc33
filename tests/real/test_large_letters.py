"""Letters of messages as large as their topic takes, over Apache Kafka: whole, and sent back whole."""

from __future__ import annotations

import random

import pytest
from aiokafka import AIOKafkaProducer

from schemas import topics
from schemas.events import DeadLetter
from schemas.wire import headers
from streams.adapters.kafka.producer import ProducerSettings
from streams.adapters.kafka.publisher import KafkaPublisher, RedrivePublisher
from streams.adapters.kafka.reader import read_all
from streams.message import Message
from tests.real.premises import Premises

pytestmark = pytest.mark.real

VALUE = random.Random(0).randbytes(1024 * 1024 - 500)
"""What no codec makes smaller, as large as a topic takes by default."""
OVER = random.Random(1).randbytes(3 * 1024 * 1024)
"""More than the dead letters take."""


def letter(message: Message) -> DeadLetter:
    return DeadLetter(
        key=message.key,
        value=message.value or b"",
        headers=message.headers,
        source=message.source,
        stage="message",
        code="malformed",
        exception="Malformed",
        message="not JSON " * 400,
        trace="x" * 4000,
    )


async def test_the_letter_of_the_largest_message_is_whole_and_goes_back_whole(premises: Premises) -> None:
    async with AIOKafkaProducer(bootstrap_servers=premises.bootstrap, max_request_size=2**22) as producer:
        await producer.send_and_wait(topics.UPLOADED, VALUE, partition=0)
    (came,) = [
        message for message in await read_all(premises.bootstrap, topics.UPLOADED) if message.value == VALUE
    ]
    settings = ProducerSettings(bootstrap=premises.bootstrap)
    async with KafkaPublisher(settings) as publisher:
        await publisher.bury(letter(came))
    (dead,) = await read_all(premises.bootstrap, topics.DEAD_LETTERS)
    assert dead.value == VALUE
    assert not headers.is_truncated(dead.headers)
    async with RedrivePublisher(settings) as redriver:
        await redriver.redrive(dead)
    assert (await read_all(premises.bootstrap, topics.UPLOADED))[-1].value == VALUE


async def test_what_the_broker_refuses_is_cut_and_disturbs_no_other_event(premises: Premises) -> None:
    settings = ProducerSettings(bootstrap=premises.bootstrap)
    async with KafkaPublisher(settings) as publisher:
        await publisher.bury(letter(Message(topics.UPLOADED, 0, 7, b"k", OVER)))
        await publisher.bury(letter(Message(topics.UPLOADED, 0, 8, b"k", b"{")))
    letters = await read_all(premises.bootstrap, topics.DEAD_LETTERS)
    lengths = {headers.origin(each)[2]: len(each.value or b"") for each in letters if each.key == b"k"}
    assert lengths == {7: 256 * 1024, 8: 1}
