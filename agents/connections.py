"""From the program's settings to those of its adapters; without the model, which is slow to import."""

from __future__ import annotations

from typing import Any

from agents.brokers import kafka_connection
from agents.settings import Settings
from streams.adapters.kafka_outbox import KafkaSettings
from streams.adapters.s3_settings import S3Credentials, S3Settings


def kafka_settings(settings: Settings) -> KafkaSettings:
    """The publisher's settings; raises as `kafka_connection` does."""
    return KafkaSettings(bootstrap=kafka_connection(settings), source=settings.kafka.source)


def s3_settings(settings: Settings) -> S3Settings:
    """The S3 adapter's settings; ours first, then the standard AWS names."""
    ours = settings.s3
    where: dict[str, Any] = {
        "endpoint_url": ours.endpoint_url or settings.aws_endpoint_url,
        "region": ours.region or settings.aws_region,
    }
    if ours.access_key_id and ours.secret_access_key:
        key = ours.access_key_id.get_secret_value()
        where["credentials"] = S3Credentials(access_key_id=key, secret_access_key=ours.secret_access_key)
    return S3Settings(
        **{name: value for name, value in where.items() if value is not None},
        allowed_buckets=frozenset(ours.buckets),
        fetch_concurrency=ours.concurrency,
        bytes_in_flight=ours.bytes_in_flight,
        max_object_bytes=ours.max_object_bytes,
        deadline_seconds=ours.deadline,
    )
