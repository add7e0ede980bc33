"""Model source: the version that a worker serves, of a registry, a folder, or the packaged one.

Here it is asked for at the start; `agents.wiring.model_following` goes on asking. Where the registry is away,
the version that it last stood for on this machine is taken, if it is still here (ADR 12).
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path

import structlog

from agents.wiring.settings import Settings, blame
from model import checkpoint
from model.manifest import Manifest
from model.registry import refs
from model.registry.cache import Cache, Resolved
from model.registry.refs import VersionRef
from model.registry.registry import Registry
from schemas.errors import ConfigurationError, Unavailable

log = structlog.get_logger(__name__)

FOLDER = "TAGSTREAM_MODEL__FOLDER"
REF = "TAGSTREAM_MODEL__REF"


@dataclass(frozen=True, slots=True)
class ResolvedModel:
    """A version on this machine."""

    folder: Path
    setting: str
    """The one that named it."""
    resolved: Resolved | None = None
    """What the registry has it as; None where it is a folder of one's own."""
    is_remembered: bool = False
    """The registry was away: an alias may point elsewhere by now."""


async def resolve_model(settings: Settings) -> ResolvedModel:
    """The version that the settings name, fetched and verified where it comes from a registry.

    Raises:
        ConfigurationError: it is not there, not what was published, or no registry is named.
        Unavailable: the registry is away, and what the ref stood for is not here.
    """
    if settings.model.ref is None:
        return ResolvedModel(settings.model.folder or checkpoint.PACKAGED, FOLDER)
    with blame(REF):
        return await _of_registry(settings, settings.model.ref)


def folder_here(settings: Settings) -> Path:
    """The folder of `resident`, for a command outside an event loop."""
    return asyncio.run(resolve_model(settings)).folder


def manifest_here(settings: Settings) -> Manifest:
    """The manifest of `resident`, for a command outside an event loop. Raises as it does."""
    found = asyncio.run(resolve_model(settings))
    with blame(found.setting):
        return checkpoint.read_manifest(found.folder)


async def _of_registry(settings: Settings, spoken: str) -> ResolvedModel:
    from agents.wiring import registry as ours  # noqa: PLC0415 - the network's libraries: not where no registry is

    kept, name = ours.cache(settings), f"{ours.address(settings)}/{spoken}"
    try:
        ours.reach(settings)
        async with ours.open_registry(settings) as registry:
            resolved, folder = await _fetched(registry, spoken, kept, name)
            return ResolvedModel(folder, REF, resolved)
    except Unavailable as error:
        known = await asyncio.to_thread(_known, kept, name)
        if known is None:
            raise
        resolved, folder = known
        log.warning("registry.away", ref=spoken, version=resolved.version, error=str(error))
        return ResolvedModel(folder, REF, resolved, is_remembered=True)


async def _fetched(registry: Registry, spoken: str, kept: Cache, name: str) -> tuple[Resolved, Path]:
    ref = refs.parse(spoken)
    resolved = await registry.resolve(ref)
    if isinstance(ref, VersionRef):
        _refuse_changed(ref, resolved, kept.recall(name))
    folder = await registry.fetch(resolved, ref.name, kept)
    await asyncio.to_thread(kept.remember, name, resolved)
    return resolved, folder


def _refuse_changed(ref: VersionRef, now: Resolved, before: Resolved | None) -> None:
    """A version's name pins nothing by itself, but what it was the last time does."""
    if before is not None and before != now:
        raise ConfigurationError(
            f"the manifest of {ref} is not the one that this machine has fetched before, and versions do not "
            "change: restore that object, or take another version"
        )


def _known(kept: Cache, name: str) -> tuple[Resolved, Path] | None:
    """The version that the name last stood for and its folder, where both are still here."""
    remembered = kept.recall(name)
    folder = kept.find(remembered.digest) if remembered else None
    return (remembered, folder) if remembered and folder else None
