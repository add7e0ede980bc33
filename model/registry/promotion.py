"""Promotion: a version is fetched, evaluated beside the champion, and the alias moved if the gate lets it."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from model.registry.aliases import Alias, Note
from model.registry.cache import Cache, Resolved
from model.registry.gate_terms import CurrentChampion, GateResult, PromotionCriteria
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
    criteria: PromotionCriteria = field(default_factory=PromotionCriteria)

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
    registry: Registry, cache: Cache, request: PromotionRequest, *, tick: Tick
) -> PromotionResult:
    """Judge the version and, if it passes or is forced, move the alias onto it.

    The alias is moved only if it stands as it did before the trial: a champion that changed meanwhile
    was not what the candidate was held against.

    Raises:
        Overtaken: somebody moved the alias meanwhile.
        ConfigurationError: the version, or the champion, is not there as it was published.
        Unavailable: the registry is away.
    """
    seen = await registry.alias_state(request.ref)
    to = await registry.resolve(request.version)
    folder = await registry.fetch(to, request.version.name, cache)
    if seen and (seen.alias.version, seen.alias.digest) == (to.version, to.digest):
        outcome = GateResult(
            str(request.version), str(request.version), (), note=f"{request.ref} is there already"
        )
        return PromotionResult(outcome, seen.alias, is_new=False)
    champion = (
        seen
        if request.alias == CHAMPION
        else await registry.alias_state(AliasRef(request.version.name, CHAMPION))
    )
    beside = await _fetched(registry, cache, request, champion)
    outcome = await _in_a_thread(request, folder, beside, tick)
    if outcome.is_broken or (outcome.refused and not request.force):
        return PromotionResult(outcome, None)
    return PromotionResult(outcome, await _moved(registry, request, to, seen, outcome))


async def _in_a_thread(
    request: PromotionRequest, folder: Path, champion: CurrentChampion, tick: Tick
) -> GateResult:
    """The trial. Whoever is cancelled meanwhile does not wait for its end: its next tick breaks it off."""
    stopped = threading.Event()

    def tick_or_stop(what: str, done: int, total: int) -> None:
        if stopped.is_set():
            raise asyncio.CancelledError
        tick(what, done, total)

    def evaluated() -> GateResult:
        from model.registry.promotion_evaluation import evaluate_promotion  # noqa: PLC0415 - torch: not for whoever lists or rolls back

        return evaluate_promotion(request.criteria, folder, champion, tick_or_stop)

    try:
        return await asyncio.to_thread(evaluated)
    finally:
        stopped.set()


async def _moved(
    registry: Registry, request: PromotionRequest, to: Resolved, seen: AliasState | None, outcome: GateResult
) -> Alias:
    note = Note(
        when=datetime.now(UTC),
        by=request.by,
        reason=request.reason,
        forced=request.force and bool(outcome.refused),
        gate=outcome.short(),
    )
    return await registry.promote(request.ref, to, seen=seen, note=note)


async def _fetched(
    registry: Registry, cache: Cache, request: PromotionRequest, champion: AliasState | None
) -> CurrentChampion:
    """The champion, as far as there is one; one that is damaged is an error unless force is used."""
    if champion is None:
        return CurrentChampion()
    where = Resolved(version=champion.alias.version, digest=champion.alias.digest)
    try:
        return CurrentChampion(await registry.fetch(where, request.version.name, cache))
    except ConfigurationError as error:
        if request.force:
            return CurrentChampion(broken=error)
        raise ConfigurationError(f"the champion itself cannot be loaded: {error}, or --force") from error
