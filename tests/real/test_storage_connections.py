"""The stack's gateway keeps connections, as S3 does: without that every read would pay for a connection."""

from __future__ import annotations

from http.client import HTTPConnection

import pytest

from deploy.stack.layout import HOST
from deploy.stack.stack import Stack
from schemas.uploads import Location
from streams.adapters.s3.images import S3Images
from tests.faults.speech import Http
from tests.faults.storing import s3_of
from tests.faults.wire import Wire
from tests.real.bucket import Bucket
from tests.seen import Tell

pytestmark = [pytest.mark.real, pytest.mark.timeout(300)]

READS = 20


def test_two_requests_go_over_one_connection(stack: Stack) -> None:
    connection = HTTPConnection(HOST, stack.layout.ports.s3, timeout=10)
    connection.connect()
    used = connection.sock
    for _ in range(2):
        connection.request("GET", "/health")
        answer = connection.getresponse()
        assert (answer.status, answer.getheader("Connection")) == (200, None)
        answer.read()
        assert connection.sock is used
    connection.close()


async def test_the_adapters_reads_share_a_connection(stack: Stack, bucket: Bucket, tell: Tell) -> None:
    bucket.put("r1/kept.jpg", b"jpeg")
    with Wire(stack.layout.ports.s3, Http()) as wire:
        settings = s3_of(stack).model_copy(update={"endpoint_url": f"http://{wire.host}:{wire.port}"})
        async with S3Images(settings) as images:
            for _ in range(READS):
                read = await images.fetch(Location(bucket=bucket.name, key="r1/kept.jpg"))
                assert read.data == b"jpeg"
    tell(f"S3 gateway: {len(wire.times)} reads over {wire.connections} connection")
    assert (len(wire.times), wire.connections) == (READS, 1)
