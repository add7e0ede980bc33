"""The pipeline from photographs to a promoted version: its steps in order, and their run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from agents.wiring.registry import address
from agents.wiring.settings import Settings
from model.pipeline.runner import Ran, run
from model.pipeline.stages import Stages
from model.pipeline.step import Step
from model.registry.refs import VersionRef
from operations import pipeline_ends as ends
from operations.import_data import ImportRequest
from operations.pipeline_ends import PipelineRegistry
from schemas.errors import ConfigurationError

STEPS: Final = ("gather", "preprocess", "train", "validate", "publish", "promote")


@dataclass(frozen=True, slots=True)
class PipelineRequest:
    """What the pipeline is to make, of what."""

    request: ImportRequest
    """Of the import; its output is the pipeline's."""
    version: VersionRef
    registry: str | None
    promote: bool = False
    least_top: float | None = None
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
    gather = ends.gather(wanted.request, stages, settings)
    validate = stages.validated(gather)
    if wanted.until in STEPS[: STEPS.index("publish")]:
        return validate  # no registry need be named
    registry = PipelineRegistry(settings, address(settings, wanted.registry))
    publish = ends.publish(wanted.version, stages, validate, registry=registry)
    if not wanted.promote:
        return publish
    promotion = ends.PromotionGoal(wanted.version, registry, wanted.least_top)
    return ends.promote(promotion, stages, publish, gather=gather)


def go(last: Step, *, version: VersionRef, port: int | None, say: Callable[[str], None]) -> tuple[Ran, ...]:
    """Run them. Raises as `model.pipeline.runner.run`."""
    for step in last.chain():
        if step.done() is not None:
            say(f"{step.name}: finished before ({step.folder})")
    return run(last, pipeline=str(version), port=port, began=lambda step: say(f"{step.name}: {step.summary}"))
