"""The steps as Luigi's tasks: a class a stage, so that its visualiser shows them by their names."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final

from model.pipeline.engine import ParameterVisibility, luigi
from model.pipeline.step import MARKER, Step


@dataclass(eq=False)
class TaskErrors:
    """What a run did. Luigi turns an error into a status; here it is kept as it was raised."""

    began: Callable[[Step], None]
    ran: list[Step] = field(default_factory=list)
    error: BaseException | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Held:
    """What a task needs that is no parameter of it."""

    step: Step
    account: TaskErrors


class HeldParameter(luigi.Parameter[Held]):
    """Hands `Held` to a task; the visualiser never sees it, and no task is told by it."""

    def __init__(self) -> None:
        super().__init__(significant=False, visibility=ParameterVisibility.PRIVATE)

    def serialize(self, x: Held) -> str:
        """The step's name."""
        return x.step.name

    def _warn_on_wrong_param_type(self, param_name: str, param_value: object) -> None:
        """Say nothing: it is meant to be no string."""


class StepTask(luigi.Task):
    """One step, seen by Luigi."""

    pipeline: Any = luigi.Parameter(description="The version that it makes.")
    summary: Any = luigi.Parameter(description="What it is told by.")
    held: Any = HeldParameter()

    def requires(self) -> list[StepTask]:
        """The steps before it."""
        account = self.held.account
        return [task(need, pipeline=self.pipeline, account=account) for need in self.held.step.needs]

    def output(self) -> luigi.LocalTarget:
        """Its marker; one that is never there while a step before it is not finished."""
        step = self.held.step
        folder = step.folder or step.root / f"{step.name}-later"
        return luigi.LocalTarget(str(folder / MARKER))  # type: ignore[no-untyped-call]

    def complete(self) -> bool:
        """Whether it and all before it are finished, their products included."""
        return self.held.step.done() is not None

    def run(self) -> None:
        """Do it, unless the steps before it were done again and came out as they were."""
        held: Held = self.held
        if held.step.done() is None:
            held.account.began(held.step)
            held.step.run()
            held.account.ran.append(held.step)

    def on_failure(self, exception: BaseException) -> str:
        """Keep the error for whoever runs the pipeline, and say it in the visualiser in one line."""
        self.held.account.error = exception
        return str(exception)


class Gather(StepTask):
    """Photographs from everywhere into a snapshot."""


class Preprocess(StepTask):
    """The snapshot's photographs, decoded once."""


class Train(StepTask):
    """A version from the decoded photographs."""


class Validate(StepTask):
    """The version judged, with a page."""


class Publish(StepTask):
    """The version in the registry."""


class Promote(StepTask):
    """The alias on the version."""


STAGES: Final[Mapping[str, type[StepTask]]] = MappingProxyType(
    {each.__name__.lower(): each for each in (Gather, Preprocess, Train, Validate, Publish, Promote)}
)


def task(step: Step, *, pipeline: str, account: TaskErrors) -> StepTask:
    """The task of `step`, with those before it behind it."""
    return STAGES[step.name](pipeline=pipeline, summary=step.summary or step.name, held=Held(step, account))
