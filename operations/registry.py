"""The registry as a command opens it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

if TYPE_CHECKING:
    from agents.wiring.settings import Settings
    from model.registry.registry import Registry


from typing import Final

from schemas.errors import ConfigurationError

T = TypeVar("T")

Url = Annotated[
    str | None,
    typer.Option(
        "--registry",
        metavar="URL",
        help="s3://BUCKET/PREFIX, or a folder; TAGSTREAM_REGISTRY__URL if absent.",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print one document instead of tables.")]


def fetched(ref: str) -> Path:
    """The folder of a version of the registry that is set, in the cache. Raises `ConfigurationError`."""
    from agents.wiring.registry import cache  # noqa: PLC0415
    from model.registry import refs  # noqa: PLC0415

    meant = refs.parse(ref)

    async def get(opened: Registry, config: Settings) -> Path:
        return await opened.fetch(await opened.resolve(meant), meant.name, cache(config))

    return over(None, get)


def over(url: str | None, work: Callable[[Registry, Settings], Awaitable[T]]) -> T:
    """What `work` returns, done with the registry open. Raises as `open_registry` and `work` do."""
    import asyncio  # noqa: PLC0415

    from agents.telemetry import logs  # noqa: PLC0415
    from agents.wiring import settings  # noqa: PLC0415
    from agents.wiring.registry import open_registry  # noqa: PLC0415

    config = settings.load()
    logs.configure(config.log.model_copy(update={"level": "warning"}), mask=settings.mask(config))

    async def opened() -> T:
        async with open_registry(config, url) as registry:
            return await work(registry, config)

    return asyncio.run(opened())


PACKAGED: Final = "packaged"


def resolve(said: str) -> Path:
    """The folder of the version that `said` names. Raises `ConfigurationError`."""
    from model import checkpoint  # noqa: PLC0415

    if said == PACKAGED:
        return checkpoint.PACKAGED
    folder = Path(said)
    if "@" in said and not folder.exists():
        return fetched(said)
    if not (folder / checkpoint.MANIFEST).is_file():
        raise ConfigurationError(
            f"{said}: no model version; wanted is a folder with a manifest.json, NAME@ALIAS of the "
            f"registry, or {PACKAGED!r}"
        )
    return folder
