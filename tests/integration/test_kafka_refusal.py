"""What is said of a broker that does not take us: the embedded one, behind TLS of the test's making."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from pydantic import SecretStr

from schemas.errors import Unavailable
from streams.adapters.kafka import connection as connections
from streams.adapters.kafka.admin import TopicAdmin
from streams.adapters.kafka.connection import ClientCertificate, KafkaConnection, Login
from streams.adapters.kafka.consumer import groupless
from streams.adapters.kafka.diagnosis import refusal
from streams.adapters.kafka.producer import ProducerSettings
from streams.adapters.kafka.publisher import KafkaPublisher
from streams.adapters.kafka.reader import TopicReader
from tests.certificates import DAY, Authority, Certificate, server_context
from tests.listener import Listener, nobody

ELSEWHERE = x509.SubjectAlternativeName(
    [x509.DNSName("elsewhere.example"), x509.IPAddress(ip_address("10.9.8.7"))]
)


@asynccontextmanager
async def behind(context: ssl.SSLContext, upstream: str) -> AsyncIterator[str]:
    """The address of a port that speaks TLS and hands on what it is told to `upstream`."""

    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answers, requests = await asyncio.open_connection(*upstream.split(":"))
        pumps = [asyncio.create_task(_pump(*each)) for each in ((reader, requests), (answers, writer))]
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)
            requests.close()

    async with Listener(relay, context=context) as listener:
        yield listener.address


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@pytest.fixture
def broker(authority: Authority) -> Certificate:
    return authority.certificate("broker")


async def test_a_broker_whose_certificate_holds_takes_us(
    authority: Authority, broker: Certificate, embedded: str
) -> None:
    async with behind(server_context(broker), embedded) as address:
        assert await refusal(KafkaConnection(address, connections.trusting(authority.file))) is None


async def test_a_certificate_of_another_authority_is_told(
    broker: Certificate, embedded: str, tmp_path: Path
) -> None:
    other = Authority(tmp_path, "other")
    async with behind(server_context(broker), embedded) as address:
        said = await refusal(KafkaConnection(address, connections.trusting(other.file)))
    assert (
        said
        == f"{address}: its certificate is not accepted (ca_file): unable to get local issuer certificate"
    )


async def test_an_expired_certificate_is_told(authority: Authority, embedded: str) -> None:
    expired = authority.certificate("expired", until=-DAY)
    async with behind(server_context(expired), embedded) as address:
        said = await refusal(KafkaConnection(address, connections.trusting(authority.file)))
    assert said
    assert "its certificate is not accepted (ca_file): certificate has expired" in said


async def test_a_certificate_of_another_host_is_told(authority: Authority, embedded: str) -> None:
    theirs = authority.certificate("theirs", names=ELSEWHERE)
    async with behind(server_context(theirs), embedded) as address:
        said = await refusal(KafkaConnection(address, connections.trusting(authority.file)))
    assert said
    assert "IP address mismatch, certificate is not valid for '127.0.0.1'" in said


async def test_a_broker_that_wants_our_certificate_is_told(
    authority: Authority, broker: Certificate, embedded: str
) -> None:
    ours = authority.certificate("ours")
    context = connections.trusting(authority.file)
    async with behind(server_context(broker, clients_of=authority), embedded) as address:
        said = await refusal(KafkaConnection(address, context))
        assert said
        assert "security, certificate_file" in said or "hangs up on SSL" in said
        connections.show(context, ClientCertificate(ours.file, ours.key_file))
        assert await refusal(KafkaConnection(address, context)) is None


async def test_a_port_that_speaks_no_tls_is_told(authority: Authority, embedded: str) -> None:
    async with asyncio.timeout(20):
        said = await refusal(KafkaConnection(embedded, connections.trusting(authority.file)))
    assert said
    assert said.startswith(f"{embedded}: ")


async def test_a_port_that_speaks_tls_alone_is_told(broker: Certificate, embedded: str) -> None:
    async with behind(server_context(broker), embedded) as address:
        said = await refusal(address)
    assert said == f"{address}: it hangs up on PLAINTEXT: is that what this port speaks (security)?"


async def test_nobody_there_is_told() -> None:
    address = nobody()
    said = await refusal(address)
    assert said
    assert said.startswith(f"no broker at {address}: ConnectionRefusedError")


async def test_of_several_the_first_that_refuses_is_told(embedded: str) -> None:
    said = await refusal(f"{embedded},127.0.0.1:1")
    assert said
    assert said.startswith("no broker at 127.0.0.1:1: ")


def _publisher(connection: KafkaConnection) -> AbstractAsyncContextManager[object]:
    return KafkaPublisher(ProducerSettings(bootstrap=connection))


CLIENTS: dict[str, Callable[[KafkaConnection], AbstractAsyncContextManager[object]]] = {
    "publisher": _publisher,
    "admin": TopicAdmin,
    "reader": lambda connection: TopicReader(connection, "photos"),
    "consumer": lambda connection: groupless(connection, seconds=10),
}


@pytest.mark.parametrize("client", CLIENTS)
async def test_every_client_says_why_it_is_refused(
    client: str, broker: Certificate, embedded: str, tmp_path: Path
) -> None:
    login = Login("tagger", SecretStr("canary-of-kafka"), "SCRAM-SHA-512")
    async with behind(server_context(broker), embedded) as address:
        connection = KafkaConnection(address, connections.trusting(Authority(tmp_path, "other").file), login)
        with pytest.raises(Unavailable) as raised:
            await CLIENTS[client](connection).__aenter__()
    assert raised.value.dependency == "broker"
    assert "its certificate is not accepted (ca_file)" in str(raised.value)
    assert "canary" not in str(raised.value)


async def test_a_port_that_never_answers_is_given_up() -> None:
    async def silent(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.read()

    async with Listener(silent) as listener:
        with pytest.raises(Unavailable, match=r"no answer within 0\.5 s"):
            await TopicAdmin(listener.address, seconds=0.5).__aenter__()
