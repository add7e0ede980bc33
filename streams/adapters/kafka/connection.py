"""Kafka connection: addresses, TLS and login, from which every client, Faust's too, takes its options."""

from __future__ import annotations

import logging
import ssl
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from confluent_kafka import Producer
from pydantic import SecretStr

from schemas.errors import ConfigurationError
from streams.adapters.kafka.settings import SaslMechanism


@dataclass(frozen=True, slots=True)
class Login:
    """Who we are to the broker."""

    username: str
    password: SecretStr
    mechanism: SaslMechanism


@dataclass(frozen=True, slots=True)
class KafkaConnection:
    """A cluster, and how it is spoken to: in the clear and without a login where nothing else is said."""

    bootstrap: str
    """`host:port`, several by commas."""
    tls: ssl.SSLContext | None = field(default=None, repr=False)
    login: Login | None = None

    @classmethod
    def to(cls, address: KafkaAddress) -> KafkaConnection:
        """The connection itself; of a bare `host:port`, one in the clear."""
        return address if isinstance(address, KafkaConnection) else cls(address)

    @property
    def protocol(self) -> str:
        """Kafka's own name of it: PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL."""
        return ("SASL_" if self.login else "") + ("SSL" if self.tls else "PLAINTEXT")

    @property
    def security(self) -> dict[str, Any]:
        """What aiokafka's clients and connections take of it, the addresses apart."""
        options: dict[str, Any] = {"security_protocol": self.protocol, "ssl_context": self.tls}
        if self.login is None:
            return options
        return options | {
            "sasl_mechanism": self.login.mechanism,
            "sasl_plain_username": self.login.username,
            "sasl_plain_password": self.login.password.get_secret_value(),
        }

    @property
    def options(self) -> dict[str, Any]:
        """Arguments of each of aiokafka's clients. They hold the password: for a call, and no log."""
        return {"bootstrap_servers": self.bootstrap} | self.security


KafkaAddress = str | KafkaConnection
"""A bare `host:port` is spoken to in the clear."""


@dataclass(frozen=True, slots=True)
class ClientCertificate:
    """What this client shows of itself, in PEM files."""

    file: Path
    key_file: Path | None = None
    """The certificate's own file where absent."""
    key_password: SecretStr | None = None


def trusting(ca_file: Path | None) -> ssl.SSLContext:
    """A context that trusts the authorities in `ca_file`, or this system's where it is None.

    Raises:
        ConfigurationError: the file cannot be read, or holds no certificate.
    """
    try:
        return ssl.create_default_context(cafile=ca_file)
    except ssl.SSLError as error:
        raise ConfigurationError(f"{ca_file} holds no PEM certificate of an authority") from error
    except OSError as error:
        raise ConfigurationError(f"{ca_file} cannot be read: {error.strerror}") from error


def show(context: ssl.SSLContext, certificate: ClientCertificate) -> None:
    """Make `context` show the certificate.

    Raises:
        ConfigurationError: a file cannot be read, is none, or is not the other's; or a wrong password.
    """
    password = certificate.key_password
    # Always a function: without one OpenSSL would ask on the terminal, and a worker would wait for ever.
    secret = password.get_secret_value() if password else ""
    try:
        context.load_cert_chain(certificate.file, certificate.key_file, lambda: secret)
    except ssl.SSLError as error:
        raise ConfigurationError(_words(certificate, error)) from error
    except OSError as error:
        raise ConfigurationError(f"{_named(certificate)} cannot be read: {error.strerror}") from error


def _words(certificate: ClientCertificate, error: ssl.SSLError) -> str:
    if error.reason == "KEY_VALUES_MISMATCH":
        return f"{_named(certificate)} do not belong together"
    return f"{_named(certificate)} hold no PEM certificate and key, or key_password is not the key's"


def _named(certificate: ClientCertificate) -> str:
    return " and ".join(str(path) for path in (certificate.file, certificate.key_file) if path)


PARTITIONS = 4
"""Partitions of every topic of the mock cluster."""

KEPT_BYTES = 5 * 2**20
"""That the mock cluster keeps of a partition; beyond it the oldest records are dropped, read or not."""

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

    def __exit__(self, *_: object) -> None:
        self._cluster = None

    def create(self, *topics: str) -> None:
        """Make `topics` exist, each with `PARTITIONS` partitions."""
        if self._cluster is None:
            raise RuntimeError("the embedded broker is not running")
        for topic in topics:
            self._cluster.list_topics(topic, timeout=10)
