"""The ends of a pipeline: photographs from everywhere, and the registry."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from agents.wiring.registry import address, cache
from model.data import dataset
from model.data.dataset import Split
from model.pipeline import fingerprints
from model.pipeline.stages import Stages, evaluation_split, plain
from model.pipeline.step import Made, Step, digest
from model.registry import contents, promotion
from model.registry.promotion_evaluation import PromotionCriteria
from model.registry.refs import CHAMPION, AliasRef, VersionRef
from model.serving.classifier import Classifier
from operations import import_data
from operations.current_user import current_user
from operations.import_data import ImportRequest
from operations.registry import over
from schemas.errors import TagstreamError

if TYPE_CHECKING:
    from agents.wiring.settings import Settings
    from model.registry.publishing import Published
    from model.registry.registry import Registry

__all__ = ["PromotionGoal", "PromotionRefused", "address", "gather", "promote", "publish"]


class PromotionRefused(TagstreamError):
    """The registry's gate does not let the version have the alias."""


@dataclass(frozen=True, slots=True)
class PromotionGoal:
    """Of which version, where, and how good it has to be at least."""

    version: VersionRef
    registry: str
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


def publish(version: VersionRef, stages: Stages, validate: Step, *, where: str) -> Step:
    """The judged version in the registry at `where`."""
    return Step(
        "publish",
        stages.root,
        {"registry": where, "version": str(version)},
        partial(_published, validate, where),
        needs=(validate,),
        summary=f"{version} at {where}",
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


def _published(validate: Step, where: str, _folder: Path) -> Made:
    folder = validate.product()
    version = contents.of_folder(folder)
    Classifier.load(folder).check_golden()

    async def put(opened: Registry, _: Settings) -> Published:
        return await opened.publish(version)

    published = over(where, put)
    return Made(published.digest, about={"ref": str(published.ref), "registry": where})


def _promoted(wanted: PromotionGoal, stages: Stages, gather: Step, _folder: Path) -> Made:
    data = dataset.read(gather.product())
    split = evaluation_split(data)
    device, threads = stages.job.device, stages.job.threads
    criteria = PromotionCriteria(
        data.of(Split(split)), split, wanted.least_top, device=device, threads=threads
    )
    order = promotion.PromotionRequest(
        wanted.version, current_user(), reason="by the pipeline", criteria=criteria
    )

    async def move(opened: Registry, config: Settings) -> promotion.PromotionResult:
        return await promotion.promote(opened, cache(config), order, tick=stages.watch.tick)

    found = over(wanted.registry, move)
    if found.alias is None:
        raise PromotionRefused(
            f"{wanted.version} is published, but is not {wanted.alias}: the gate refuses it by "
            f"{_reasons(found)}; `tagstream model promote {wanted.version} --registry {wanted.registry}` "
            "says more"
        )
    about = {"alias": str(wanted.alias), "version": found.alias.version}
    return Made(digest(plain(about)), about=plain(about))


def _reasons(found: promotion.PromotionResult) -> str:
    rows = found.outcome.refused
    return "; ".join(f"{row.name} ({row.why})" if row.why else row.name for row in rows)
