"""Rollout follower: what a worker knows of the running rollout, and where it reports what it counted.

Every few seconds it adds its counts to the rollout's document (compare and swap), and whichever worker sees
a guard trip ends it there: the others read so within as many seconds.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Final

import structlog

from agents import rollout_guards
from agents.model_follower import SPREAD
from agents.rollout_ledger import RolloutLedger
from schemas.errors import ConfigurationError, Unavailable
from schemas.rollouts import ModelRollout, RolloutCounts, RolloutState, running
from schemas.tags import ModelRef
from streams.ports import Rollouts

log = structlog.get_logger(__name__)

LOOK_SECONDS: Final = 10.0
"""Between two questions whether a rollout has been started."""

REPORT_SECONDS: Final = 5.0
"""Between two reports while one runs; as long a worker may go on with one that was ended."""

Told = Callable[[ModelRollout | None], None]
"""Hears of the running rollout each time that it is another one, or none."""


class RolloutFollower:
    """One worker's, known by `name`. `serving` says by which version uploads are scored now.

    `want` is told of the new version at each look: it has to be here before an upload asks for it.
    """

    def __init__(
        self,
        store: Rollouts,
        serving: Callable[[], ModelRef],
        *,
        want: Callable[[str], object],
        name: Callable[[], str],
        told: Told,
    ) -> None:
        self._store = store
        self._serving = serving
        self._want = want
        self._name = name
        self._told = told
        self._away = False
        self.current: ModelRollout | None = None
        """The one that this model's workers are to take part in."""
        self.ledger = RolloutLedger()

    @property
    def joined(self) -> ModelRollout | None:
        """The running rollout, where it is of the version that this worker serves."""
        rollout = self.current
        return rollout if rollout and rollout.serving == self._serving().version else None

    @asynccontextmanager
    async def followed(self) -> AsyncIterator[asyncio.Task[None]]:
        """Within the block it is, and in the end once more; the task ends with a bug alone."""
        task = asyncio.create_task(self._run(), name="rollouts")
        try:
            yield task
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            if self.current is not None:
                await self.look()

    async def _run(self) -> None:
        while True:
            await self.look()
            seconds = LOOK_SECONDS if self.current is None else REPORT_SECONDS
            await asyncio.sleep(seconds * random.uniform(1 - SPREAD, 1 + SPREAD))

    async def look(self) -> None:
        """Report what was counted, or see whether a rollout was started; nothing while the store is away.

        One whose document somebody has spoiled is left: nobody can say any more what is wanted.
        """
        try:
            if self.current is not None:
                await self._report(self.current)
            else:
                self._become(running(await self._store.rollouts(), self._serving().name))
        except ConfigurationError as error:
            log.warning("rollout.spoiled", cause=str(error))
            self._become(None)
        except Unavailable as error:
            if not self._away:
                log.warning("rollout.not_asked", cause=str(error))
            self._away = True
        else:
            self._away = False
        if self.joined is not None:
            self._want(self.joined.version)

    async def _report(self, known: ModelRollout) -> None:
        counts = self.ledger.taken()
        try:
            stored = await self._add(known.id, counts)
        except BaseException:
            self.ledger.put_back(counts)
            raise
        self._become(stored if stored and stored.is_running else None)

    async def _add(self, rollout_id: str, counts: RolloutCounts) -> ModelRollout | None:
        """The document with these counts; what was counted late joins one that has ended, too."""
        while (stored := await self._store.rollout(rollout_id)) is not None:
            if counts == RolloutCounts():
                return stored
            changed = self._judged(stored.revised(datetime.now(UTC), counts=stored.counts.joined(counts)))
            if await self._store.replace_rollout(changed, over=stored.revision):
                if changed.state is not stored.state:
                    log.error("rollout.rolled_back", rollout=changed.id, why=changed.why)
                return changed
        return None

    def _judged(self, rollout: ModelRollout) -> ModelRollout:
        why = rollout_guards.tripped(rollout) if rollout.is_running else None
        if why is None:
            return rollout
        ended = {"ended_at": rollout.updated_at, "ended_by": self._name()}
        return rollout.model_copy(update={"state": RolloutState.ROLLED_BACK, "why": why, **ended})

    def _become(self, rollout: ModelRollout | None) -> None:
        before, self.current = self.current, rollout
        if (before and before.id) == (rollout and rollout.id):
            return
        self.ledger.forget()
        if rollout is not None:
            log.info("rollout.joined", rollout=rollout.id, mode=rollout.mode, percent=rollout.percent)
        elif before is not None:
            log.info("rollout.left", rollout=before.id)
        self._told(rollout)
