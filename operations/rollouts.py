"""Rollouts as people steer them: started, made larger, ended, looked at."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from agents.wiring.backends import kafka_connection
from agents.wiring.registry import open_registry
from agents.wiring.settings import Settings
from model.registry.refs import CHAMPION, AliasRef, VersionRef
from operations import model_status, store
from operations.current_user import current_user
from operations.rollout_checks import age
from schemas import topics
from schemas.did_you_mean import did_you_mean
from schemas.errors import ConfigurationError
from schemas.rollouts import ModelRollout, RolloutGuards, RolloutMode, RolloutState
from schemas.rollouts import running as running_in
from streams.adapters.kafka.admin import TopicAdmin
from streams.ports import Rollouts


@dataclass(frozen=True, slots=True)
class RolloutRequest:
    """What a person asks for."""

    version: VersionRef
    mode: RolloutMode
    percent: float
    guards: RolloutGuards
    reason: str = ""


@dataclass(frozen=True, slots=True)
class RolloutStart:
    """A rollout that runs now."""

    rollout: ModelRollout
    workers: int
    """That serve the version which it stands beside, as far as the store knows."""
    was: float | None = None
    """The percent that it had, where it ran already."""


async def start(settings: Settings, request: RolloutRequest) -> RolloutStart:
    """Start it; one of the same version that runs gets the percent and the guards instead.

    Raises:
        ConfigurationError: the version is not in the registry, is served already, another rollout of the
            model runs, nobody serves the model, or the topic is not there.
        Unavailable: the registry, the store or the broker is away.
    """
    await _refuse_unpublished(settings, request.version)
    await _refuse_without_topic(settings)
    served = (await model_status.read(settings)).served
    async with store.open_store(settings.store) as kept:
        running = running_in(await kept.rollouts(), request.version.name)
        if running is not None:
            _refuse_another(running, request)
            changed = {"percent": request.percent, "guards": request.guards}
            now = await _change(kept, running.id, lambda rollout: rollout.model_copy(update=changed))
            return RolloutStart(now, _serving(served, now), was=running.percent)
        rollout = await _new(settings, request, served)
        await kept.create_rollout(rollout)
        return RolloutStart(rollout, _serving(served, rollout))


async def end(settings: Settings, rollout_id: str | None, *, reason: str) -> ModelRollout:
    """End the one that runs, or that of the id; one that was rolled back has been seen then.

    Raises `ConfigurationError` where there is none, or it has ended.
    """
    async with store.open_store(settings.store) as kept:
        found = await _find(kept, rollout_id, only_open=True)
        if found.state is RolloutState.ENDED:
            raise ConfigurationError(f"rollout {found.id} has ended already: {found.why}")
        return await _end(kept, found.id, why=reason or "ended by hand")


async def end_for(settings: Settings, ref: AliasRef, *, version: str) -> ModelRollout | None:
    """End the running rollout of the model where `ref`, which workers follow, leaves its serving version."""
    if not store.is_here(settings.store):
        return None
    async with store.open_store(settings.store) as kept:
        running = running_in(await kept.rollouts(), ref.name)
        if running is None or version == running.serving or not await _is_followed(settings, ref):
            return None
        return await _end(kept, running.id, why=f"{ref} points at {version} now")


async def look(settings: Settings, rollout_id: str | None) -> ModelRollout:
    """The one of the id; else the one that runs, or the newest. Raises `ConfigurationError`."""
    async with store.open_store(settings.store) as kept:
        return await _find(kept, rollout_id)


async def _refuse_unpublished(settings: Settings, version: VersionRef) -> None:
    async with open_registry(settings) as registry:
        known = [entry.ref.version for entry in await registry.versions(version.name)]
        if version.version not in known:
            hint = did_you_mean(version.version, known, otherwise=f"there are {', '.join(known) or 'none'}")
            raise ConfigurationError(f"{version} is not in the registry{hint}")


async def _refuse_without_topic(settings: Settings) -> None:
    async with TopicAdmin(kafka_connection(settings)) as admin:
        if not await admin.topics((topics.COMPARED,)):
            raise ConfigurationError(
                f"there is no topic {topics.COMPARED}, to which the compared tags go: `tagstream topics"
                " apply` makes it"
            )


def _refuse_another(running: ModelRollout, request: RolloutRequest) -> None:
    if running.version != request.version.version or running.mode is not request.mode:
        raise ConfigurationError(
            f"{running.id} runs: {running.mode} of {running.version} on {running.percent:g} % of the uploads;"
            " `tagstream model end-rollout` ends it"
        )


async def _new(settings: Settings, request: RolloutRequest, served: Counter[str]) -> ModelRollout:
    name, version = request.version.name, request.version.version
    now = datetime.now(UTC)
    return ModelRollout(
        id=f"{request.mode}-{version}-{now:%Y%m%dT%H%M%SZ}",
        mode=request.mode,
        model=name,
        version=version,
        serving=await _served(settings, request.version, served),
        percent=request.percent,
        guards=request.guards,
        started_at=now,
        started_by=current_user(),
        reason=request.reason,
        updated_at=now,
    )


async def _served(settings: Settings, wanted: VersionRef, served: Counter[str]) -> str:
    """The version of the model that most workers serve, or that the champion's alias points at."""
    most_first = served.most_common()
    ours = [each.partition("/")[2] for each, _ in most_first if each.partition("/")[0] == wanted.name]
    if not ours:
        async with open_registry(settings) as registry:
            ours = [(await registry.resolve(AliasRef(wanted.name, CHAMPION))).version]
    if ours[0] == wanted.version:
        raise ConfigurationError(f"{wanted} is what is served: there is nothing that it would stand beside")
    return ours[0]


def _serving(served: Counter[str], rollout: ModelRollout) -> int:
    return served[f"{rollout.model}/{rollout.serving}"]


async def _is_followed(settings: Settings, ref: AliasRef) -> bool:
    alive = (await model_status.read(settings)).alive
    return ref.alias == CHAMPION or any(each.follows == str(ref) for each in alive)


async def _find(kept: Rollouts, rollout_id: str | None, *, only_open: bool = False) -> ModelRollout:
    if rollout_id is not None:
        found = await kept.rollout(rollout_id)
        if found is not None:
            return found
        known = [each.id for each in await kept.rollouts()]
        raise ConfigurationError(f"there is no rollout {rollout_id}{did_you_mean(rollout_id, known)}")
    whole = [each for each in await kept.rollouts() if isinstance(each, ModelRollout)]
    if only_open:
        whole = [each for each in whole if each.state is not RolloutState.ENDED]
    if not whole:
        start = "`tagstream model shadow NAME/VERSION` or `canary` starts one"
        raise ConfigurationError(f"no rollout {'runs' if only_open else 'has been started'}: {start}")
    return max(whole, key=lambda each: (each.is_running, *age(each)))


async def _end(kept: Rollouts, rollout_id: str, *, why: str) -> ModelRollout:
    facts = {"why": why, "ended_by": current_user(), "ended_at": datetime.now(UTC)}

    def ended(rollout: ModelRollout) -> ModelRollout:
        """With why it was rolled back, if it was."""
        said = facts if rollout.is_running else {}
        return rollout.model_copy(update={"state": RolloutState.ENDED, **said})

    return await _change(kept, rollout_id, ended)


async def _change(
    kept: Rollouts, rollout_id: str, change: Callable[[ModelRollout], ModelRollout]
) -> ModelRollout:
    """Compare and swap, against workers that count."""
    while True:
        stored = await _find(kept, rollout_id)
        changed = change(stored)
        if changed == stored:
            return stored
        changed = changed.revised(datetime.now(UTC))
        if await kept.replace_rollout(changed, over=stored.revision):
            return changed
