"""A moderator's decision on one image, published to the workers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from pydantic import ValidationError

from agents.wiring import backends
from agents.wiring.settings import Settings
from operations import image_ids, store
from operations.current_user import current_user
from schemas.decisions import ModerationDecided
from schemas.errors import ConfigurationError
from schemas.validation import first_fault
from streams.adapters.kafka.publisher import DecisionPublisher


@dataclass(frozen=True, slots=True)
class DecisionRequest:
    """What is decided of an image."""

    image_id: str
    action: str
    labels: tuple[str, ...] | None = None
    """All true labels, with `correct`."""
    by: str | None = None
    """Who decides; the current user if absent."""
    comment: str | None = None


async def decide(settings: Settings, request: DecisionRequest) -> ModerationDecided:
    """Publish the decision. Raises `ConfigurationError`, and `Gone` for an image that is unknown."""
    event = _event(request)
    if await store.read_head(settings.store, event.image_id) is None:
        raise image_ids.unknown(event.image_id)
    async with DecisionPublisher(backends.kafka_settings(settings)) as publisher:
        await publisher.publish(event)
    return event


def _event(request: DecisionRequest) -> ModerationDecided:
    facts = {
        "image_id": request.image_id,
        "action": request.action,
        "labels": request.labels,
        "decided_at": datetime.now(UTC),
        "decided_by": request.by or current_user(),
        "comment": request.comment,
    }
    try:
        return ModerationDecided.model_validate(facts)
    except ValidationError as error:
        raise ConfigurationError(first_fault(error)) from error
