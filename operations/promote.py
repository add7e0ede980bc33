"""Moves an alias: to a version that passes the gate, or back to the one before."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from agents.wiring.registry import cache, open_registry
from agents.wiring.settings import Settings
from model.data import dataset
from model.data.progress import Tick
from model.registry import promotion, refs
from model.registry.aliases import Alias, Note
from model.registry.floors import Floors
from model.registry.gate_terms import PromotionCriteria
from model.registry.promotion import PromotionRequest, PromotionResult
from model.registry.refs import CHAMPION, AliasRef, VersionRef
from operations.current_user import current_user
from schemas.errors import ConfigurationError


def published_version(given: str) -> VersionRef:
    """NAME/VERSION; raises `ConfigurationError` for an alias: what is promoted has to stay what it is."""
    ref = refs.parse(given)
    if not isinstance(ref, VersionRef):
        raise ConfigurationError(
            f"{given} is an alias, which moves; name the version itself, as NAME/VERSION"
        )
    return ref


def criteria(
    settings: Settings, data: Path | None, *, negatives: Path | None, split: str, floors: Floors
) -> PromotionCriteria:
    """What a version is judged by: the photographs of the split in `data`, recorded figures where it is None.

    Raises `ConfigurationError`.
    """
    if data is None and negatives is not None:
        raise ConfigurationError("--negatives go with --data")
    read = dataset.read(data, negatives=negatives).of(dataset.Split(split)) if data else None
    of = settings.model
    return PromotionCriteria(read, split, floors, device=of.device, threads=of.threads)


async def promote(
    settings: Settings, request: PromotionRequest, *, url: str | None, tick: Tick
) -> PromotionResult:
    """Move the alias if the gate allows it, or by force."""
    async with open_registry(settings, url) as registry:
        return await promotion.promote(registry, cache(settings), request, tick=tick)


def alias_of(given: str) -> AliasRef:
    """NAME@ALIAS; the champion where only a name is given."""
    name, _, alias = given.partition("@")
    return AliasRef(name, alias or CHAMPION)


async def rollback(settings: Settings, ref: AliasRef, *, reason: str, url: str | None) -> Alias:
    """Point the alias at the version that it pointed at before."""
    note = Note(when=datetime.now(UTC), by=current_user(), reason=reason)
    async with open_registry(settings, url) as registry:
        return await registry.rollback(ref, note=note)
