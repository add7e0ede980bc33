"""A moderator's decision on one image, published to the workers behind the one that it is to outrank."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

from pydantic import ValidationError

from agents.bounded_times import ClockLimits
from agents.wiring import backends
from agents.wiring.settings import Settings
from operations import image_ids, store
from operations.current_user import current_user
from schemas.decisions import Decision, ModerationDecided, latest
from schemas.errors import ConfigurationError, Gone, TagstreamError
from schemas.records import ImageHead, State
from schemas.validation import first_fault
from streams.adapters.kafka.publisher import DecisionPublisher

_BEHIND: Final = timedelta(milliseconds=1)


class Outranked(TagstreamError):
    """A decision that is dated ahead of the clock holds, and would outrank this one."""


async def decide(settings: Settings, event: ModerationDecided) -> ModerationDecided:
    """Publish the decision, and return it as it was published.

    Raises `Gone` for an image that is unknown or was removed, and `Outranked`.
    """
    head = await store.read_head(settings.store, event.image_id)
    if head is None:
        raise image_ids.unknown(event.image_id)
    placed = behind(event, head, now=datetime.now(UTC), limits=settings.clock)
    async with DecisionPublisher(backends.kafka_settings(settings)) as publisher:
        await publisher.publish(placed)
    return placed


def behind(
    event: ModerationDecided, head: ImageHead, *, now: datetime, limits: ClockLimits
) -> ModerationDecided:
    """The decision, of a time behind all that it has to outrank; raises `Gone` and `Outranked`."""
    if head.state is State.DELETED:
        raise Gone(f"{head.image_id} was removed: there is nothing to decide on")
    # A worker holds it against those of the bytes that stand, and those that name no bytes.
    rivals = (each for each in head.all_decisions if _is_rival(each, head))
    # What is further ahead was kept by an earlier version, and outranks nothing that comes now.
    last = latest(each for each in rivals if each.decided_at <= limits.horizon(now))
    if last is None or last.decided_at < event.decided_at:
        return event
    place = last.decided_at + _BEHIND
    if place > limits.latest(now):
        who = f"{last.decided_by}'s {last.action} until {last.decided_at.isoformat()}"
        raise Outranked(
            f"{head.image_id}: outranked by {who}, which is ahead of the clock; decide again once it is so "
            f"by less than {limits.tolerance:g} seconds (TAGSTREAM_CLOCK__TOLERANCE)"
        )
    facts = event.model_dump(exclude={"event_id"}) | {"decided_at": place}
    return ModerationDecided.model_validate(facts)


def decision(image_id: str, *, by: str | None, **facts: object) -> ModerationDecided:
    """A decision of now, by the current user where nobody is named. Raises `ConfigurationError`."""
    made = {"decided_at": datetime.now(UTC), "decided_by": by or current_user()}
    try:
        return ModerationDecided.model_validate({"image_id": image_id, **facts, **made})
    except ValidationError as error:
        raise ConfigurationError(first_fault(error)) from error


def _is_rival(decision: Decision, head: ImageHead) -> bool:
    return decision.digest_assumed or decision.content_digest in {None, head.digest}
