"""Start of a batch job: what it asks for is looked at before anything is kept, and refused where it is wrong.

A request that is made again under the same idempotency key finds the job that it has made: the job's id
follows from the key, and the store keeps one of an id.
"""

from __future__ import annotations

import hashlib
import uuid
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final

from operations import batch_rows
from operations.batch_rows import MOST_LINE_BYTES
from schemas.batch_jobs import MAX_FAILED, BatchFormat, BatchInput, BatchJob, BatchOutput, BatchState
from schemas.errors import Changed, Gone, TagstreamError
from schemas.tags import ModelRef
from schemas.uploads import Location
from streams.ports import BatchJobs, ObjectFiles

_ALPHABET: Final = "0123456789abcdefghijklmnopqrstuvwxyz"
_ID_DIGITS: Final = 26
_FORMATS: Final = {
    ".csv": BatchFormat.CSV,
    ".jsonl": BatchFormat.JSON_LINES,
    ".ndjson": BatchFormat.JSON_LINES,
}
FALLBACK_COLUMN: Final = "image"

HEAD_BYTES: Final = MOST_LINE_BYTES + 4
"""Of a list, which are looked at: one more than a header may have, with a byte order mark before it, so that
one which is too long is seen to be."""


class OutputTaken(TagstreamError):
    """Something stands below the prefix of the results already."""


class OtherRequest(TagstreamError):
    """The idempotency key was used for another request."""


class UnknownFormat(TagstreamError):
    """Nothing says how the list is written."""


@dataclass(frozen=True, slots=True)
class BatchRequest:
    """What somebody asks for."""

    source: Location
    """Of the list."""
    results: Location
    """Its bucket, and as its key the prefix."""
    version: str
    """Of the model."""
    created_by: str
    model: ModelRef | None = None
    """That version, where whoever asks has it."""
    labels: tuple[str, ...] = ()
    """Of it."""
    format: BatchFormat | None = None
    """By the end of the key where it is None."""
    results_format: BatchFormat | None = None
    """As the list's where it is None."""
    column: str = FALLBACK_COLUMN
    base: str | None = None
    """`s3://bucket/prefix` before an image that is no whole address; the list's bucket where it is None."""
    escapes_formulas: bool = True
    max_failed: float = MAX_FAILED

    @property
    def sha256(self) -> str:
        """Of all that makes a difference but the version, since an alias may move between two tries."""
        return hashlib.sha256(repr(replace(self, version="", model=None, labels=())).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class ListHead:
    """How a list begins."""

    format: BatchFormat
    columns: tuple[str, ...] | None
    """Of a CSV."""
    begin: int
    """Bytes before the first row."""


@dataclass(frozen=True, slots=True)
class StartedBatch:
    """The job of a request."""

    job: BatchJob
    is_repeated: bool
    """It was there before: the request had been made."""


async def start(
    jobs: BatchJobs, files: ObjectFiles, request: BatchRequest, *, idempotency_key: str | None = None
) -> StartedBatch:
    """Keep the job of the request; servers begin with it within seconds.

    Raises:
        OtherRequest: the key was used for something else.
        NotAllowed: a bucket is off the allow-list.
        Gone: there is no such list.
        UnknownFormat: the list's key ends with neither, and nothing else is said.
        UnreadableList: its header is none, or has no such column.
        OutputTaken: something stands where the results shall be, or will.
        Unavailable: the storage or the store is away.
    """
    batch_id = _id(request.created_by, idempotency_key)
    while True:
        if idempotency_key is not None and (found := await jobs.batch(batch_id)) is not None:
            return _repeated(found, request)
        job = await _new(batch_id, files, request)
        await _refuse_promised(jobs, job)
        if await jobs.create_batch(job):
            return StartedBatch(job, is_repeated=False)


def _repeated(found: BatchJob, request: BatchRequest) -> StartedBatch:
    if found.request_sha256 != request.sha256:
        raise OtherRequest(f"the key was used for {found.id}, which asked for something else")
    return StartedBatch(found, is_repeated=True)


async def _new(batch_id: str, files: ObjectFiles, request: BatchRequest) -> BatchJob:
    await refuse_places(files, request)
    listed = await _input(files, request)
    now = datetime.now(UTC)
    return BatchJob(
        id=batch_id,
        created_at=now,
        created_by=request.created_by,
        request_sha256=request.sha256,
        input=listed,
        output=BatchOutput(
            bucket=request.results.bucket,
            prefix=prefix_of(request.results.key),
            format=request.results_format or listed.format,
            escapes_formulas=request.escapes_formulas,
        ),
        version=request.version,
        model=request.model,
        labels=request.labels,
        max_failed=request.max_failed,
        cursor={"byte": listed.begin},
        updated_at=now,
    )


async def _refuse_promised(jobs: BatchJobs, job: BatchJob) -> None:
    """Two jobs would take each other's parts for a stranger's, and both fail."""
    bucket, prefix = place = job.output.bucket, job.output.prefix
    for each in await jobs.batches():
        if not isinstance(each, BatchJob) or each.state is not BatchState.RUNNING or each.id == job.id:
            continue
        if (each.output.bucket, each.output.prefix) == place:
            raise OutputTaken(f"s3://{bucket}/{prefix} is {each.id}'s, which runs: name another prefix")


async def _input(files: ObjectFiles, request: BatchRequest) -> BatchInput:
    source = request.source
    facts = await files.facts(source)
    if facts is None:
        raise Gone(f"{source} does not exist")
    standing = source.model_copy(update={"etag": facts.etag})
    try:
        head = head_of(await files.read(standing, begin=0, end=HEAD_BYTES), request)
    except Changed as error:
        raise Gone(f"{source} is being written: {error}") from error
    return BatchInput(
        bucket=source.bucket,
        key=source.key,
        format=head.format,
        column=request.column,
        base=_base(request),
        etag=facts.etag,
        size=facts.size,
        header=head.columns,
        begin=head.begin,
    )


def head_of(data: bytes, request: BatchRequest) -> ListHead:
    """How the list begins whose first `HEAD_BYTES` these are; raises `UnknownFormat`, `UnreadableList`."""
    how = request.format or format_of(request.source.key)
    if how is BatchFormat.JSON_LINES:
        return ListHead(how, None, batch_rows.json_lines_begin(data))
    found = batch_rows.header(data, request.column)
    return ListHead(how, found.columns, found.begin)


def _base(request: BatchRequest) -> str:
    return request.base or f"s3://{request.source.bucket}/"


def format_of(key: str) -> BatchFormat:
    """How a list of that name is written; raises `UnknownFormat`."""
    for ending, how in _FORMATS.items():
        if key.lower().endswith(ending):
            return how
    raise UnknownFormat(f"{key} ends with none of {', '.join(_FORMATS)}: say its format, csv or jsonl")


def prefix_of(key: str) -> str:
    """Below which the results stand."""
    return f"{key.rstrip('/')}/"


async def refuse_places(files: ObjectFiles, request: BatchRequest) -> None:
    """Raise `OutputTaken` where anything but the list stands below the prefix of the results.

    It is nobody's to replace: another batch's results, or photographs. Raises `NotAllowed`, of the base of
    the rows, too: better said once than of every row.
    """
    bucket, _, prefix = _base(request).removeprefix("s3://").partition("/")
    await files.keys(bucket, prefix, limit=1)
    bucket, prefix, source = request.results.bucket, prefix_of(request.results.key), request.source
    found = await files.keys(bucket, prefix, limit=2)
    if others := [key for key in found if (bucket, key) != (source.bucket, source.key)]:
        raise OutputTaken(f"s3://{bucket}/{prefix} is not empty ({others[0]} is there): name another prefix")


def _id(created_by: str, idempotency_key: str | None) -> str:
    """Of a key always the same one; else one that nobody has."""
    if idempotency_key is None:
        return _spelled(uuid.uuid4().int)
    digest = hashlib.sha256(f"{created_by}\0{idempotency_key}".encode()).digest()
    return _spelled(int.from_bytes(digest))


def _spelled(number: int) -> str:
    digits = []
    for _ in range(_ID_DIGITS):
        number, digit = divmod(number, len(_ALPHABET))
        digits.append(_ALPHABET[digit])
    return f"bat_{''.join(reversed(digits))}"
