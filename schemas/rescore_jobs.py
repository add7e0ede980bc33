"""Job documents: what a re-score is asked for, how far it has come, and who runs it.

A document is changed by compare-and-swap alone: each change is written over the revision that it was made
of. Whoever edits one by hand can spoil it; then it is told with the field that is wrong, and hides no other.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any, Final, Literal

from pydantic import Field

from schemas import stored_documents
from schemas.errors import ConfigurationError
from schemas.events import RescoreMode
from schemas.leases import Lease
from schemas.tags import Probability, Value
from schemas.uploads import Moment
from schemas.version_diff import VersionDiff


class RescoreState(StrEnum):
    """Where a job stands."""

    RUNNING = "running"
    """Somebody runs it, or shall: a job whose lease is over waits for `tagstream replay resume` or `run`."""
    WAITING = "waiting"
    """Its runner waits for a worker that has the version; until then workers pass over what it asks for."""
    PAUSED = "paused"
    CANCELLED = "cancelled"
    FINISHED = "finished"
    FAILED = "failed"
    """It cannot go on; `why` says why."""


ENDED: Final = frozenset({RescoreState.CANCELLED, RescoreState.FINISHED})
"""What nobody resumes."""


class FromUploads(Value):
    """The uploads topic, between offsets that were fixed when the job was started."""

    kind: Literal["uploads"] = "uploads"
    begin: Mapping[int, int]
    end: Mapping[int, int]
    accepts_gone: bool = False
    """Goes on although retention has deleted records of the range."""


class FromStore(Value):
    """Every image that the store knows."""

    kind: Literal["store"] = "store"


class FromIds(Value):
    """The images of a file, which must stay as it was."""

    kind: Literal["ids"] = "ids"
    path: str
    digest: str
    """sha256 of the file, hexadecimal."""


class FromPrefix(Value):
    """The objects of a bucket whose keys begin so."""

    kind: Literal["prefix"] = "prefix"
    bucket: str
    prefix: str = ""


RescoreSource = Annotated[FromUploads | FromStore | FromIds | FromPrefix, Field(discriminator="kind")]


class ScoreBand(Value):
    """Images of which a label's probability lies within, the bounds among them."""

    label: str
    low: Probability
    high: Probability

    @classmethod
    def parse(cls, text: str) -> ScoreBand:
        """As in `menu:0.3-0.7`; raises `ConfigurationError`."""
        label, _, bounds = text.rpartition(":")
        low, _, high = bounds.partition("-")
        try:
            band = cls(label=label, low=float(low), high=float(high))
        except ValueError:
            band = None
        if band is None or not label or band.low > band.high:
            raise ConfigurationError(f"--band {text}: a label and two probabilities, as in menu:0.3-0.7")
        return band

    def holds(self, probability: float) -> bool:
        """Whether it lies within."""
        return self.low <= probability <= self.high


class RescoreFilters(Value):
    """Which images of the source are meant: those to which everything that is said applies."""

    since: Moment | None = None
    """Uploaded then or later, as the claim says that stands."""
    until: Moment | None = None
    """Uploaded before."""
    restaurant_id: str | None = None
    label: str | None = None
    """Tagged with it now."""
    scored_by: str | None = None
    """The version that scored them last."""
    bands: tuple[ScoreBand, ...] = ()
    """Within any of them."""
    only_missing: bool = False
    """Only images that no version has ever scored."""
    decide_again: bool = False
    """Also images that have the scores: they are decided on anew."""


class LabelChange(Value):
    """One label's images before and after, by what the models said."""

    before: int = 0
    after: int = 0
    gained: int = 0
    lost: int = 0


class RescoreCounts(Value):
    """What became of the images so far; everything below the checkpoint, and nothing beyond it."""

    chosen: Mapping[str, int] = Field(default_factory=dict)
    """Images by what was chosen for them."""
    sent: int = 0
    rescored: int = 0
    """Have scores of the version by this job."""
    changed: int = 0
    """Of them, those whose tags are others than before."""
    skipped: int = 0
    """Sent, and removed meanwhile; of a publication also what came after the shadow."""
    unfinished: int = 0
    """Sent, and still without scores of the version when their page was settled."""
    seconds: float = 0.0
    """That its runners have spent on them."""

    @property
    def looked_at(self) -> int:
        """Images for which something was chosen."""
        return sum(self.chosen.values())


class RescoreCheckpoint(Value):
    """How far the job has come: everything up to `after` is settled."""

    after: str = ""
    """The last image id, or of a prefix the last key."""
    is_at_end: bool = False
    """The source is read to its end; what was unfinished is tried once more."""
    is_retried: bool = False


class RescoreJob(Value):
    """A job as the store keeps it."""

    schema_version: int = 1
    id: str = Field(min_length=1, max_length=200)
    revision: int = 0
    """Counts the changes of the document."""
    state: RescoreState = RescoreState.RUNNING
    why: str = ""
    """Why it waits, or has failed, in a sentence."""
    created_at: Moment
    created_by: str
    reason: str = ""
    """Why it was started, as who started it says."""
    mode: RescoreMode = RescoreMode.APPLY
    model_version: str = Field(min_length=1)
    source: RescoreSource
    filters: RescoreFilters = RescoreFilters()
    rate: float | None = Field(None, gt=0, allow_inf_nan=False)
    """Images a second, at most."""
    total: int | None = None
    """Images of the source, where that was known at the start."""
    checkpoint: RescoreCheckpoint = RescoreCheckpoint()
    counts: RescoreCounts = RescoreCounts()
    labels: Mapping[str, LabelChange] = Field(default_factory=dict)
    diff: VersionDiff | None = None
    """Of a shadow: what the version would change, of the images so far."""
    unfinished: tuple[str, ...] = ()
    """The first of the images that were unfinished."""
    lease: Lease | None = None
    updated_at: Moment

    @property
    def has_ended(self) -> bool:
        """Whether nobody resumes it."""
        return self.state in ENDED


@dataclass(frozen=True, slots=True)
class SpoiledJob:
    """A document that somebody has edited, and that is no job any more."""

    id: str
    why: str

    @property
    def error(self) -> ConfigurationError:
        """What to say about it."""
        return ConfigurationError(
            f"replay {self.id}: its document in the store (rescore_jobs) was edited and is none any more:"
            f" {self.why}; mend that field, or start another by `tagstream replay start`"
        )


def job_in(job_id: str, document: Any) -> RescoreJob | SpoiledJob:  # noqa: ANN401 - whatever is stored
    """The job in `document`, a mapping or JSON, or what is wrong with it."""
    found = stored_documents.read(RescoreJob, job_id, document)
    return SpoiledJob(job_id, found) if isinstance(found, str) else found


def state_in(document: Any) -> RescoreState:  # noqa: ANN401 - whatever is stored
    """The state in `document`; that of a spoiled one is `failed`: nothing of it waits, nothing is lost."""
    try:
        found = json.loads(document) if isinstance(document, str | bytes) else document
        return RescoreState(found["state"])
    except (ValueError, TypeError, KeyError):
        return RescoreState.FAILED
