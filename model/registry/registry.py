"""The registry: version folders and aliases below one prefix of a storage."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from model.checkpoint import CARD, MANIFEST, parsed_manifest, sha256
from model.manifest import Manifest
from model.registry import aliases, contents, publishing
from model.registry.aliases import Alias, Note
from model.registry.cache import Cache, Resolved
from model.registry.contents import Contents
from model.registry.publishing import Published
from model.registry.refs import AliasRef, VersionRef, alias_key, version_key
from schemas.errors import ConfigurationError, TagstreamError
from schemas.objects import Listed, Objects

AT_ONCE: Final = 8
"""Objects asked for at the same time."""


class Overtaken(TagstreamError):
    """Somebody else moved the alias at the same time."""


@dataclass(frozen=True, slots=True)
class AliasState:
    """An alias as it was read: a move holds only if it stands so still."""

    alias: Alias
    etag: str


@dataclass(frozen=True, slots=True)
class RegistryEntry:
    """A published version in a listing."""

    ref: VersionRef
    published: datetime
    size: int
    """Bytes of all its files."""
    aliases: tuple[str, ...]
    """Those that point at it."""
    manifest: Manifest | None
    damage: str = ""
    """Why there is no manifest: one that cannot be read hides no other version."""


class Registry:
    """Over one storage. `where` is its address, for messages and for the cache.

    Every call raises `Unavailable` where the storage is away.
    """

    def __init__(self, objects: Objects, *, where: str) -> None:
        self._objects = objects
        self.where = where

    async def publish(self, version: Contents) -> Published:
        """See `publishing.publish`."""
        return await publishing.publish(self._objects, version)

    async def names(self) -> tuple[str, ...]:
        """Every model that has a version here."""
        return tuple(sorted({ref.name for ref in _versions(await self._objects.list(""))}))

    async def versions(self, name: str) -> tuple[RegistryEntry, ...]:
        """Every version of a model, the latest publication first."""
        listed = await self._objects.list(f"{name}/")
        pointing = await self._pointing(listed)
        slots = asyncio.Semaphore(AT_ONCE)

        async def entry(ref: VersionRef) -> RegistryEntry:
            known = _known(ref, listed, pointing)
            async with slots:
                try:
                    return RegistryEntry(*known, await self.manifest(ref))
                except ConfigurationError as error:
                    return RegistryEntry(*known, None, damage=str(error))

        entries = await asyncio.gather(*(entry(ref) for ref in _versions(listed)))
        return tuple(sorted(entries, key=lambda each: each.published, reverse=True))

    async def aliases(self, name: str) -> dict[str, Alias]:
        """The aliases of a model, by name. Raises `ConfigurationError` for one that is damaged."""
        refs = [ref for each in await self._objects.list(f"{name}/") if (ref := alias_key(each.key))]
        found = {ref.alias: await self.alias_state(ref) for ref in refs}
        return {alias: standing.alias for alias, standing in found.items() if standing}

    async def alias_state(self, ref: AliasRef) -> AliasState | None:
        """Where an alias stands now; None where there is none. Raises `ConfigurationError`."""
        stored = await self._objects.get(ref.key)
        if stored is None:
            return None
        return AliasState(aliases.parsed(stored.data, where=f"{self.where}/{ref.key}"), stored.etag)

    async def resolve(self, ref: VersionRef | AliasRef) -> Resolved:
        """The version that is meant now, and the digest of its manifest.

        An alias pins the digest; a version that is named itself has that of whatever stands there.
        Raises `ConfigurationError` where there is no such thing.
        """
        if isinstance(ref, VersionRef):
            return Resolved(version=ref.version, digest=sha256(await self._read(ref, MANIFEST)))
        if (found := await self.alias_state(ref)) is None:
            raise ConfigurationError(
                f"{self.where}: no alias {ref}; `tagstream model promote {ref.name}/VERSION "
                f"--alias {ref.alias}` makes it"
            )
        return Resolved(version=found.alias.version, digest=found.alias.digest)

    async def manifest(self, ref: VersionRef, *, digest: str | None = None) -> Manifest:
        """The manifest of a version, and of no other than `digest`. Raises `ConfigurationError`."""
        data = await self._read(ref, MANIFEST)
        self._refuse_replaced(ref, data, digest)
        return self._parsed(ref, data)

    async def card(self, ref: VersionRef) -> str:
        """The model card of a version, for people."""
        return (await self._read(ref, CARD)).decode(errors="replace")

    async def contents(self, ref: VersionRef, *, digest: str | None = None) -> Contents:
        """The version, every byte verified; `digest` pins its manifest. Raises `ConfigurationError`."""
        data = await self._read(ref, MANIFEST)
        self._refuse_replaced(ref, data, digest)
        manifest = self._parsed(ref, data)
        files = {MANIFEST: data}
        for path in contents.paths(manifest, where=str(ref)):
            if path != MANIFEST:
                files[path] = await self._read(ref, path)
        try:
            contents.verify(manifest, files, where=f"{self.where}/{ref}")
        except ConfigurationError as error:
            raise ConfigurationError(f"{error}; {_MEND}") from error
        return Contents(manifest, files)

    async def fetch(self, resolved: Resolved, name: str, cache: Cache) -> Path:
        """The folder of the version in the cache, verified; fetched where it is not there, or is damaged.

        Raises `ConfigurationError` for a version that is not what was published or promoted.
        """
        if found := await asyncio.to_thread(cache.find, resolved.digest):
            return found
        ref = VersionRef(name, resolved.version)
        return await asyncio.to_thread(cache.keep, await self.contents(ref, digest=resolved.digest))

    async def promote(self, ref: AliasRef, to: Resolved, *, seen: AliasState | None, note: Note) -> Alias:
        """The alias once it points at `to`, if it still stands as it was `seen`.

        Raises:
            Overtaken: somebody moved it meanwhile; nothing was changed.
            ConfigurationError: the version is not there as it was, or the storage ignores conditions.
        """
        version = VersionRef(ref.name, to.version)
        data = await self._read(version, MANIFEST)
        self._refuse_replaced(version, data, to.digest)
        await publishing.assure_conditions(self._objects, version.manifest, data)
        moved = aliases.promoted(seen.alias if seen else None, to.version, to.digest, note)
        return await self._move(ref, moved, seen)

    async def rollback(self, ref: AliasRef, *, note: Note) -> Alias:
        """The alias at the version before, and again further back.

        Raises `Overtaken`, and `ConfigurationError` where there is no alias, or no version before.
        """
        if (seen := await self.alias_state(ref)) is None:
            raise ConfigurationError(f"{self.where}: no alias {ref}, so nothing to roll back")
        moved = aliases.rolled_back(seen.alias, note)
        await self.manifest(VersionRef(ref.name, moved.version), digest=moved.digest)
        return await self._move(ref, moved, seen)

    async def _move(self, ref: AliasRef, moved: Alias, seen: AliasState | None) -> Alias:
        data = aliases.dumped(moved)
        if seen is None:
            is_ours = await self._objects.put_if_absent(ref.key, data)
        else:
            is_ours = await self._objects.put_if_match(ref.key, data, etag=seen.etag)
        if is_ours:
            return moved
        now = await self.alias_state(ref)
        if now is not None and now.alias.has(moved.last):
            return moved  # the client asked a second time, for the answer to the first was lost
        raise Overtaken(_overtaken(ref, now))

    async def _pointing(self, listed: Iterable[Listed]) -> dict[VersionRef, tuple[str, ...]]:
        pointing: dict[VersionRef, tuple[str, ...]] = {}
        for ref in (ref for each in listed if (ref := alias_key(each.key))):
            if found := await self.alias_state(ref):
                version = VersionRef(ref.name, found.alias.version)
                pointing[version] = (*pointing.get(version, ()), ref.alias)
        return pointing

    async def _read(self, ref: VersionRef, path: str) -> bytes:
        stored = await self._objects.get(ref.key(path))
        if stored is not None:
            return stored.data
        if path == MANIFEST:
            raise ConfigurationError(
                f"{self.where}: no version {ref}; `tagstream model list {ref.name}` shows what is there"
            )
        raise ConfigurationError(f"{self.where}/{ref}/{path}: it is gone; {_MEND}")

    def _parsed(self, ref: VersionRef, data: bytes) -> Manifest:
        manifest = parsed_manifest(data, where=f"{self.where}/{ref.manifest}")
        if VersionRef(manifest.name, manifest.version) != ref:
            raise ConfigurationError(
                f"{self.where}/{ref.manifest}: it is the manifest of {manifest.name}/{manifest.version}; "
                + _MEND
            )
        return manifest

    def _refuse_replaced(self, ref: VersionRef, data: bytes, digest: str | None) -> None:
        if digest is not None and sha256(data) != digest:
            raise ConfigurationError(
                f"{self.where}/{ref.manifest}: it is not the manifest that was promoted or fetched before; "
                + _MEND
            )


_MEND: Final = (
    "remove that object and publish the version's folder again, or take another version "
    "(`tagstream model rollback`, `tagstream model promote`)"
)


def _versions(listed: Iterable[Listed]) -> list[VersionRef]:
    return [ref for each in listed if (ref := version_key(each.key))]


def _known(
    ref: VersionRef, listed: Iterable[Listed], pointing: dict[VersionRef, tuple[str, ...]]
) -> tuple[VersionRef, datetime, int, tuple[str, ...]]:
    """What a listing says of a version by itself."""
    ours = [each for each in listed if each.key.startswith(ref.key(""))]
    published = next(each.modified for each in ours if each.key == ref.manifest)
    return ref, published, sum(each.size for each in ours), pointing.get(ref, ())


def _overtaken(ref: AliasRef, now: AliasState | None) -> str:
    if now is None:
        return f"{ref} was removed meanwhile; run the command again"
    last = now.alias.last
    return (
        f"{ref}: {last.by} moved it from {last.came_from or 'nothing'} to {last.to} at "
        f"{last.when:%Y-%m-%d %H:%M:%S} UTC meanwhile, and you changed nothing. "
        f"Run the command again: it goes by {last.to} then"
    )
