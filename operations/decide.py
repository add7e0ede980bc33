"""A moderator's decision on one image, published to the workers."""

from __future__ import annotations

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


async def decide(settings: Settings, event: ModerationDecided) -> None:
    """Publish the decision. Raises `Gone` for an image that is unknown."""
    if await store.read_head(settings.store, event.image_id) is None:
        raise image_ids.unknown(event.image_id)
    async with DecisionPublisher(backends.kafka_settings(settings)) as publisher:
        await publisher.publish(event)


def decision(image_id: str, *, by: str | None, **facts: object) -> ModerationDecided:
    """A decision of now, by the current user where nobody is named. Raises `ConfigurationError`."""
    made = {"decided_at": datetime.now(UTC), "decided_by": by or current_user()}
    try:
        return ModerationDecided.model_validate({"image_id": image_id, **facts, **made})
    except ValidationError as error:
        raise ConfigurationError(first_fault(error)) from error
