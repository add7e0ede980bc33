"""The pipeline from photographs to a promoted version: its steps in order, and their run."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Final

from agents.wiring.registry import address
from agents.wiring.settings import Settings
from model.data import dataset
from model.data.dataset import Split
from model.pipeline import fingerprints
from model.pipeline.runner import Ran, run
from model.pipeline.stages import Stages, evaluation_split, plain
from model.pipeline.step import Made, Step, digest
from model.registry import promotion
from model.registry.floors import Floors
from model.registry.gate_terms import PromotionCriteria
from model.registry.refs import CHAMPION, AliasRef, VersionRef
from operations import import_data
from operations import promote as promoting
from operations import publish as publishing
from operations.current_user import current_user
from operations.import_data import ImportRequest
from schemas.errors import ConfigurationError, TagstreamError

STEPS: Final = ("gather", "preprocess", "train", "validate", "publish", "promote")


class PromotionRefused(TagstreamError):
    """The registry's gate does not let the version have the alias."""


@dataclass(frozen=True, slots=True)
class PipelineRegistry:
    """Where versions are published."""

    settings: Settings
    url: str


@dataclass(frozen=True, slots=True)
class PromotionGoal:
    """Of which version, where, and how good it has to be at least."""

    version: VersionRef
    registry: PipelineRegistry
    floors: Floors

    @property
    def alias(self) -> AliasRef:
        """What moves."""
        return AliasRef(self.version.name, CHAMPION)


@dataclass(frozen=True, slots=True)
class PipelineRequest:
    """What the pipeline is to make, of what."""

    request: ImportRequest
    """Of the import; its output is the pipeline's."""
    version: VersionRef
    registry: str | None
    promote: bool = False
    floors: Floors = field(default_factory=Floors)
    until: str = ""
    """The step to end with; all of them where it is empty."""
    again: tuple[str, ...] = ()
    """Steps to be done again though they are finished."""


def steps(wanted: PipelineRequest, stages: Stages, settings: Settings) -> Step:
    """The last step, with all the others before it. Raises `ConfigurationError`."""
    last = _all(wanted, stages, settings)
    chain = {step.name: step for step in last.chain()}
    for name in (*wanted.again, *filter(None, (wanted.until,))):
        if name not in chain:
            raise ConfigurationError(f"{name!r} is none of the steps here, which are {', '.join(chain)}")
    for name in reversed(chain):  # without those before it nobody knows where a step's folder is
        if name in wanted.again:
            chain[name].forget()
    return chain[wanted.until] if wanted.until else last


def _all(wanted: PipelineRequest, stages: Stages, settings: Settings) -> Step:
    gather = _gather(wanted.request, stages, settings)
    validate = stages.validated(gather)
    if wanted.until in STEPS[: STEPS.index("publish")]:
        return validate  # no registry need be named
    registry = PipelineRegistry(settings, address(settings, wanted.registry))
    publish = _publish(wanted.version, stages, validate, registry=registry)
    if not wanted.promote:
        return publish
    goal = PromotionGoal(wanted.version, registry, wanted.floors)
    return _promote(goal, stages, publish, gather=gather)


def go(last: Step, *, version: VersionRef, port: int | None, say: Callable[[str], None]) -> tuple[Ran, ...]:
    """Run them. Raises as `model.pipeline.runner.run`."""
    for step in last.chain():
        if step.done() is not None:
            say(f"{step.name}: finished before ({step.folder})")
    return run(last, pipeline=str(version), port=port, began=lambda step: say(f"{step.name}: {step.summary}"))


def _gather(request: ImportRequest, stages: Stages, settings: Settings) -> Step:
    """The import of a snapshot, done again when a local source has changed."""
    read = (*request.sources, *request.negatives)
    parameters = {
        "sources": [[source, fingerprints.seen(source)] for source in read],
        "negatives": len(request.negatives),
        "decisions": request.decisions,
        "accept_unreviewed": request.accept_unreviewed,
        "wanted": asdict(request.wanted),
    }

    def work(folder: Path) -> Made:
        found = import_data.run(replace(request, output=folder), settings, tick=stages.watch.tick)
        refused = sum(found.about.refused.counts.values())
        about = {"snapshot": found.about.folder, "pictures": found.about.pictures, "left_out": refused}
        return Made(found.about.digest, (found.folder,), about=plain(about))

    summary = ", ".join(read) or "what moderators decided"
    return Step("gather", stages.root, plain(parameters), work, summary=summary)


def _publish(version: VersionRef, stages: Stages, validate: Step, *, registry: PipelineRegistry) -> Step:
    """The evaluated version in the registry."""

    def work(_folder: Path) -> Made:
        result = asyncio.run(publishing.publish(registry.settings, validate.product(), url=registry.url))
        about = {"ref": str(result.published.ref), "registry": registry.url}
        return Made(result.published.digest, about=about)

    parameters = {"registry": registry.url, "version": str(version)}
    summary = f"{version} at {registry.url}"
    return Step("publish", stages.root, parameters, work, needs=(validate,), summary=summary)


def _promote(wanted: PromotionGoal, stages: Stages, publish: Step, *, gather: Step) -> Step:
    """The champion's alias on the version, if the gate lets it."""
    return Step(
        "promote",
        stages.root,
        {"alias": str(wanted.alias), "floors": plain(asdict(wanted.floors))},
        partial(_promoted, wanted, stages, gather),
        needs=(publish,),
        summary=str(wanted.alias),
    )


def _promoted(wanted: PromotionGoal, stages: Stages, gather: Step, _folder: Path) -> Made:
    data = dataset.read(gather.product())
    split = evaluation_split(data)
    device, threads = stages.job.device, stages.job.threads
    photographs = data.of(Split(split))
    criteria = PromotionCriteria(photographs, split, wanted.floors, device=device, threads=threads)
    request = promotion.PromotionRequest(
        wanted.version, current_user(), reason="by the pipeline", criteria=criteria
    )
    where = wanted.registry
    found = asyncio.run(promoting.promote(where.settings, request, url=where.url, tick=stages.watch.tick))
    if found.alias is None:
        raise PromotionRefused(
            f"{wanted.version} is published, but is not {wanted.alias}: the gate refuses it by "
            f"{_reasons(found)}; `tagstream model promote {wanted.version} --registry {where.url}` "
            "says more"
        )
    about = {"alias": str(wanted.alias), "version": found.alias.version}
    return Made(digest(plain(about)), about=plain(about))


def _reasons(found: promotion.PromotionResult) -> str:
    rows = found.outcome.refused
    return "; ".join(f"{row.name} ({row.why})" if row.why else row.name for row in rows)
