"""Where Kafka is and how it is spoken to: every client, Faust's too, takes its options from here."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from pydantic import SecretStr


class Mechanism(StrEnum):
    """How a name and a password are proven to the broker (SASL)."""

    PLAIN = "PLAIN"
    """Sends the password itself."""
    SCRAM_SHA_256 = "SCRAM-SHA-256"
    SCRAM_SHA_512 = "SCRAM-SHA-512"


@dataclass(frozen=True, slots=True)
class Login:
    """Who we are to the broker."""

    username: str
    password: SecretStr
    mechanism: Mechanism = Mechanism.SCRAM_SHA_512


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
            "sasl_mechanism": self.login.mechanism.value,
            "sasl_plain_username": self.login.username,
            "sasl_plain_password": self.login.password.get_secret_value(),
        }

    @property
    def options(self) -> dict[str, Any]:
        """Arguments of each of aiokafka's clients. They hold the password: for a call, and no log."""
        return {"bootstrap_servers": self.bootstrap} | self.security


KafkaAddress = str | KafkaConnection
"""A bare `host:port` is spoken to in the clear."""
