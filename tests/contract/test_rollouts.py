"""What every store does with rollouts: read back field by field, and changed by compare-and-swap."""

from __future__ import annotations

import asyncio
from typing import Any

from schemas.rollouts import (
    DurationHistogram,
    ModelRollout,
    RolloutCounts,
    RolloutGuards,
    RolloutMode,
    RolloutState,
)
from schemas.version_diff import LabelDiff, VersionDiff

from .builders import EPOCH
from .stores import Place, Scores


def rollout(rollout_id: str = "rollout-1", **said: Any) -> ModelRollout:
    facts: dict[str, Any] = {
        "mode": RolloutMode.CANARY,
        "model": "restaurant",
        "version": "v2",
        "serving": "v1",
    }
    facts |= {"percent": 5, "started_at": EPOCH, "started_by": "ann", "updated_at": EPOCH}
    return ModelRollout.model_validate({"id": rollout_id} | facts | said)


def of_next(stored: ModelRollout, **changes: Any) -> ModelRollout:
    return stored.model_copy(update={"revision": stored.revision + 1, **changes})


async def test_a_store_without_rollouts_has_none(scores: Scores) -> None:
    assert await scores.rollouts() == ()
    assert await scores.rollout("rollout-1") is None
    assert not await scores.replace_rollout(rollout(), over=0)


async def test_a_rollout_is_read_back_field_by_field(scores: Scores) -> None:
    whole = rollout(
        guards=RolloutGuards(errors=0.5, minimum=7),
        reason='"menus" get better: $5, 100 %',
        counts=RolloutCounts(
            diff=VersionDiff(images=3, labels={"a.b $c%": LabelDiff(kept=3)}, flips={"menu -> none": 1}),
            errors=1,
            last_error="it broke",
            new_seconds=DurationHistogram(buckets={0: 2, 31: 1}),
        ),
    )
    assert await scores.create_rollout(whole)
    assert await scores.rollout("rollout-1") == whole
    assert await scores.rollouts() == (whole,)


async def test_a_rollout_of_a_known_id_is_not_kept(scores: Scores) -> None:
    assert await scores.create_rollout(rollout(reason="first"))
    assert not await scores.create_rollout(rollout(reason="second"))
    found = await scores.rollout("rollout-1")
    assert found is not None
    assert found.reason == "first"


async def test_of_many_changes_at_once_none_is_lost(store_place: Place) -> None:
    async with store_place.store() as one, store_place.store() as other:
        assert await one.create_rollout(rollout())

        async def count(store: Scores) -> None:
            while True:
                stored = await store.rollout("rollout-1")
                assert stored is not None
                more = stored.counts.joined(RolloutCounts(errors=1))
                if await store.replace_rollout(of_next(stored, counts=more), over=stored.revision):
                    return

        await asyncio.gather(*(count((one, other)[number % 2]) for number in range(8)))
        found = await one.rollout("rollout-1")
    assert found is not None
    assert (found.counts.errors, found.revision) == (8, 8)


async def test_a_rollout_that_has_ended_stays_in_the_list(scores: Scores) -> None:
    assert await scores.create_rollout(rollout())
    assert await scores.create_rollout(rollout("rollout-2"))
    ended = of_next(rollout(), state=RolloutState.ROLLED_BACK, why="too many flips", ended_at=EPOCH)
    assert await scores.replace_rollout(ended, over=0)
    assert await scores.rollouts() == (ended, rollout("rollout-2"))
