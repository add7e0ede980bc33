"""From the program's settings to those of its adapters; without the model, which is slow to import."""

from __future__ import annotations

from ssl import SSLContext

from agents.wiring.settings import Settings, StoreSettings, blame
from schemas.errors import ConfigurationError
from streams.adapters.kafka import connection
from streams.adapters.kafka.connection import ClientCertificate, KafkaConnection, Login, Mechanism
from streams.adapters.kafka.producer import ProducerSettings
from streams.adapters.kafka.settings import ConnectionSettings
from streams.adapters.mongo.store import MongoScores
from streams.adapters.s3.settings import S3Settings
from streams.adapters.sqlite.store import SqliteScores


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
    return Login(ours.username, ours.password, Mechanism(ours.sasl_mechanism))


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


def open_store(settings: StoreSettings) -> MongoScores | SqliteScores:
    """The store, not yet entered: `async with` opens and closes it."""
    return SqliteScores(settings.path) if settings.url is None else open_mongo(settings)


def open_mongo(settings: StoreSettings) -> MongoScores:
    """MongoDB, for what only it needs; not yet entered. Raises `ConfigurationError` where no URL is set."""
    if settings.url is None:
        raise ConfigurationError("TAGSTREAM_STORE__URL: it is not set, so there is no MongoDB")
    return MongoScores(settings)


def blamed(settings: StoreSettings) -> str:
    """The setting that is wrong when the store cannot be opened."""
    return "TAGSTREAM_STORE__PATH" if settings.url is None else "TAGSTREAM_STORE__URL"
