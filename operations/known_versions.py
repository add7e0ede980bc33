"""Which model versions somebody has or knows, before a replay asks for one."""

from __future__ import annotations

from agents.wiring.model_source import resolve_model
from agents.wiring.registry import open_registry, reach
from agents.wiring.settings import Settings
from model import checkpoint
from operations import store
from schemas.did_you_mean import did_you_mean
from schemas.errors import ConfigurationError, Unavailable

LOOKED_AT = 500
"""Images of the store that are asked for their version: ids are hashes, so the first ones are any ones."""


async def refuse_unknown(settings: Settings, version: str) -> None:
    """Raise `ConfigurationError` for a version that nobody has, with the nearest names that somebody has.

    Known are the model of the settings, the versions of the registry, whatever has scored what the store
    holds, and what workers say that they have.
    """
    known = {await _of_settings(settings)} | await _of_store(settings)
    if version not in known and settings.registry.url is not None:
        known |= await _of_registry(settings, version)
    if version not in known:
        hint = did_you_mean(version, known, otherwise=f"there are {', '.join(sorted(known))}", most=3)
        raise ConfigurationError(
            f"--model {version}: nobody has that version: it is not the model of the settings, not in the"
            f" registry, has scored nothing in the store, and no worker has it{hint}"
            " (--force starts all the same: the job waits for it)"
        )


async def _of_settings(settings: Settings) -> str:
    return checkpoint.read_manifest((await resolve_model(settings)).folder).version


async def _of_store(settings: Settings) -> set[str]:
    if not store.is_here(settings.store):
        return set()
    async with store.open_store(settings.store) as scores:
        heads = await scores.scan(limit=LOOKED_AT)
        workers = await scores.workers()
    resident = {model.version for worker in workers for model in worker.resident}
    return resident | {head.scores.model.version for head in heads if head.scores is not None}


async def _of_registry(settings: Settings, version: str) -> set[str]:
    try:
        reach(settings)
        async with open_registry(settings) as registry:
            entries = [entry for name in await registry.names() for entry in await registry.versions(name)]
    except Unavailable as error:
        raise Unavailable(
            "registry",
            f"--model {version}: only the registry can have that version, and it is away: {error} (--force"
            " starts all the same: the job waits for it)",
        ) from error
    return {entry.ref.version for entry in entries}
