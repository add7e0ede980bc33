"""Tells the workers that an alias has moved, over the control topic: they need not wait until they ask."""

from __future__ import annotations

from typing import Final

from agents.model_follower import SPREAD
from agents.wiring.backends import kafka_settings
from agents.wiring.settings import Settings
from model.registry.aliases import Alias
from model.registry.refs import AliasRef
from schemas import topics
from schemas.errors import Unavailable
from schemas.model_control import AliasMoved
from streams.adapters.kafka.producer import Outgoing, RestartingProducer

PATIENCE: Final = 5.0
"""Seconds for the broker: nothing is lost where it is away, workers ask the registry by themselves."""


def outlook(why: str | None, settings: Settings) -> str:
    """When workers take the version, by what `tell` has said."""
    if why is None:
        return "workers that follow it are told, and take it now"
    longest = settings.registry.poll * (1 + SPREAD)
    return f"workers that follow it take it within {longest:.0f} s; they could not be told: {why}"


async def tell(settings: Settings, ref: AliasRef, alias: Alias) -> str | None:
    """Tell them; why it could not be done, None where the broker has acknowledged it."""
    limits = {"request_seconds": PATIENCE, "acknowledge_seconds": PATIENCE}
    try:
        async with RestartingProducer(kafka_settings(settings).model_copy(update=limits)) as producer:
            await producer.send([_message(ref, alias)])
    except Unavailable as error:
        return str(error)
    return None


def _message(ref: AliasRef, alias: Alias) -> Outgoing:
    move = alias.last
    event = AliasMoved(
        event_id=move.id,
        alias=str(ref),
        version=alias.version,
        digest=alias.digest,
        moved_at=move.when,
        moved_by=move.by,
        reason=move.reason,
    )
    return Outgoing(topics.CONTROL, event.alias.encode(), event.model_dump_json().encode())
