"""Ports of the outside world: images, scores and tags, each with a verb or two and an adapter a place.

Adapters own their connections (`async with`), map foreign errors at their edge, and raise only
`Rejected` (this object never) or `Unavailable` (not now).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from schemas.api_keys import ApiKey, SpoiledKey
from schemas.batch_jobs import BatchJob, SpoiledBatch
from schemas.events import Announcement, DeadLetter
from schemas.records import ImageHead, Kept, ScoreRecord, Stale
from schemas.rescore_jobs import RescoreJob, RescoreState, SpoiledJob
from schemas.rollouts import ModelRollout, SpoiledRollout
from schemas.statements import StatementOfReasons
from schemas.uploads import Location
from schemas.worker_states import WorkerState

IMAGES: Final = "s3"
STORE: Final = "store"
BROKER: Final = "broker"
"""The dependencies behind the ports, as `Unavailable` names them."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """One object as it stands in storage."""

    data: bytes
    etag: str | None = None
    version: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    """What the uploader said with it, names in lower case."""
    digest: str | None = None
    """sha256 of the data, hexadecimal, where it was taken on the way."""


class ImageStore(Protocol):
    """Where photographs are."""

    async def fetch(self, location: Location) -> Fetched:
        """The object.

        Raises:
            NotAllowed: the bucket is off the allow-list.
            Gone: there is no such object.
            TooLarge: it has more bytes than the cap.
            Unavailable: the storage is away, overloaded, or refuses our credentials.
        """

    async def exists(self, location: Location) -> bool:
        """Whether something stands at the location's bucket and key now, of whatever version.

        Raises:
            NotAllowed: the bucket is off the allow-list.
            Unavailable: the storage is away, overloaded, or refuses our credentials.
        """

    async def link(self, location: Location, *, seconds: float) -> str:
        """An address at which a person can look at the image for `seconds`; no check that it is there."""

    async def ping(self) -> None:
        """Return when the storage answers; raise `Unavailable` when it does not."""


@dataclass(frozen=True, slots=True)
class StoredRendition:
    """A photograph made small, as it is kept."""

    data: bytes = field(repr=False)
    recipe: str
    """The name of how it was made."""
    sha256: str
    """Of the data, hexadecimal, as whoever put it says."""


class RenditionStore(Protocol):
    """Where renditions are, each by the sha256 of the photograph that it was made of."""

    async def get(self, digest: str) -> StoredRendition | None:
        """The rendition; None where there is none.

        Raises:
            Rejected: what stands there is no rendition.
            Unavailable: the storage is away, or refuses our credentials.
        """

    async def put(self, digest: str, rendition: StoredRendition) -> None:
        """Keep it, in place of an earlier one; durable when it returns. Raises `Unavailable`."""

    async def delete(self, digest: str) -> None:
        """Have none of that photograph; nothing where there is none. Raises `Unavailable`."""


class ObjectKeys(Protocol):
    """What storage has, by key."""

    async def keys(self, bucket: str, prefix: str, *, after: str = "", limit: int = 500) -> tuple[str, ...]:
        """Some of the next keys that begin with `prefix`, in their order, behind `after`; none at the end.

        Raises:
            NotAllowed: the bucket is off the allow-list.
            Unavailable: the storage is away, or refuses our credentials.
        """


@dataclass(frozen=True, slots=True)
class ObjectFacts:
    """One object as a listing or a HEAD tells of it."""

    etag: str
    """Without quotes."""
    size: int
    """Bytes."""
    metadata: Mapping[str, str] = field(default_factory=dict)
    """What whoever put it said with it, names in lower case."""


class ObjectFiles(ObjectKeys, Protocol):
    """Objects as files: read a piece at a time, and put where nothing stands.

    Every call raises `NotAllowed` where the bucket is off the allow-list, and `Unavailable` where the
    storage is away, or refuses our credentials. Versions are not told apart: a location's is not looked at.
    """

    async def facts(self, location: Location) -> ObjectFacts | None:
        """Of what stands at the bucket and key now; None where nothing does."""

    async def read(self, location: Location, *, begin: int, end: int) -> bytes:
        """Its bytes from `begin` on, `end` not among them; fewer, or none, where it has no more.

        A location with an etag is read only while that very content stands there.

        Raises:
            Gone: nothing stands there.
            Changed: something else does than the etag says.
        """

    async def put_new(self, location: Location, data: bytes, *, metadata: Mapping[str, str]) -> bool:
        """Put the object, durable when it returns; False, and nothing done, where something stands there.

        What stands there may be what this very call has put, where the first answer to it was lost.

        Raises:
            Gone: no object can have that key, or it leads out of the bucket.
        """


class ObjectVersions(Protocol):
    """What storage keeps of one object, for an erasure."""

    async def standing(self, location: Location) -> int:
        """How many versions of the object stand, whichever the location names.

        Raises:
            NotAllowed: the bucket is off the allow-list.
            Unavailable: the storage is away, or refuses our credentials.
        """

    async def delete(self, location: Location) -> int:
        """Delete every version of the object; how many there were. Raises as `standing` does."""


Change = Callable[[ImageHead | None], Kept | Stale]
"""What becomes of an image's head, given what is stored: pure, called again when somebody wrote meanwhile.

`Kept` with the stored head itself, or `Stale`, writes nothing.
"""


@dataclass(frozen=True, slots=True)
class Purged:
    """What was taken out of the store beside a head."""

    scores: int = 0
    """Of the history, deleted."""
    statements: int = 0
    """Of reasons, which stay without what they named."""


class ScoreStore(Protocol):
    """Where heads and scores are kept."""

    async def head(self, image_id: str) -> ImageHead | None:
        """What holds of the image now, or None before its first score."""

    async def heads(self, image_ids: Collection[str]) -> Mapping[str, ImageHead]:
        """The heads of those of `image_ids` that are known."""

    async def apply(self, image_id: str, change: Change, record: ScoreRecord | None = None) -> Kept | Stale:
        """Make `change` to the image's head, and keep `record` in the history; durable when it returns.

        Atomic per image, whoever writes beside us: `change` may run several times, and the outcome
        is that of its last run. The record joins the history also when the change is stale, unless
        the head refuses it: it is of an erased photograph. The first of an image, a content version
        and a model version stays.
        """

    async def purge(self, image_id: str) -> Purged:
        """Take out of the store what of an erased photograph stands beside its head.

        Of the history what the head refuses (`ImageHead.refuses`); the statements of reasons stay, as
        `ImageHead.redacted` has them.
        """

    async def of_uploader(
        self, uploader_id: str, *, after: str = "", limit: int = 500
    ) -> tuple[ImageHead, ...]:
        """The next heads of which either voice says that this uploader's claim stands; paged as `scan` is."""

    async def of_restaurant(
        self, restaurant_id: str, *, topic: str | None = None, after: str = "", limit: int = 500
    ) -> tuple[ImageHead, ...]:
        """The next heads of the restaurant, with `topic` those that a route leads there; paged as `scan` is.

        Raises `ConfigurationError` where the store lacks the index: it would have to look at every head.
        """

    async def unfinished_erasures(self, *, limit: int = 500) -> tuple[ImageHead, ...]:
        """Erased heads of which the withdrawal is not acknowledged: under way, or somebody was killed."""

    async def scan(self, *, after: str = "", limit: int = 500) -> tuple[ImageHead, ...]:
        """The next heads in the order of their image ids, behind `after`; fewer than `limit` at the end."""

    async def records(self, image_id: str) -> tuple[ScoreRecord, ...]:
        """The image's history, by content version and model version."""

    async def keep_statements(self, statements: Sequence[StatementOfReasons]) -> None:
        """Add each to the statements of reasons; durable when it returns.

        One whose `puid` is there already changes nothing: what was stated stays as it was.
        """

    async def statements(
        self, *, after: str = "", before: str | None = None, limit: int = 500
    ) -> tuple[StatementOfReasons, ...]:
        """The next statements in the order of their `place`, behind `after` and ahead of `before`.

        Fewer than `limit` at the end.
        """

    async def statements_of(self, image_id: str) -> tuple[StatementOfReasons, ...]:
        """The image's statements, in the order of their `place`."""

    async def ping(self) -> None:
        """Return when the store answers; raise `Unavailable` when it does not."""


class RescoreJobs(Protocol):
    """Where jobs of the replay lane are kept, beside the scores; each is changed by compare-and-swap."""

    async def create_job(self, job: RescoreJob) -> bool:
        """Keep a new job; False where one of its id is there. Durable when it returns."""

    async def replace_job(self, job: RescoreJob, *, over: int) -> bool:
        """Keep the job in place of its document of revision `over`; False where that is not it any more."""

    async def job(self, job_id: str) -> RescoreJob | None:
        """The job; raises `ConfigurationError` where its document was edited and is none any more."""

    async def jobs(self) -> tuple[RescoreJob | SpoiledJob, ...]:
        """Every job, by id."""

    async def job_states(self, job_ids: Collection[str]) -> Mapping[str, RescoreState]:
        """Where those of `job_ids` stand that are known."""


class Rollouts(Protocol):
    """Where rollouts of versions are kept, beside the scores; each is changed by compare-and-swap."""

    async def create_rollout(self, rollout: ModelRollout) -> bool:
        """Keep a new one; False where one of its id is there. Durable when it returns."""

    async def replace_rollout(self, rollout: ModelRollout, *, over: int) -> bool:
        """Keep it in place of its document of revision `over`; False where that is not it any more."""

    async def rollout(self, rollout_id: str) -> ModelRollout | None:
        """The rollout; raises `ConfigurationError` where its document was edited and is none any more."""

    async def rollouts(self) -> tuple[ModelRollout | SpoiledRollout, ...]:
        """Every rollout, by id."""


class ApiKeys(Protocol):
    """Where API keys are kept, beside the scores; each is changed by compare-and-swap."""

    async def create_key(self, key: ApiKey) -> bool:
        """Keep a new one; False where one of its id is there. Durable when it returns."""

    async def replace_key(self, key: ApiKey, *, over: int) -> bool:
        """Keep it in place of its document of revision `over`; False where that is not it any more."""

    async def key(self, key_id: str) -> ApiKey | None:
        """The key; raises `ConfigurationError` where its document was edited and is none any more."""

    async def keys(self) -> tuple[ApiKey | SpoiledKey, ...]:
        """Every key, by id, those that are revoked or expired too."""


class BatchJobs(Protocol):
    """Where batch jobs are kept, beside the scores; each is changed by compare-and-swap."""

    async def create_batch(self, job: BatchJob) -> bool:
        """Keep a new one; False where one of its id is there. Durable when it returns."""

    async def replace_batch(self, job: BatchJob, *, over: int) -> bool:
        """Keep it in place of its document of revision `over`; False where that is not it any more."""

    async def batch(self, batch_id: str) -> BatchJob | None:
        """The job; raises `ConfigurationError` where its document was edited and is none any more."""

    async def batches(self) -> tuple[BatchJob | SpoiledBatch, ...]:
        """Every job, by id."""


class WorkerStates(Protocol):
    """Where workers say what they serve, beside the scores."""

    async def note_worker(self, state: WorkerState) -> None:
        """Keep what the worker says, in place of what it said before; durable when it returns."""

    async def forget_worker(self, worker_id: str) -> None:
        """The worker has ended, or is long gone."""

    async def workers(self) -> tuple[WorkerState, ...]:
        """What every worker said last, by id, also of those that were killed since."""


class WholeStore(ScoreStore, RescoreJobs, Rollouts, ApiKeys, BatchJobs, WorkerStates, Protocol):
    """A store as it is opened: all that it keeps."""


class TagPublisher(Protocol):
    """Where events go."""

    async def announce(self, announcements: Sequence[Announcement]) -> None:
        """Publish all of them in order; return when every in-sync replica has each."""

    async def bury(self, letter: DeadLetter) -> None:
        """Publish the letter to its topic; return when every in-sync replica has it."""

    async def ping(self) -> None:
        """Return when the broker answers; raise `Unavailable` when it does not."""
