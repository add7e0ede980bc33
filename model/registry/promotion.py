"""An alias onto a version: fetched, judged beside the champion, and moved if the gate lets it."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from model.registry.aliases import Alias, Note
from model.registry.cache import Cache, Resolved
from model.registry.gate_result import GateResult
from model.registry.promotion_evaluation import Contested, PromotionCriteria, judged
from model.registry.refs import CHAMPION, AliasRef, VersionRef
from model.registry.registry import AliasState, Registry
from schemas.errors import ConfigurationError

if TYPE_CHECKING:
    from model.data.progress import Tick


@dataclass(frozen=True, slots=True)
class PromotionRequest:
    """Who promotes what, to where."""

    version: VersionRef
    by: str
    alias: str = CHAMPION
    reason: str = ""
    force: bool = False
    """Move it whatever the gate says, for a reason."""
    trial: PromotionCriteria = field(default_factory=PromotionCriteria)

    def __post_init__(self) -> None:
        if self.force and not self.reason.strip():
            raise ConfigurationError("--force wants a --reason: it is kept in the alias' history")

    @property
    def ref(self) -> AliasRef:
        """The alias that moves."""
        return AliasRef(self.version.name, self.alias)


@dataclass(frozen=True, slots=True)
class PromotionResult:
    """What came of it."""

    outcome: GateResult
    alias: Alias | None
    """As it stands now; None where it was not moved."""
    is_new: bool = True
    """False where it pointed there already."""


async def promote(
    registry: Registry, cache: Cache, order: PromotionRequest, *, tick: Tick
) -> PromotionResult:
    """Judge the version and, if it passes or is forced, move the alias onto it.

    The alias is moved only if it stands as it did before the trial: a champion that changed meanwhile
    was not what the candidate was held against.

    Raises:
        Overtaken: somebody moved the alias meanwhile.
        ConfigurationError: the version, or the champion, is not there as it was published.
        Unavailable: the registry is away.
    """
    seen = await registry.alias_state(order.ref)
    to = await registry.resolve(order.version)
    folder = await registry.fetch(to, order.version.name, cache)
    if seen and (seen.alias.version, seen.alias.digest) == (to.version, to.digest):
        outcome = GateResult(str(order.version), str(order.version), (), note=f"{order.ref} is there already")
        return PromotionResult(outcome, seen.alias, is_new=False)
    champion = seen if order.alias == CHAMPION else await registry.alias_state(_champion(order))
    beside = await _fetched(registry, cache, order, champion)
    outcome = await _in_a_thread(order, folder, beside, tick)
    if outcome.is_broken or (outcome.refused and not order.force):
        return PromotionResult(outcome, None)
    return PromotionResult(outcome, await _moved(registry, order, to, seen, outcome))


async def _in_a_thread(order: PromotionRequest, folder: Path, champion: Contested, tick: Tick) -> GateResult:
    """The trial. Whoever is cancelled meanwhile does not wait for its end: its next tick breaks it off."""
    stopped = threading.Event()

    def tick_or_stop(what: str, done: int, total: int) -> None:
        if stopped.is_set():
            raise asyncio.CancelledError
        tick(what, done, total)

    try:
        return await asyncio.to_thread(judged, order.trial, folder, champion, tick_or_stop)
    finally:
        stopped.set()


async def _moved(
    registry: Registry, order: PromotionRequest, to: Resolved, seen: AliasState | None, outcome: GateResult
) -> Alias:
    note = Note(
        when=datetime.now(UTC),
        by=order.by,
        reason=order.reason,
        forced=order.force and bool(outcome.refused),
        gate=outcome.short(),
    )
    return await registry.promote(order.ref, to, seen=seen, note=note)


async def _fetched(
    registry: Registry, cache: Cache, order: PromotionRequest, champion: AliasState | None
) -> Contested:
    """The champion's folder, None where there is none yet; where it is damaged, why, if force is used."""
    if champion is None:
        return None
    where = Resolved(version=champion.alias.version, digest=champion.alias.digest)
    try:
        return await registry.fetch(where, order.version.name, cache)
    except ConfigurationError as error:
        if order.force:
            return error
        raise ConfigurationError(f"the champion itself cannot be loaded: {error}, or --force") from error


def _champion(order: PromotionRequest) -> AliasRef:
    return AliasRef(order.version.name, CHAMPION)
