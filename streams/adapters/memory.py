"""In-memory adapters: state that one can assert on, and faults named for what they bring.

They keep every promise of the ports (the contract suites run over them) except durability.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from itertools import islice
from typing import Self
from urllib.parse import quote

from schemas.api_keys import ApiKey, SpoiledKey, key_in
from schemas.batch_jobs import BatchJob, SpoiledBatch, batch_in
from schemas.errors import Changed, Gone, Unavailable
from schemas.events import Announcement, DeadLetter
from schemas.records import ImageHead, Kept, ScoreRecord, Stale
from schemas.rescore_jobs import RescoreJob, RescoreState, SpoiledJob, job_in, state_in
from schemas.rollouts import ModelRollout
from schemas.statements import StatementOfReasons
from schemas.uploads import ImageUploaded, Location
from schemas.worker_states import WorkerState
from streams.adapters.limits import Limits
from streams.adapters.revised_memory import RevisedMemory
from streams.adapters.s3.listing import leads_out
from streams.ports import Change, Fetched, ObjectFacts, Purged, StoredRendition


class _InMemory:
    """An adapter that owns nothing."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        return None

    async def ping(self) -> None:
        """Return at once."""


class MemoryImages(_InMemory):
    """Photographs in a dictionary."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self.objects: dict[tuple[str, str], bytes] = {}
        """The bytes by (bucket, key)."""
        self.versions: dict[tuple[str, str, str], bytes] = {}
        """The bytes by (bucket, key, version), for locations that name one."""
        self.metadata: dict[tuple[str, str], Mapping[str, str]] = {}
        """What the uploader said with the object, by (bucket, key)."""
        self.fetched: list[Location] = []
        """Every location that was asked for, in order."""

    async def fetch(self, location: Location) -> Fetched:
        """See `ImageStore.fetch`."""
        self.fetched.append(location)
        self._limits.allow(location)
        data = self._find(location)
        if data is None:
            raise Gone(f"{location} does not exist")
        self._limits.admit(location, len(data))
        metadata = self.metadata.get((location.bucket, location.key), {})
        return Fetched(data, _etag(data), location.version, metadata)

    async def exists(self, location: Location) -> bool:
        """See `ImageStore.exists`."""
        self._limits.allow(location)
        return (location.bucket, location.key) in self.objects

    async def link(self, location: Location, *, seconds: float) -> str:
        """See `ImageStore.link`: an address that leads nowhere, and says for how long."""
        self._limits.allow(location)
        return f"memory://{location.bucket}/{quote(location.key)}?seconds={seconds:g}"

    async def put(
        self, location: Location, data: bytes, *, metadata: Mapping[str, str] | None = None
    ) -> Location:
        """Make the object hold `data`, also under its version where the location names one."""
        self.objects[location.bucket, location.key] = data
        self.metadata[location.bucket, location.key] = {
            name.lower(): value for name, value in (metadata or {}).items()
        }
        if location.version:
            self.versions[location.bucket, location.key, location.version] = data
        return location.model_copy(update={"etag": _etag(data)})

    async def remove(self, location: Location) -> None:
        """Make nothing stand at the location's bucket and key; versions stay."""
        self.objects.pop((location.bucket, location.key), None)

    async def keys(self, bucket: str, prefix: str, *, after: str = "", limit: int = 500) -> tuple[str, ...]:
        """See `ObjectKeys.keys`."""
        self._limits.allow(Location(bucket=bucket, key=prefix or "/"))
        found = sorted(key for place, key in self.objects if place == bucket and key.startswith(prefix))
        return tuple(key for key in found if key > after)[:limit]

    async def facts(self, location: Location) -> ObjectFacts | None:
        """See `ObjectFiles.facts`."""
        self._limits.allow(location)
        where = (location.bucket, location.key)
        if where not in self.objects:
            return None
        data = self.objects[where]
        return ObjectFacts(_etag(data), len(data), self.metadata.get(where, {}))

    async def read(self, location: Location, *, begin: int, end: int) -> bytes:
        """See `ObjectFiles.read`."""
        self._allow(location)
        if begin >= end:
            return b""
        data = self.objects.get((location.bucket, location.key))
        if data is None:
            raise Gone(f"{location} does not exist")
        if location.etag not in {None, _etag(data)}:
            raise Changed(f"{location} is not what it was")
        return data[begin:end]

    async def put_new(self, location: Location, data: bytes, *, metadata: Mapping[str, str]) -> bool:
        """See `ObjectFiles.put_new`."""
        self._allow(location)
        if (location.bucket, location.key) in self.objects:
            return False
        await self.put(location, data, metadata=metadata)
        return True

    async def standing(self, location: Location) -> int:
        """See `ObjectVersions.standing`."""
        self._limits.allow(location)
        where = (location.bucket, location.key)
        return max(len([each for each in self.versions if each[:2] == where]), int(where in self.objects))

    async def delete(self, location: Location) -> int:
        """See `ObjectVersions.delete`."""
        stood = await self.standing(location)
        where = (location.bucket, location.key)
        self.objects.pop(where, None)
        self.versions = {each: data for each, data in self.versions.items() if each[:2] != where}
        return stood

    def _allow(self, location: Location) -> None:
        self._limits.allow(location)
        if leads_out(location.key):
            raise Gone(f"{location} is not inside its bucket")

    def _find(self, location: Location) -> bytes | None:
        if location.version:
            return self.versions.get((location.bucket, location.key, location.version))
        return self.objects.get((location.bucket, location.key))


def _etag(data: bytes) -> str:
    """As S3 gives it to an object that was put in one piece."""
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


class MemoryRenditions(_InMemory):
    """Renditions in a dictionary."""

    def __init__(self) -> None:
        self.kept: dict[str, StoredRendition] = {}
        """By the digest of the photograph."""
        self.asked: list[str] = []
        """Every digest that was asked for, in order."""
        self.is_away = False

    async def get(self, digest: str) -> StoredRendition | None:
        """See `RenditionStore.get`."""
        self.asked.append(digest)
        self._check()
        return self.kept.get(digest)

    async def put(self, digest: str, rendition: StoredRendition) -> None:
        """See `RenditionStore.put`."""
        self._check()
        self.kept[digest] = rendition

    async def delete(self, digest: str) -> None:
        """See `RenditionStore.delete`."""
        self._check()
        self.kept.pop(digest, None)

    def _check(self) -> None:
        if self.is_away:
            raise Unavailable("renditions")


class MemoryScores(_InMemory):
    """Heads and scores in dictionaries."""

    def __init__(self) -> None:
        self._heads: dict[str, ImageHead] = {}
        self._records: dict[tuple[str, str, str], ScoreRecord] = {}
        self._statements: dict[str, StatementOfReasons] = {}
        self._workers: dict[str, WorkerState] = {}
        self._rollouts: dict[str, ModelRollout] = {}
        self._jobs = RevisedMemory[RescoreJob, SpoiledJob](RescoreJob, job_in)
        self._keys = RevisedMemory[ApiKey, SpoiledKey](ApiKey, key_in)
        self._batches = RevisedMemory[BatchJob, SpoiledBatch](BatchJob, batch_in)
        self.job_documents = self._jobs.documents
        """The jobs' documents as JSON, by id."""
        self.key_documents = self._keys.documents
        """The API keys' documents as JSON, by id."""
        self.batch_documents = self._batches.documents
        """The batch jobs' documents as JSON, by id."""

    async def head(self, image_id: str) -> ImageHead | None:
        """See `ScoreStore.head`."""
        return self._heads.get(image_id)

    async def heads(self, image_ids: Collection[str]) -> Mapping[str, ImageHead]:
        """See `ScoreStore.heads`."""
        return {image_id: self._heads[image_id] for image_id in set(image_ids) if image_id in self._heads}

    async def apply(self, image_id: str, change: Change, record: ScoreRecord | None = None) -> Kept | Stale:
        """See `ScoreStore.apply`."""
        outcome = change(self._heads.get(image_id))
        if isinstance(outcome, Kept):
            self._heads[image_id] = outcome.head
        if record and not outcome.head.refuses(record.position):
            key = (record.image_id, record.content_version, record.scores.model.version)
            self._records.setdefault(key, record)
        return outcome

    async def purge(self, image_id: str) -> Purged:
        """See `ScoreStore.purge`."""
        head = self._heads.get(image_id)
        if head is None:
            return Purged()
        mine = [key for key in self._records if key[0] == image_id]
        refused = [key for key in mine if head.refuses(self._records[key].position)]
        for key in refused:
            del self._records[key]
        bared = [each for each in await self.statements_of(image_id) if head.redacted(each) != each]
        self._statements |= {each.puid: head.redacted(each) for each in bared}
        return Purged(len(refused), len(bared))

    async def of_uploader(
        self, uploader_id: str, *, after: str = "", limit: int = 500
    ) -> tuple[ImageHead, ...]:
        """See `ScoreStore.of_uploader`."""
        every = (self._heads[image_id] for image_id in sorted(self._heads) if image_id > after)
        found = (head for head in every if uploader_id in head.claims.uploader_ids)
        return tuple(islice(found, limit))

    async def of_restaurant(
        self, restaurant_id: str, *, topic: str | None = None, after: str = "", limit: int = 500
    ) -> tuple[ImageHead, ...]:
        """See `ScoreStore.of_restaurant`."""
        every = (self._heads[image_id] for image_id in sorted(self._heads) if image_id > after)
        mine = (head for head in every if restaurant_id and head.restaurant_id == restaurant_id)
        found = (head for head in mine if topic is None or (head.verdict and head.verdict.leads_to(topic)))
        return tuple(islice(found, limit))

    async def unfinished_erasures(self, *, limit: int = 500) -> tuple[ImageHead, ...]:
        """See `ScoreStore.unfinished_erasures`."""
        return tuple(islice((head for head in self._heads.values() if head.is_half_erased), limit))

    async def scan(self, *, after: str = "", limit: int = 500) -> tuple[ImageHead, ...]:
        """See `ScoreStore.scan`."""
        behind = sorted(image_id for image_id in self._heads if image_id > after)
        return tuple(self._heads[image_id] for image_id in behind[:limit])

    async def records(self, image_id: str) -> tuple[ScoreRecord, ...]:
        """The image's history, by content version and model version."""
        return tuple(self._records[key] for key in sorted(self._records) if key[0] == image_id)

    async def keep_statements(self, statements: Sequence[StatementOfReasons]) -> None:
        """See `ScoreStore.keep_statements`."""
        for each in statements:
            self._statements.setdefault(each.puid, each)

    async def statements(
        self, *, after: str = "", before: str | None = None, limit: int = 500
    ) -> tuple[StatementOfReasons, ...]:
        """See `ScoreStore.statements`."""
        behind = (each for each in self._in_order() if each.place > after)
        return tuple(each for each in behind if before is None or each.place < before)[:limit]

    async def statements_of(self, image_id: str) -> tuple[StatementOfReasons, ...]:
        """See `ScoreStore.statements_of`."""
        return tuple(each for each in self._in_order() if each.image_id == image_id)

    async def create_job(self, job: RescoreJob) -> bool:
        """See `RescoreJobs.create_job`."""
        return self._jobs.create(job)

    async def replace_job(self, job: RescoreJob, *, over: int) -> bool:
        """See `RescoreJobs.replace_job`."""
        return self._jobs.replace(job, over=over)

    async def job(self, job_id: str) -> RescoreJob | None:
        """See `RescoreJobs.job`."""
        found = self._jobs.find(job_id)
        if isinstance(found, SpoiledJob):
            raise found.error
        return found

    async def jobs(self) -> tuple[RescoreJob | SpoiledJob, ...]:
        """See `RescoreJobs.jobs`."""
        return self._jobs.every()

    async def job_states(self, job_ids: Collection[str]) -> Mapping[str, RescoreState]:
        """See `RescoreJobs.job_states`."""
        known = self.job_documents.keys() & set(job_ids)
        return {job_id: state_in(self.job_documents[job_id]) for job_id in known}

    async def create_rollout(self, rollout: ModelRollout) -> bool:
        """See `Rollouts.create_rollout`."""
        return self._rollouts.setdefault(rollout.id, rollout) is rollout

    async def replace_rollout(self, rollout: ModelRollout, *, over: int) -> bool:
        """See `Rollouts.replace_rollout`."""
        stored = self._rollouts.get(rollout.id)
        if stored is None or stored.revision != over:
            return False
        self._rollouts[rollout.id] = rollout
        return True

    async def rollout(self, rollout_id: str) -> ModelRollout | None:
        """See `Rollouts.rollout`."""
        return self._rollouts.get(rollout_id)

    async def rollouts(self) -> tuple[ModelRollout, ...]:
        """See `Rollouts.rollouts`."""
        return tuple(self._rollouts[rollout_id] for rollout_id in sorted(self._rollouts))

    async def create_key(self, key: ApiKey) -> bool:
        """See `ApiKeys.create_key`."""
        return self._keys.create(key)

    async def replace_key(self, key: ApiKey, *, over: int) -> bool:
        """See `ApiKeys.replace_key`."""
        return self._keys.replace(key, over=over)

    async def key(self, key_id: str) -> ApiKey | None:
        """See `ApiKeys.key`."""
        found = self._keys.find(key_id)
        if isinstance(found, SpoiledKey):
            raise found.error
        return found

    async def keys(self) -> tuple[ApiKey | SpoiledKey, ...]:
        """See `ApiKeys.keys`."""
        return self._keys.every()

    async def create_batch(self, job: BatchJob) -> bool:
        """See `BatchJobs.create_batch`."""
        return self._batches.create(job)

    async def replace_batch(self, job: BatchJob, *, over: int) -> bool:
        """See `BatchJobs.replace_batch`."""
        return self._batches.replace(job, over=over)

    async def batch(self, batch_id: str) -> BatchJob | None:
        """See `BatchJobs.batch`."""
        found = self._batches.find(batch_id)
        if isinstance(found, SpoiledBatch):
            raise found.error
        return found

    async def batches(self) -> tuple[BatchJob | SpoiledBatch, ...]:
        """See `BatchJobs.batches`."""
        return self._batches.every()

    async def note_worker(self, state: WorkerState) -> None:
        """See `WorkerStates.note_worker`."""
        self._workers[state.id] = state

    async def forget_worker(self, worker_id: str) -> None:
        """See `WorkerStates.forget_worker`."""
        self._workers.pop(worker_id, None)

    async def workers(self) -> tuple[WorkerState, ...]:
        """See `WorkerStates.workers`."""
        return tuple(self._workers[worker_id] for worker_id in sorted(self._workers))

    def _in_order(self) -> list[StatementOfReasons]:
        return sorted(self._statements.values(), key=lambda each: each.place)


class MemoryTags(_InMemory):
    """Everything that was published, in order."""

    def __init__(self) -> None:
        self.announced: list[Announcement] = []
        self.buried: list[DeadLetter] = []
        self.uploaded: list[ImageUploaded] = []

    async def announce(self, announcements: Sequence[Announcement]) -> None:
        """See `TagPublisher.announce`."""
        self.announced.extend(announcements)

    async def bury(self, letter: DeadLetter) -> None:
        """See `TagPublisher.bury`."""
        self.buried.append(letter)

    async def publish(self, *uploads: ImageUploaded) -> None:
        """See `UploadPublisher.publish`."""
        self.uploaded.extend(uploads)

    def on(self, topic: str) -> list[Announcement]:
        """What was announced on `topic`, in order."""
        return [each for each in self.announced if each.topic == topic]


class Away:
    """A dependency's absence: `check` raises `Unavailable` the next `times` times, then never."""

    def __init__(self, dependency: str, *, times: int) -> None:
        self.dependency = dependency
        self.left = times
        self.refused = 0

    def check(self) -> None:
        """Raise while the dependency is away."""
        if self.left > 0:
            self.left -= 1
            self.refused += 1
            raise Unavailable(self.dependency)


class AwayImages(MemoryImages):
    """Photographs whose storage is away for a number of questions."""

    def __init__(self, limits: Limits, *, times: int) -> None:
        super().__init__(limits)
        self.away = Away("s3", times=times)

    async def fetch(self, location: Location) -> Fetched:
        """Refuse while away, then fetch."""
        self.away.check()
        return await super().fetch(location)

    async def exists(self, location: Location) -> bool:
        """Refuse while away, then look."""
        self.away.check()
        return await super().exists(location)


class AwayScores(MemoryScores):
    """A store whose `apply` fails a number of times: before it writes, or after.

    `after` writes and then raises: the caller cannot know that it is kept, as when a connection
    breaks between the commit and its answer.
    """

    def __init__(self, *, times: int, after: bool = False) -> None:
        super().__init__()
        self.applying = Away("store", times=times)
        self._after = after

    async def apply(self, image_id: str, change: Change, record: ScoreRecord | None = None) -> Kept | Stale:
        """Refuse while away, then apply."""
        if not self._after:
            self.applying.check()
        outcome = await super().apply(image_id, change, record)
        self.applying.check()
        return outcome


class AwayTags(MemoryTags):
    """A broker that is away for a number of announcements, and for as many dead letters.

    `after` publishes and then raises, as when the acknowledgement is lost on its way.
    """

    def __init__(self, *, times: int, after: bool = False) -> None:
        super().__init__()
        self.announcing = Away("broker", times=times)
        self.burying = Away("broker", times=times)
        self._after = after

    async def announce(self, announcements: Sequence[Announcement]) -> None:
        """Refuse while away, then announce."""
        if not self._after:
            self.announcing.check()
        await super().announce(announcements)
        self.announcing.check()

    async def bury(self, letter: DeadLetter) -> None:
        """Refuse while away, then bury."""
        if not self._after:
            self.burying.check()
        await super().bury(letter)
        self.burying.check()
