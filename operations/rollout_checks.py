"""Checks of rollouts, and the list of them: what runs, and what a guard has ended."""

from __future__ import annotations

from agents.wiring.settings import Settings
from operations import store
from operations.unwell import Unwell
from schemas.rollouts import ModelRollout, RolloutState, SpoiledRollout

AnyRollout = ModelRollout | SpoiledRollout


async def every(settings: Settings) -> tuple[AnyRollout, ...]:
    """All of them, the newest last."""
    store.refuse_missing(settings.store)
    async with store.open_store(settings.store) as kept:
        found = await kept.rollouts()
    return tuple(sorted(found, key=age))


async def check(settings: Settings) -> str:
    """The health check: what runs; raises `Unwell` where a guard has ended the newest, or one is spoiled."""
    if not store.is_here(settings.store):
        return "no worker has run yet"
    found = await every(settings)
    if spoiled := [each for each in found if isinstance(each, SpoiledRollout)]:
        raise Unwell(str(spoiled[0].error), "mend that document, or delete it")
    whole = [each for each in found if isinstance(each, ModelRollout)]
    if running := [each for each in whole if each.is_running]:
        return "; ".join(f"{each.id}, on {each.percent:g} % of uploads" for each in running)
    if whole and whole[-1].state is RolloutState.ROLLED_BACK:
        last = whole[-1]
        raise Unwell(
            f"{last.id} was rolled back: {last.why}",
            f"`tagstream model rollout {last.id}` shows what was counted; `tagstream model end-rollout"
            f" {last.id}` says that it was seen",
        )
    return f"none runs, {len(whole)} have ended"


def age(rollout: AnyRollout) -> tuple[str, str]:
    """What the newest has most of."""
    started = rollout.started_at.isoformat() if isinstance(rollout, ModelRollout) else ""
    return (started, rollout.id)
