"""Backends by settings: the connections of Kafka and S3; without the model, which is slow to import."""

from __future__ import annotations

from ssl import SSLContext

from agents.wiring.settings import Settings, blame
from streams.adapters.kafka import connection
from streams.adapters.kafka.connection import ClientCertificate, KafkaConnection, Login
from streams.adapters.kafka.producer import ProducerSettings
from streams.adapters.kafka.settings import ConnectionSettings
from streams.adapters.s3.settings import S3Settings


def kafka_connection(settings: Settings) -> KafkaConnection:
    """The brokers and how they are spoken to.

    Raises `ConfigurationError` where a certificate or a key is not there, or none.
    """
    ours = settings.kafka
    return KafkaConnection(ours.brokers, _tls(ours) if ours.is_tls else None, _login(ours))


def _tls(ours: ConnectionSettings) -> SSLContext:
    with blame("TAGSTREAM_KAFKA__CA_FILE"):
        context = connection.trusting(ours.ca_file)
    if ours.certificate_file:
        with blame("TAGSTREAM_KAFKA__CERTIFICATE_FILE"):
            connection.show(
                context, ClientCertificate(ours.certificate_file, ours.key_file, ours.key_password)
            )
    return context


def _login(ours: ConnectionSettings) -> Login | None:
    if ours.username is None or ours.password is None:
        return None
    return Login(ours.username, ours.password, ours.sasl_mechanism)


def kafka_settings(settings: Settings) -> ProducerSettings:
    """The publisher's settings; raises as `kafka_connection` does."""
    return ProducerSettings(bootstrap=kafka_connection(settings), source=settings.kafka.source)


def s3_settings(settings: Settings) -> S3Settings:
    """The S3 adapter's settings; ours first, then the standard AWS names."""
    ours = settings.s3
    where = {
        "endpoint_url": ours.endpoint_url or settings.aws_endpoint_url,
        "region": ours.region or settings.aws_region,
    }
    return ours.model_copy(update=where)
