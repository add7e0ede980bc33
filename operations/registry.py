"""Model versions in the registry: listed, looked at, fetched."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agents.wiring.registry import cache, open_registry
from agents.wiring.settings import Settings
from model.manifest import Manifest
from model.registry import refs
from model.registry.aliases import Alias
from model.registry.refs import VersionRef
from model.registry.registry import RegistryEntry
from operations import version_folders


@dataclass(frozen=True, slots=True)
class FetchedVersion:
    """A version on this machine."""

    ref: VersionRef
    digest: str
    folder: Path


@dataclass(frozen=True, slots=True)
class VersionView:
    """A version and its model's aliases."""

    version: VersionRef
    digest: str
    manifest: Manifest
    card: str
    aliases: Mapping[str, Alias]

    def document(self) -> dict[str, Any]:
        """All of it."""
        return {
            "ref": str(self.version),
            "digest": self.digest,
            "manifest": self.manifest.model_dump(mode="json"),
            "card": self.card,
            "aliases": {
                name: alias.model_dump(mode="json", by_alias=True) for name, alias in self.aliases.items()
            },
        }


async def versions(settings: Settings, name: str | None, *, url: str | None) -> list[RegistryEntry]:
    """The versions of one model, or of all."""
    async with open_registry(settings, url) as registry:
        names = (name,) if name else await registry.names()
        return [entry for each in names for entry in await registry.versions(each)]


async def look(settings: Settings, ref: str, *, url: str | None) -> VersionView:
    """A version's card and manifest, and its model's aliases."""
    meant = refs.parse(ref)
    async with open_registry(settings, url) as registry:
        found = await registry.resolve(meant)
        version = VersionRef(meant.name, found.version)
        manifest = await registry.manifest(version, digest=found.digest)
        aliases = await registry.aliases(meant.name)
        return VersionView(version, found.digest, manifest, await registry.card(version), aliases)


async def fetch(
    settings: Settings, ref: str, *, output: Path | None = None, url: str | None = None
) -> FetchedVersion:
    """The version in the cache or, if wanted, copied to `output`; every byte is verified."""
    meant = refs.parse(ref)
    version_folders.refuse_existing(output)
    async with open_registry(settings, url) as registry:
        found = await registry.resolve(meant)
        folder = await registry.fetch(found, meant.name, cache(settings))
    place = version_folders.copied(folder, output) if output else folder
    return FetchedVersion(VersionRef(meant.name, found.version), found.digest, place)
