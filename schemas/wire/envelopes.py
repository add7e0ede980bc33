"""Envelopes: what queues, buses and connectors put around an event, and what they say of it outside of it.

Each is told by names that nobody else has. What is within one may be another: SNS within SQS is common.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from schemas.errors import Malformed
from schemas.wire import framing

Body = Mapping[str, object]

MAX_DEPTH: Final = 12
"""Envelopes in one another, at most."""


@dataclass(frozen=True, slots=True)
class Hints:
    """What was said outside of an event, for where the event does not say it itself."""

    kind: str | None = None
    """Its type."""
    time: object | None = None
    event_id: str | None = None

    def over(self, outer: Hints) -> Hints:
        """These, and where they say nothing what stood further outside."""
        return Hints(self.kind or outer.kind, self.time or outer.time, self.event_id or outer.event_id)


@dataclass(frozen=True, slots=True)
class Envelope:
    """An envelope that was recognised."""

    shape: str
    """What it is, for letters."""
    inner: object
    """The JSON value within, or text that is JSON."""
    hints: Hints = Hints()
    place: str | None = None
    """The name that the event has in the envelope, where its hints must stay around it."""

    def around(self, body: Body, document: object) -> object:
        """The envelope `body` around another document; that document alone where nothing else matters."""
        return document if self.place is None else {**body, self.place: document}


def opened(body: Body) -> Envelope | None:
    """The envelope that `body` is; None where it is none. Raises `Malformed` for one that holds no event."""
    return next((found for opener in _OPENERS if (found := opener(body)) is not None), None)


def transported(body: object) -> object | None:
    """What stands in the envelope that `body` is, whatever was said outside of it; None where it is none."""
    if isinstance(body, str):
        return framing.read(body.encode())
    found = opened(body) if isinstance(body, dict) else None
    return found.inner if found else None


def _sns(body: Body) -> Envelope | None:
    kind = body.get("Type")
    if kind in ("SubscriptionConfirmation", "UnsubscribeConfirmation") and "TopicArn" in body:
        raise Malformed("SNS asks to confirm a subscription: open its `SubscribeURL` once")
    is_one = "TopicArn" in body or kind == "Notification" or body.get("Action") == "Publish"
    return Envelope("SNS notification", body["Message"]) if is_one and "Message" in body else None


def _sns_record(body: Body) -> Envelope | None:
    return Envelope("SNS record", body["Sns"]) if isinstance(body.get("Sns"), dict) else None


def _sqs(body: Body) -> Envelope | None:
    for text, names in (("Body", ("MessageId", "ReceiptHandle")), ("body", ("messageId", "receiptHandle"))):
        if text in body and any(name in body for name in names):
            return Envelope("SQS message", body[text])
    return None


def _sqs_answer(body: Body) -> Envelope | None:
    messages = body.get("Messages")
    return Envelope("SQS messages", messages) if isinstance(messages, list) else None


def _event_bridge(body: Body) -> Envelope | None:
    kind = body.get("detail-type")
    if "detail" not in body or not isinstance(kind, str):
        return None
    return Envelope(
        "EventBridge event", body["detail"], Hints(kind or None, body.get("time")), place="detail"
    )


def _connect(body: Body) -> Envelope | None:
    if body.keys() != {"schema", "payload"} or not isinstance(body["schema"], dict | None):
        return None
    return Envelope("Kafka Connect's schema and payload", body["payload"])


def _row_change(body: Body) -> Envelope | None:
    """Debezium's change of a row; the row is an outbox's."""
    if "op" not in body or "after" not in body:
        return None
    row = body["after"]
    if row is None:
        return Envelope("Debezium's change of a row", [])  # the outbox's own tidying up
    if not isinstance(row, dict) or "payload" not in row:
        raise Malformed(
            "Debezium's change of a row that has no `payload`: send an outbox's, or its event router's"
        )
    return Envelope("Debezium's change of a row", row, place="after")


def _outbox(body: Body) -> Envelope | None:
    if "payload" not in body:
        return None
    kinds = (body.get(name) for name in ("type", "eventType", "event_type", "eventtype"))
    kind = next((each for each in kinds if isinstance(each, str)), None)
    return Envelope("outbox", body["payload"], Hints(kind or None), place="payload")


def _pub_sub(body: Body) -> Envelope | None:
    message = body.get("message")
    if (
        "subscription" not in body
        or not isinstance(message, dict)
        or not isinstance(message.get("data"), str)
    ):
        return None
    try:
        return Envelope("Pub/Sub message", base64.b64decode(message["data"], validate=True).decode())
    except (binascii.Error, ValueError) as error:
        raise Malformed("Pub/Sub message: its data is not base64 of text") from error


_OPENERS: Final[tuple[Callable[[Body], Envelope | None], ...]] = (
    _sns,
    _sns_record,
    _sqs,
    _sqs_answer,
    _event_bridge,
    _connect,
    _row_change,
    _outbox,
    _pub_sub,
)
