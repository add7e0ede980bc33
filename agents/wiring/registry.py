"""Model registry, opened as the settings have it, over S3 or a folder."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

from agents.wiring.backends import s3_settings
from agents.wiring.settings import Settings
from model.registry.cache import Cache, Resolved, default_root
from model.registry.refs import AliasRef, VersionRef
from model.registry.registry import Registry
from schemas import addresses
from schemas.addresses import BucketAddress
from schemas.errors import ConfigurationError, Unavailable
from schemas.objects import Objects
from streams.adapters.objects_folder import FolderObjects


@asynccontextmanager
async def open_registry(settings: Settings, url: str | None = None) -> AsyncIterator[Registry]:
    """The registry at `url`, else the one that is set; closed in the end.

    Raises `ConfigurationError` where there is none, or no such place can be, and `Unavailable` where it is
    away.
    """
    where = address(settings, url)
    async with _objects(settings, where) as objects:
        yield Registry(objects, where=where)


async def resolve(settings: Settings, ref: AliasRef | VersionRef) -> Resolved:
    """The version that is meant now. Raises `Unavailable` and `ConfigurationError`."""
    reach(settings)
    async with open_registry(settings) as registry:
        return await registry.resolve(ref)


def address(settings: Settings, url: str | None = None) -> str:
    """Where the registry is. Raises `ConfigurationError` where none is named."""
    found = url or settings.registry.url
    if not found:
        raise ConfigurationError(
            "no registry is named; set TAGSTREAM_REGISTRY__URL to s3://BUCKET/PREFIX or a folder, or give "
            "--registry"
        )
    place = _place(found)
    # One registry has one name in messages and in the cache, wherever it is asked from.
    return str(place.absolute()) if isinstance(place, Path) else found.rstrip("/")


def reach(settings: Settings) -> None:
    """Raise `Unavailable` where the registry is a folder that is not there, as one not mounted is."""
    place = _place(address(settings))
    if isinstance(place, Path) and not place.is_dir():
        raise Unavailable("registry", f"{place}: there is no such folder")


def cache(settings: Settings) -> Cache:
    """Where fetched versions are kept on this machine."""
    return Cache(settings.registry.cache or default_root())


def _objects(settings: Settings, where: str) -> AbstractAsyncContextManager[Objects]:
    place = _place(where)
    if isinstance(place, Path):
        return FolderObjects(place)
    from streams.adapters.s3.objects import S3Objects  # noqa: PLC0415 - its client: not where a folder is meant

    patience = {"deadline": settings.registry.deadline}
    return S3Objects(place.bucket, place.prefix, s3_settings(settings).model_copy(update=patience))


def _place(url: str) -> BucketAddress | Path:
    try:
        return addresses.registry(url)
    except ValueError as error:
        raise ConfigurationError(f"--registry: {error}") from error
