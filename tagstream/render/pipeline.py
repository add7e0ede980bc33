"""The whole of a pipeline: what is wanted of it, its steps in order, and what came of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from model.pipeline.runner import Ran, run
from model.pipeline.stages import Stages
from model.pipeline.step import Step
from model.registry.refs import VersionRef
from operations.import_data import ImportRequest
from schemas.errors import ConfigurationError

if TYPE_CHECKING:
    from agents.wiring.settings import Settings


import signal
from contextlib import contextmanager

import typer

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
    from operations import pipeline_ends as ends

    gather = ends.gather(wanted.request, stages, settings)
    validate = stages.validated(gather)
    if wanted.until in STEPS[: STEPS.index("publish")]:
        return validate  # no registry need be named
    publish = ends.publish(wanted.version, stages, validate, where=ends.address(settings, wanted.registry))
    if not wanted.promote:
        return publish
    promotion = ends.PromotionGoal(wanted.version, ends.address(settings, wanted.registry), wanted.least_top)
    return ends.promote(promotion, stages, publish, gather=gather)


def go(last: Step, *, version: VersionRef, port: int | None, say: Callable[[str], None]) -> tuple[Ran, ...]:
    """Run them. Raises as `model.pipeline.runner.run`."""
    for step in last.chain():
        if step.done() is not None:
            say(f"{step.name}: finished before ({step.folder})")
    return run(last, pipeline=str(version), port=port, began=lambda step: say(f"{step.name}: {step.summary}"))


def show(ran: tuple[Ran, ...]) -> None:
    """A row a step."""
    from rich.console import Console
    from rich.table import Table

    table = Table()
    for column in ("step", "", "seconds", "in"):
        table.add_column(column, overflow="fold", justify="right" if column == "seconds" else "left")
    for each in ran:
        status = "done" if each.now else "finished before"
        table.add_row(each.done.step, status, f"{each.done.seconds:.1f}", str(each.step.folder))
    Console(highlight=False).print(table)
    for line in _said(ran):
        Console(highlight=False).print(line, markup=False, soft_wrap=True)


def _said(ran: tuple[Ran, ...]) -> Iterator[str]:
    """What came of it, in the order of the steps."""
    for each in ran:
        match each.done.about:
            case {"split": split, "top_accuracy": {"value": float() | int() as value, "of": of}}:
                yield f"top label right: {value:.1%} of {of} ({split}); {each.step.product(2)}"
            case {"ref": ref, "registry": registry}:
                yield f"{ref} is published at {registry}"
            case {"alias": alias, "version": version}:
                yield f"{alias} is {version}; workers take it when they start again"


def document(ran: tuple[Ran, ...], *, version: VersionRef) -> dict[str, Any]:
    """One document: each step, whether it ran now, where its product is, what came of it."""
    return {"version": str(version), "steps": [_row(each) for each in ran]}


def _row(each: Ran) -> dict[str, Any]:
    done = each.done
    return {
        "step": done.step,
        "ran": each.now,
        "folder": str(each.step.folder),
        "seconds": round(done.seconds, 2),
        "cpu_seconds": round(done.cpu_seconds, 2),
        "resumed": done.resumed,
        **done.about,
    }


@contextmanager
def shown(port: int | None, *, keep: bool) -> Iterator[None]:
    """The visualiser while the block lasts; with `keep` until Ctrl-C, after a failure too."""
    if port is None:
        yield
        return
    from model.pipeline.tasks import visualiser

    with visualiser(port) as address:
        typer.echo(f"Luigi's visualiser: {address}", err=True)
        try:
            yield
        except Exception as error:
            if keep:
                typer.echo(f"failed: {error}", err=True)
                _hold(address)
            raise
        if keep:
            _hold(address)


def _hold(address: str) -> None:
    try:
        typer.echo(f"the visualiser stays at {address} until Ctrl-C", err=True)
        signal.pause()
    except KeyboardInterrupt:
        typer.echo("the visualiser has ended", err=True)
