"""Publication of a shadow replay: a job of its own over the same images, whose scores are there already."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from schemas.errors import ConfigurationError
from schemas.events import RescoreMode
from schemas.rescore_jobs import RescoreJob, RescoreState

_SUFFIX: Final = "-publish"


def of(shadow: RescoreJob, *, now: datetime, by: str) -> RescoreJob:
    """The one job that publishes `shadow`: the same every time, so that to ask again goes on with it."""
    return RescoreJob(
        id=shadow.id + _SUFFIX,
        created_at=now,
        updated_at=now,
        created_by=by,
        reason=f"publishes {shadow.id}",
        mode=RescoreMode.PUBLISH,
        model_version=shadow.model_version,
        source=shadow.source,
        filters=shadow.filters,
        rate=shadow.rate,
        total=shadow.total,
    )


def refuse_unready(job: RescoreJob) -> None:
    """Pass if `job` is a shadow that has come to its end, else raise `ConfigurationError`."""
    if job.mode is not RescoreMode.SHADOW:
        raise ConfigurationError(
            f"replay {job.id} is no shadow: what it scored holds already; `tagstream replay start --shadow`"
            " begins one that can be looked at first"
        )
    if job.state is not RescoreState.FINISHED:
        raise ConfigurationError(
            f"replay {job.id} is {job.state}, and not finished: `tagstream replay resume {job.id}` goes on"
        )
    if job.diff is None:
        raise ConfigurationError(f"replay {job.id} has scored no image: there is nothing to publish")
