"""The uploads of a scenario: good ones, repeated ones, newer ones, and bad ones of every kind."""

import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from aiokafka import AIOKafkaProducer

from schemas import topics
from schemas.uploads import ImageUploaded, Location
from tests.e2e.worker_under_test import BUCKET

START = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Sent:
    """One message as it was published."""

    partition: int
    offset: int
    upload: ImageUploaded | None
    """None for a message that is no event."""
    is_bad: bool


Planned = tuple[bytes, bytes, ImageUploaded | None, bool]
"""Key, value, event, and whether it must be dead-lettered."""


def plan(count: int, folder: Path) -> list[Planned]:
    """`count` messages, the same every time; writes their images."""
    dice = random.Random(7)
    bucket = folder / BUCKET
    bucket.mkdir(parents=True, exist_ok=True)
    messages: list[Planned] = []
    for number in range(count):
        messages.append(_message(number, bucket, dice=dice, earlier=messages))
    return messages


def _message(  # noqa: PLR0911 - a kind of message a return
    number: int,
    bucket: Path,
    *,
    dice: random.Random,
    earlier: list[Planned],
) -> Planned:
    good = [message for message in earlier[-200:] if message[2] is not None and not message[3]]
    match number % 50:
        case 7:
            return f"img_malformed-{number}".encode(), b'{"location": 5', None, True
        case 13:
            return _event(_upload(number, f"missing-{number}.jpg"), is_bad=True)
        case 19:
            (bucket / f"broken-{number}.jpg").write_bytes(b"broken")
            return _event(_upload(number, f"broken-{number}.jpg"), is_bad=True)
        case 23:
            (bucket / f"large-{number}.jpg").write_bytes(bytes(10_001))
            return _event(_upload(number, f"large-{number}.jpg"), is_bad=True)
        case 29:
            elsewhere = Location(bucket="secrets", key=f"{number}.jpg")
            return _event(_upload(number, "x").model_copy(update={"location": elsewhere}), is_bad=True)
        case 31 | 37 if good:
            return dice.choice(good)  # the same event once more
        case 41 | 43 if good:
            again = dice.choice(good)[2]
            assert again is not None
            # The same image once more: said later, or said late.
            moment = number if number % 50 == 41 else number - 1_000
            return _event(_upload(number, again.location.key, moment=moment), is_bad=False)
    key = f"good-{number}.jpg"
    (bucket / key).write_bytes(dice.randbytes(64))
    return _event(_upload(number, key), is_bad=False)


def _upload(number: int, key: str, *, moment: int | None = None) -> ImageUploaded:
    return ImageUploaded.model_validate(
        {
            "location": {"bucket": BUCKET, "key": key},
            "uploaded_at": START + timedelta(seconds=number if moment is None else moment),
            "event_id": f"event-{number}",
            "restaurant_id": f"restaurant-{number % 7}" if number % 3 else None,
        }
    )


def _event(upload: ImageUploaded, *, is_bad: bool) -> Planned:
    return upload.image_id.encode(), upload.model_dump_json().encode(), upload, is_bad


async def publish(bootstrap: str, messages: list[Planned]) -> list[Sent]:
    """Send them in order, each to the partition that its key names."""
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all", enable_idempotence=True)
    await producer.start()
    try:
        futures = [
            (await producer.send(topics.UPLOADED, value, key=key), upload, is_bad)
            for key, value, upload, is_bad in messages
        ]
        sent = [(await future, upload, is_bad) for future, upload, is_bad in futures]
    finally:
        await producer.stop()
    return [Sent(meta.partition, meta.offset, upload, is_bad) for meta, upload, is_bad in sent]
