"""From the program's settings to the connection that every client of Kafka makes."""

from __future__ import annotations

from ssl import SSLContext

from agents.settings import KafkaSettings, Settings, blame
from streams.adapters import tls
from streams.adapters.kafka_connection import KafkaConnection, Login, Mechanism
from streams.adapters.tls import ClientCertificate


def kafka_connection(settings: Settings) -> KafkaConnection:
    """The brokers and how they are spoken to.

    Raises `ConfigurationError` where a certificate or a key is not there, or none.
    """
    ours = settings.kafka
    return KafkaConnection(ours.brokers, _tls(ours) if ours.is_tls else None, _login(ours))


def _tls(ours: KafkaSettings) -> SSLContext:
    with blame("TAGSTREAM_KAFKA__CA_FILE"):
        context = tls.trusting(ours.ca_file)
    if ours.certificate_file:
        with blame("TAGSTREAM_KAFKA__CERTIFICATE_FILE"):
            tls.show(context, ClientCertificate(ours.certificate_file, ours.key_file, ours.key_password))
    return context


def _login(ours: KafkaSettings) -> Login | None:
    if ours.username is None or ours.password is None:
        return None
    return Login(ours.username, ours.password, Mechanism(ours.sasl_mechanism))
