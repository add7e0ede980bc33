"""Moves an alias: to a version that passes the gate, or back to the one before."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from agents.wiring.registry import cache, open_registry
from agents.wiring.settings import Settings
from model.data import dataset
from model.data.photograph import Photograph
from model.data.progress import Tick
from model.registry import promotion, refs
from model.registry.aliases import Alias, Note
from model.registry.gate_terms import PromotionCriteria
from model.registry.promotion import PromotionResult
from model.registry.refs import CHAMPION, AliasRef, VersionRef
from operations.current_user import current_user
from schemas.errors import ConfigurationError


@dataclass(frozen=True, slots=True, kw_only=True)
class PromoteRequest:
    """Which version gets the alias, and what it is held against."""

    version: VersionRef
    alias: str = CHAMPION
    data: Path | None = None
    """Photographs to evaluate both by; recorded figures where absent."""
    negatives: Path | None = None
    split: str = "test"
    least_top: float | None = None
    """The least accuracy of the top label."""
    force: bool = False
    reason: str = ""


def published_version(given: str) -> VersionRef:
    """NAME/VERSION; raises `ConfigurationError` for an alias: what is promoted has to stay what it is."""
    ref = refs.parse(given)
    if not isinstance(ref, VersionRef):
        raise ConfigurationError(
            f"{given} is an alias, which moves; name the version itself, as NAME/VERSION"
        )
    return ref


def read_photographs(request: PromoteRequest) -> tuple[Photograph, ...] | None:
    """The photographs of the split; None where recorded figures are to do. Raises `ConfigurationError`."""
    if request.data is None:
        if request.negatives is not None:
            raise ConfigurationError("--negatives go with --data")
        return None
    return dataset.read(request.data, negatives=request.negatives).of(dataset.Split(request.split))


async def promote(
    settings: Settings, request: PromoteRequest, *, url: str | None, tick: Tick
) -> PromotionResult:
    """Move the alias if the gate allows it, or by force."""
    criteria = PromotionCriteria(
        read_photographs(request),
        request.split,
        request.least_top,
        device=settings.model.device,
        threads=settings.model.threads,
    )
    wanted = promotion.PromotionRequest(
        request.version,
        current_user(),
        request.alias,
        reason=request.reason,
        force=request.force,
        criteria=criteria,
    )
    async with open_registry(settings, url) as registry:
        return await promotion.promote(registry, cache(settings), wanted, tick=tick)


def alias_of(given: str) -> AliasRef:
    """NAME@ALIAS; the champion where only a name is given."""
    name, _, alias = given.partition("@")
    return AliasRef(name, alias or CHAMPION)


async def rollback(settings: Settings, ref: AliasRef, *, reason: str, url: str | None) -> Alias:
    """Point the alias at the version that it pointed at before."""
    note = Note(when=datetime.now(UTC), by=current_user(), reason=reason)
    async with open_registry(settings, url) as registry:
        return await registry.rollback(ref, note=note)
