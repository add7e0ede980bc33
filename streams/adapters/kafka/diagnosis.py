"""Connection diagnosis: why a broker does not take us, in words.

aiokafka's clients try every bootstrap server, write each cause into a log line, and raise one error that
has none of them. So when a client cannot start, each server is asked once more, by a bare connection whose
errors are its own.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Final

from aiokafka.conn import collect_hosts, create_conn
from aiokafka.errors import IllegalSaslStateError, KafkaConnectionError, KafkaError, SaslAuthenticationFailed
from aiokafka.protocol.metadata import MetadataRequest

from schemas.errors import Unavailable
from streams.adapters.kafka.connection import KafkaAddress, KafkaConnection

ASK_SECONDS: Final = 3.0
"""For one server's answer, once a client could not start."""

FOREIGN: Final = (KafkaError, TimeoutError, OSError)


@asynccontextmanager
async def starting(address: KafkaAddress, *, seconds: float) -> AsyncIterator[None]:
    """For a client's start, no longer than `seconds`; its errors leave as `Unavailable` and say why."""
    try:
        async with asyncio.timeout(seconds):
            yield
    except TimeoutError as error:
        raise Unavailable("broker", f"no answer within {seconds:g} s") from error
    except KafkaConnectionError as error:
        raise Unavailable("broker", await refusal(address) or words(error)) from error
    except (*FOREIGN, ValueError) as error:  # the last is of a SCRAM server that does not know the password
        raise Unavailable("broker", words(error)) from error


async def refusal(address: KafkaAddress) -> str | None:
    """What the first bootstrap server that refuses us has against it; None where each answers."""
    connection = KafkaConnection.to(address)
    servers = collect_hosts(connection.bootstrap, randomize=False)  # type: ignore[no-untyped-call]
    for host, port, _ in servers:
        try:
            async with asyncio.timeout(ASK_SECONDS):
                await _ask(connection, host, port)
        except ConnectionRefusedError as error:
            return f"no broker at {host}:{port}: {words(error)}"
        except (*FOREIGN, ValueError) as error:
            return f"{host}:{port}: {_meaning(error, connection)}"
    return None


def words(error: BaseException) -> str:
    """An error's kind and what it says."""
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


async def _ask(connection: KafkaConnection, host: str, port: int) -> None:
    opened: Any = await create_conn(host, port, **connection.security)  # type: ignore[no-untyped-call]
    try:
        await opened.send(MetadataRequest([]))
    finally:
        opened.close()


def _meaning(error: BaseException, connection: KafkaConnection) -> str:
    for kind, meaning in _MEANINGS:
        if isinstance(error, kind):
            return meaning(error, connection)
    return words(error)


def _untrusted(error: Any, _: KafkaConnection) -> str:  # noqa: ANN401 - the kind that stands beside it
    return f"its certificate is not accepted (ca_file): {error.verify_message}"


def _no_tls(error: Any, _: KafkaConnection) -> str:  # noqa: ANN401 - as above
    return f"the TLS handshake fails (security, certificate_file): {error.reason or error}"


def _wrong_login(error: Any, connection: KafkaConnection) -> str:  # noqa: ANN401 - as above
    login = connection.login
    who = f"{login.username!r} by {login.mechanism}" if login else "nobody"
    return f"it refuses the login of {who} (username, password, sasl_mechanism): {error}"


def _no_login(_: Any, __: KafkaConnection) -> str:  # noqa: ANN401 - as above
    return "this port takes no login (security)"


def _hung_up(error: Any, connection: KafkaConnection) -> str:  # noqa: ANN401 - as above
    if isinstance(error.__cause__, ssl.SSLError):
        return _no_tls(error.__cause__, connection)
    return f"it hangs up on {connection.protocol}: is that what this port speaks (security)?"


_MEANINGS: Final[tuple[tuple[type[BaseException], Callable[[Any, KafkaConnection], str]], ...]] = (
    (ssl.SSLCertVerificationError, _untrusted),
    (ssl.SSLError, _no_tls),
    (SaslAuthenticationFailed, _wrong_login),
    (IllegalSaslStateError, _no_login),
    (KafkaConnectionError, _hung_up),
    (ConnectionResetError, _hung_up),
)
