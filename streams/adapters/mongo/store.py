"""MongoDB score store, through motor; the only file that imports it (ADR 6).

`images` has one document a head, `scores` one a record of the history. Nothing here needs
transactions, updates by pipeline, expiry, or the counts of a failed bulk, which not every server of
MongoDB's protocol has.

A head is written over what was read of it and nothing else: each write leaves a token of its own, and
replaces only the document that still carries the token that was read (ADR 8). Calls that queue while
one round is in flight share the next: one find, one bulk of records, one bulk of heads. Statements have
rounds of their own, of one bulk each.
"""

from __future__ import annotations

import asyncio
import logging
import random
import warnings
from collections.abc import AsyncIterator, Collection, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Any, Final, Self

from motor.motor_asyncio import AsyncIOMotorClient, AsyncIOMotorDatabase
from pymongo import ReadPreference, WriteConcern
from pymongo.errors import InvalidURI, PyMongoError
from pymongo.read_concern import ReadConcern

from schemas.api_keys import ApiKey, SpoiledKey, key_in
from schemas.batch_jobs import BatchJob, SpoiledBatch, batch_in
from schemas.errors import ConfigurationError, Rejected, Unavailable
from schemas.records import ImageHead, Kept, ScoreRecord, Stale
from schemas.rescore_jobs import RescoreJob, RescoreState, SpoiledJob
from schemas.rollouts import ModelRollout, SpoiledRollout, rollout_in
from schemas.statements import StatementOfReasons
from schemas.worker_states import WorkerState
from streams.adapters.group_commit import GroupCommit
from streams.adapters.mongo import (
    batch_write,
    documents,
    erasing,
    errors,
    index_states,
    job_documents,
    statement_log,
    worker_documents,
)
from streams.adapters.mongo.batch_write import Call
from streams.adapters.mongo.documents import Document, StoredHead
from streams.adapters.mongo.index_states import FoundIndex
from streams.adapters.mongo.indexes import OF_COLLECTION, OF_RESTAURANT, ROUTED_TO, UPLOADERS, Index
from streams.adapters.mongo.revised_documents import RevisedDocuments
from streams.adapters.mongo.settings import MongoSettings
from streams.ports import STORE, Change, Purged

logging.getLogger("pymongo").setLevel(logging.INFO)  # its debug lines hold whole documents

MOST_TOGETHER: Final = 256
"""Calls that share one round at most: their documents fit into one message many times over."""

SCHEMES: Final = ("mongodb://", "mongodb+srv://")

TRIES: Final = 16
"""Times that a change is made anew because somebody else wrote the image meanwhile, before giving up."""

FIRST_PAUSE: Final = 0.002
LONGEST_PAUSE: Final = 0.25
"""Seconds between two tries, at most: random, so that writers of one image do not stay in step."""


_ROLLOUTS: Final = RevisedDocuments[ModelRollout, SpoiledRollout](rollout_in)
_KEYS: Final = RevisedDocuments[ApiKey, SpoiledKey](key_in)
_BATCHES: Final = RevisedDocuments[BatchJob, SpoiledBatch](batch_in)


class MongoScores:
    """The score store in one database of MongoDB. One client a process: entered once, shared by all calls."""

    def __init__(self, settings: MongoSettings) -> None:
        self._settings = settings
        self._client: AsyncIOMotorClient[Document] | None = None
        self._reads: GroupCommit[str, ImageHead | None] = GroupCommit(self._read_together, most=MOST_TOGETHER)
        self._writes: GroupCommit[Call, Kept | Stale | None] = GroupCommit(
            self._apply_together, most=MOST_TOGETHER
        )
        self._statements: GroupCommit[Sequence[StatementOfReasons], None] = GroupCommit(
            self._keep_together, most=MOST_TOGETHER
        )
        self._seen_indexes: set[str] = set()
        self._is_open = False
        self._visitors = 0
        self._nobody = asyncio.Event()

    async def __aenter__(self) -> Self:
        try:
            self._client = _client(self._settings)
        except (PyMongoError, ValueError, TypeError, OSError, UserWarning) as error:
            # No request is made yet, so only a setting can be wrong. Its own words may quote the password.
            raise errors.not_a_url(error) from None
        self._nobody.set()
        self._is_open = True
        return self

    async def __aexit__(self, *_: object) -> None:
        self._is_open = False
        await self._nobody.wait()
        for rounds in (
            self._reads,
            self._writes,
            self._statements,
        ):  # of callers that did not wait for their answers
            await rounds.drain()
        client, self._client = self._client, None
        if client:
            await asyncio.to_thread(client.close)

    async def head(self, image_id: str) -> ImageHead | None:
        """What holds of the image now, or None before its first score."""
        with self._visit():
            return await self._reads.join(image_id)

    async def heads(self, image_ids: Collection[str]) -> Mapping[str, ImageHead]:
        """The heads of those of `image_ids` that are known."""
        asked = sorted(set(image_ids))
        with self._visit():
            found = await asyncio.gather(*(self._reads.join(image_id) for image_id in asked))
        return {image_id: head for image_id, head in zip(asked, found, strict=True) if head}

    async def apply(self, image_id: str, change: Change, record: ScoreRecord | None = None) -> Kept | Stale:
        """See `ScoreStore.apply`. Raises `Rejected` where MongoDB cannot hold what is to be kept."""
        with self._visit():
            for again in range(TRIES):
                outcome = await self._writes.join(Call(image_id, change, record))
                if outcome:
                    return outcome
                await asyncio.sleep(random.uniform(0, min(LONGEST_PAUSE, FIRST_PAUSE * 2**again)))
        raise Unavailable(STORE, f"{image_id}: others wrote it {TRIES} times while it was being written")

    async def purge(self, image_id: str) -> Purged:
        """See `ScoreStore.purge`."""
        with self._visit():
            async with self._database() as database:
                held = (await batch_write.stored({image_id}, database)).get(image_id)
                if isinstance(held, Exception):
                    raise held
                return await erasing.purge(held.head, database) if held else Purged()

    async def of_uploader(
        self, uploader_id: str, *, after: str = "", limit: int = 500
    ) -> tuple[ImageHead, ...]:
        """See `ScoreStore.of_uploader`; a page by the index of each voice, which every server can read."""
        if not uploader_id:  # nobody's, and not in those indexes
            return ()
        voices = ({path: uploader_id, "_id": {"$gt": after}} for path in UPLOADERS)
        pages = await asyncio.gather(*(self._page(each, limit) for each in voices))
        named = {head.image_id: head for page in pages for head in page}
        return tuple(named[image_id] for image_id in sorted(named)[:limit])

    async def of_restaurant(
        self, restaurant_id: str, *, topic: str | None = None, after: str = "", limit: int = 500
    ) -> tuple[ImageHead, ...]:
        """See `ScoreStore.of_restaurant`."""
        if not restaurant_id:  # nobody's, and not in those indexes
            return ()
        with self._visit():
            await self._require(OF_RESTAURANT if topic is None else OF_COLLECTION)
        wanted = {"restaurant_id": restaurant_id} | ({} if topic is None else {ROUTED_TO: topic})
        return await self._page({**wanted, "_id": {"$gt": after}}, limit)

    async def unfinished_erasures(self, *, limit: int = 500) -> tuple[ImageHead, ...]:
        """See `ScoreStore.unfinished_erasures`."""
        found = await self._page({"head.erased.is_told": False}, limit)
        return tuple(head for head in found if head.is_half_erased)

    async def scan(self, *, after: str = "", limit: int = 500) -> tuple[ImageHead, ...]:
        """The next heads in the order of their image ids, behind `after`; fewer than `limit` at the end."""
        return await self._page({"_id": {"$gt": after}}, limit)

    async def records(self, image_id: str) -> tuple[ScoreRecord, ...]:
        """The image's history, by content version and model version."""
        with self._visit():
            async with self._database() as database:
                found = await database.scores.find({"image_id": image_id}, {"record": 1}).to_list(None)
        history = (documents.record_in(document) for document in found)
        return tuple(sorted(history, key=lambda record: tuple(documents.key_of(record).values())))

    async def keep_statements(self, statements: Sequence[StatementOfReasons]) -> None:
        """See `ScoreStore.keep_statements`. Raises `Rejected` where MongoDB cannot hold one."""
        with self._visit():
            if statements:
                await self._statements.join(statements)

    async def statements(
        self, *, after: str = "", before: str | None = None, limit: int = 500
    ) -> tuple[StatementOfReasons, ...]:
        """See `ScoreStore.statements`."""
        with self._visit():
            async with self._database() as database:
                return await statement_log.between(after, before, database.statements, limit=limit)

    async def statements_of(self, image_id: str) -> tuple[StatementOfReasons, ...]:
        """See `ScoreStore.statements_of`."""
        with self._visit():
            async with self._database() as database:
                return await statement_log.of_image(image_id, database.statements)

    async def create_job(self, job: RescoreJob) -> bool:
        """See `RescoreJobs.create_job`."""
        with self._visit():
            async with self._database() as database:
                return await job_documents.JOBS.create(job, database.rescore_jobs)

    async def replace_job(self, job: RescoreJob, *, over: int) -> bool:
        """See `RescoreJobs.replace_job`."""
        with self._visit():
            async with self._database() as database:
                return await job_documents.JOBS.replace(job, database.rescore_jobs, over=over)

    async def job(self, job_id: str) -> RescoreJob | None:
        """See `RescoreJobs.job`."""
        with self._visit():
            async with self._database() as database:
                found = await job_documents.JOBS.find(job_id, database.rescore_jobs)
        if isinstance(found, SpoiledJob):
            raise found.error
        return found

    async def jobs(self) -> tuple[RescoreJob | SpoiledJob, ...]:
        """See `RescoreJobs.jobs`."""
        with self._visit():
            async with self._database() as database:
                return await job_documents.JOBS.every(database.rescore_jobs)

    async def job_states(self, job_ids: Collection[str]) -> Mapping[str, RescoreState]:
        """See `RescoreJobs.job_states`."""
        with self._visit():
            async with self._database() as database:
                return await job_documents.states(job_ids, database.rescore_jobs)

    async def create_rollout(self, rollout: ModelRollout) -> bool:
        """See `Rollouts.create_rollout`."""
        with self._visit():
            async with self._database() as database:
                return await _ROLLOUTS.create(rollout, database.rollouts)

    async def replace_rollout(self, rollout: ModelRollout, *, over: int) -> bool:
        """See `Rollouts.replace_rollout`."""
        with self._visit():
            async with self._database() as database:
                return await _ROLLOUTS.replace(rollout, database.rollouts, over=over)

    async def rollout(self, rollout_id: str) -> ModelRollout | None:
        """See `Rollouts.rollout`."""
        with self._visit():
            async with self._database() as database:
                found = await _ROLLOUTS.find(rollout_id, database.rollouts)
        if isinstance(found, SpoiledRollout):
            raise found.error
        return found

    async def rollouts(self) -> tuple[ModelRollout | SpoiledRollout, ...]:
        """See `Rollouts.rollouts`."""
        with self._visit():
            async with self._database() as database:
                return await _ROLLOUTS.every(database.rollouts)

    async def create_key(self, key: ApiKey) -> bool:
        """See `ApiKeys.create_key`."""
        with self._visit():
            async with self._database() as database:
                return await _KEYS.create(key, database.api_keys)

    async def replace_key(self, key: ApiKey, *, over: int) -> bool:
        """See `ApiKeys.replace_key`."""
        with self._visit():
            async with self._database() as database:
                return await _KEYS.replace(key, database.api_keys, over=over)

    async def key(self, key_id: str) -> ApiKey | None:
        """See `ApiKeys.key`."""
        with self._visit():
            async with self._database() as database:
                found = await _KEYS.find(key_id, database.api_keys)
        if isinstance(found, SpoiledKey):
            raise found.error
        return found

    async def keys(self) -> tuple[ApiKey | SpoiledKey, ...]:
        """See `ApiKeys.keys`."""
        with self._visit():
            async with self._database() as database:
                return await _KEYS.every(database.api_keys)

    async def create_batch(self, job: BatchJob) -> bool:
        """See `BatchJobs.create_batch`."""
        with self._visit():
            async with self._database() as database:
                return await _BATCHES.create(job, database.batch_jobs)

    async def replace_batch(self, job: BatchJob, *, over: int) -> bool:
        """See `BatchJobs.replace_batch`."""
        with self._visit():
            async with self._database() as database:
                return await _BATCHES.replace(job, database.batch_jobs, over=over)

    async def batch(self, batch_id: str) -> BatchJob | None:
        """See `BatchJobs.batch`."""
        with self._visit():
            async with self._database() as database:
                found = await _BATCHES.find(batch_id, database.batch_jobs)
        if isinstance(found, SpoiledBatch):
            raise found.error
        return found

    async def batches(self) -> tuple[BatchJob | SpoiledBatch, ...]:
        """See `BatchJobs.batches`."""
        with self._visit():
            async with self._database() as database:
                return await _BATCHES.every(database.batch_jobs)

    async def note_worker(self, state: WorkerState) -> None:
        """See `WorkerStates.note_worker`."""
        with self._visit():
            async with self._database() as database:
                await worker_documents.note(state, database.workers)

    async def forget_worker(self, worker_id: str) -> None:
        """See `WorkerStates.forget_worker`."""
        with self._visit():
            async with self._database() as database:
                await worker_documents.forget(worker_id, database.workers)

    async def workers(self) -> tuple[WorkerState, ...]:
        """See `WorkerStates.workers`."""
        with self._visit():
            async with self._database() as database:
                return await worker_documents.every(database.workers)

    async def ping(self) -> None:
        """Return when a head can be read; raise `Unavailable` when it cannot."""
        with self._visit():
            async with self._database() as database:
                await database.images.find_one({"_id": ""}, {"_id": 1})

    async def indexes(self) -> tuple[FoundIndex, ...]:
        """Every index that is declared or there, and how the two compare."""
        with self._visit():
            async with self._database() as database:
                return await index_states.found(database)

    async def apply_indexes(self) -> tuple[FoundIndex, ...]:
        """Make every declared index that is not there; one that differs is left as it is, and told."""
        with self._visit():
            async with self._database() as database:
                return await index_states.apply(database)

    async def _require(self, index: Index) -> None:
        """Raise `ConfigurationError` without the index; one that was there once is taken to stay."""
        if index.name in self._seen_indexes:
            return
        async with self._database() as database:
            is_there = await index_states.carries(database, index)
        if not is_there:
            missing = f"the store lacks the index {index.collection}.{index.name} ({index.why})"
            raise ConfigurationError(f"{missing}: run `tagstream store apply`")
        self._seen_indexes.add(index.name)

    async def _page(self, wanted: Document, limit: int) -> tuple[ImageHead, ...]:
        with self._visit():
            async with self._database() as database:
                found = database.images.find(wanted, {"head": 1}, batch_size=limit)
                page = await found.sort("_id", 1).limit(limit).to_list(None)
        return tuple(StoredHead.of(document).head for document in page)

    @contextmanager
    def _visit(self) -> Iterator[None]:
        """The store stays open until the block ends."""
        if not self._is_open:
            raise RuntimeError("the store is not open")
        self._visitors += 1
        self._nobody.clear()
        try:
            yield
        finally:
            self._visitors -= 1
            if not self._visitors:
                self._nobody.set()

    @asynccontextmanager
    async def _database(self) -> AsyncIterator[AsyncIOMotorDatabase[Document]]:
        """The database, and the driver's errors as the store's absence."""
        database = self._opened.get_database(
            self._settings.database,
            read_preference=ReadPreference.PRIMARY,
            # What was read is what stays: a head that a new primary may not know is not there yet.
            read_concern=ReadConcern("majority"),
            write_concern=WriteConcern("majority", j=True),
        )
        try:
            yield database
        except errors.FOREIGN as error:
            raise errors.unavailable(error) from error

    async def _read_together(self, image_ids: Sequence[str]) -> Sequence[ImageHead | Exception | None]:
        async with self._database() as database:
            stored = await batch_write.stored(set(image_ids), database)
        found = (stored.get(image_id) for image_id in image_ids)
        return [each.head if isinstance(each, StoredHead) else each for each in found]

    async def _apply_together(self, calls: Sequence[Call]) -> Sequence[Kept | Stale | Exception | None]:
        async with self._database() as database:
            return await batch_write.apply(calls, database)

    async def _keep_together(
        self, calls: Sequence[Sequence[StatementOfReasons]]
    ) -> Sequence[Rejected | None]:
        async with self._database() as database:
            return await statement_log.add(calls, database.statements)

    @property
    def _opened(self) -> AsyncIOMotorClient[Document]:
        if self._client is None:
            raise RuntimeError("the store is not open")
        return self._client


def _client(settings: MongoSettings) -> AsyncIOMotorClient[Document]:
    bounds: dict[str, Any] = {
        "timeoutMS": int(settings.timeout * 1000),
        "connectTimeoutMS": int(settings.connect_timeout * 1000),
        "maxPoolSize": settings.connections,
    }
    url = settings.url.get_secret_value() if settings.url else ""
    if not url.startswith(SCHEMES):
        raise InvalidURI  # the driver takes any word for a host
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)  # a misspelt option must not be left out in silence
        return AsyncIOMotorClient(url, io_loop=asyncio.get_running_loop(), appname="tagstream", **bounds)
