"""Settings of Kafka: how the brokers are spoken to, how a worker reads, and who it is in what it writes."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Self

from pydantic import Field, SecretStr, model_validator

from schemas.settings import Advanced, Section

SaslMechanism = Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"]
"""How a name and a password are proven to the broker; PLAIN sends the password itself."""


class ConnectionSettings(Section):
    """The brokers, and how they are spoken to."""

    brokers: str = Field("127.0.0.1:9092", description="Bootstrap servers, host:port separated by commas")
    security: Literal["plaintext", "ssl", "sasl_plaintext", "sasl_ssl"] = Field(
        "plaintext", description="What the brokers' port speaks: TLS with ssl, a login with sasl"
    )
    ca_file: Path | None = Field(
        None, description="PEM file of the authorities trusted for TLS; this system's where absent"
    )
    certificate_file: Path | None = Field(
        None, description="PEM file of this client's certificate, where the brokers want one"
    )
    key_file: Path | None = Field(None, description="PEM file of its key; the certificate's own where absent")
    key_password: SecretStr | None = Field(None, description="Password of an encrypted key")
    sasl_mechanism: SaslMechanism = Field(
        "SCRAM-SHA-512", description="How the login is proven; PLAIN sends the password itself"
    )
    username: str | None = Field(None, min_length=1, description="Name of the login, with a security of sasl")
    password: SecretStr | None = Field(None, min_length=1, description="Password of the login")

    @property
    def is_tls(self) -> bool:
        """Whether connections are encrypted and the brokers' certificates verified."""
        return self.security.endswith("ssl")

    @model_validator(mode="after")
    def _certificate_goes_with_tls(self) -> Self:
        given = [name for name in ("ca_file", "certificate_file", "key_file") if getattr(self, name)]
        if given and not self.is_tls:
            raise ValueError(
                f"{given[0]} is of no use with security {self.security}; set it to ssl or sasl_ssl"
            )
        if (self.key_file or self.key_password) and not self.certificate_file:
            raise ValueError("a key without certificate_file; set it, or neither key_file nor key_password")
        return self

    @model_validator(mode="after")
    def _login_goes_with_sasl(self) -> Self:
        given = [name for name in ("username", "password") if getattr(self, name)]
        if given and not self.security.startswith("sasl"):
            raise ValueError(f"{given[0]} is of no use with security {self.security}; set it to sasl_ssl")
        if self.security.startswith("sasl") and len(given) < 2:  # noqa: PLR2004 - both
            raise ValueError(f"security {self.security} wants both username and password")
        return self


class ConsumerSettings(Section):
    """How a worker reads."""

    group: str = Field("tagstream", min_length=1, description="Consumer group of the live workers")
    session_timeout: float = Field(6.0, gt=0, description="Seconds of silence before a worker is given up")
    """The least that brokers take as they come (`group.min.session.timeout.ms`)."""
    drain_limit: float = Field(
        20.0,
        ge=0,
        description="Seconds that work in flight has to finish at a stop; "
        "at a rebalance half of SESSION_TIMEOUT, if that is less",
    )
    commit_interval: Advanced[float] = Field(0.5, gt=0, description="Seconds between two commits of offsets")
    metadata_age: Advanced[float] = Field(
        30.0,
        gt=0,
        description="Seconds until a worker sees that partitions or topics were added or made again",
    )
    buffer: Advanced[int] = Field(1024, ge=1, description="Messages held before the partitions are paused")

    @property
    def revocation_limit(self) -> float:
        """Seconds that work in flight has to finish at a rebalance: the whole group waits for it."""
        return min(self.drain_limit, self.session_timeout / 2)


class EventSettings(Section):
    """What every event that goes out says of its sender."""

    source: str = Field("/tagstream", min_length=1, description="`ce_source` of every event that goes out")
    """A URI reference that names this installation."""


class KafkaSettings(EventSettings, ConsumerSettings, ConnectionSettings):
    """The broker, and how this worker reads from it and writes to it."""
