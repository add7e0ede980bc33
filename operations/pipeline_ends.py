"""The pipeline's first and last steps: the import of photographs, and publication and promotion."""

from __future__ import annotations

import asyncio
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path

from agents.wiring.registry import cache, open_registry
from agents.wiring.settings import Settings
from model.data import dataset
from model.data.dataset import Split
from model.data.progress import Tick
from model.pipeline import fingerprints
from model.pipeline.stages import Stages, evaluation_split, plain
from model.pipeline.step import Made, Step, digest
from model.registry import promotion
from model.registry.gate_terms import PromotionCriteria
from model.registry.refs import CHAMPION, AliasRef, VersionRef
from operations import import_data
from operations import publish as publishing
from operations.current_user import current_user
from operations.import_data import ImportRequest
from schemas.errors import TagstreamError


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
    least_top: float | None

    @property
    def alias(self) -> AliasRef:
        """What moves."""
        return AliasRef(self.version.name, CHAMPION)


def gather(request: ImportRequest, stages: Stages, settings: Settings) -> Step:
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


def publish(version: VersionRef, stages: Stages, validate: Step, *, registry: PipelineRegistry) -> Step:
    """The evaluated version in the registry."""
    return Step(
        "publish",
        stages.root,
        {"registry": registry.url, "version": str(version)},
        partial(_published, validate, registry),
        needs=(validate,),
        summary=f"{version} at {registry.url}",
    )


def promote(wanted: PromotionGoal, stages: Stages, publish: Step, *, gather: Step) -> Step:
    """The champion's alias on the version, if the gate lets it."""
    return Step(
        "promote",
        stages.root,
        {"alias": str(wanted.alias), "least_top": wanted.least_top},
        partial(_promoted, wanted, stages, gather),
        needs=(publish,),
        summary=str(wanted.alias),
    )


def _published(validate: Step, registry: PipelineRegistry, _folder: Path) -> Made:
    result = asyncio.run(publishing.publish(registry.settings, validate.product(), url=registry.url))
    about = {"ref": str(result.published.ref), "registry": registry.url}
    return Made(result.published.digest, about=about)


def _promoted(wanted: PromotionGoal, stages: Stages, gather: Step, _folder: Path) -> Made:
    data = dataset.read(gather.product())
    split = evaluation_split(data)
    device, threads = stages.job.device, stages.job.threads
    photographs = data.of(Split(split))
    criteria = PromotionCriteria(photographs, split, wanted.least_top, device=device, threads=threads)
    request = promotion.PromotionRequest(
        wanted.version, current_user(), reason="by the pipeline", criteria=criteria
    )
    found = asyncio.run(_moved(wanted.registry, request, stages.watch.tick))
    if found.alias is None:
        raise PromotionRefused(
            f"{wanted.version} is published, but is not {wanted.alias}: the gate refuses it by "
            f"{_reasons(found)}; `tagstream model promote {wanted.version} --registry {wanted.registry.url}` "
            "says more"
        )
    about = {"alias": str(wanted.alias), "version": found.alias.version}
    return Made(digest(plain(about)), about=plain(about))


async def _moved(
    where: PipelineRegistry, request: promotion.PromotionRequest, tick: Tick
) -> promotion.PromotionResult:
    async with open_registry(where.settings, where.url) as registry:
        return await promotion.promote(registry, cache(where.settings), request, tick=tick)


def _reasons(found: promotion.PromotionResult) -> str:
    rows = found.outcome.refused
    return "; ".join(f"{row.name} ({row.why})" if row.why else row.name for row in rows)
