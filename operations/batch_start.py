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
from schemas.batch_jobs import MAX_FAILED, BatchFormat, BatchInput, BatchJob, BatchOutput
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
        OutputTaken: something stands where the results shall be.
        Unavailable: the storage or the store is away.
    """
    batch_id = _id(request.created_by, idempotency_key)
    while True:
        if idempotency_key is not None and (found := await jobs.batch(batch_id)) is not None:
            return _repeated(found, request)
        job = await _new(batch_id, files, request)
        if await jobs.create_batch(job):
            return StartedBatch(job, is_repeated=False)


def _repeated(found: BatchJob, request: BatchRequest) -> StartedBatch:
    if found.request_sha256 != request.sha256:
        raise OtherRequest(f"the key was used for {found.id}, which asked for something else")
    return StartedBatch(found, is_repeated=True)


async def _new(batch_id: str, files: ObjectFiles, request: BatchRequest) -> BatchJob:
    listed = await _input(files, request)
    prefix = prefix_of(request.results.key)
    await refuse_taken(files, request)
    now = datetime.now(UTC)
    return BatchJob(
        id=batch_id,
        created_at=now,
        created_by=request.created_by,
        request_sha256=request.sha256,
        input=listed,
        output=BatchOutput(
            bucket=request.results.bucket,
            prefix=prefix,
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


async def _input(files: ObjectFiles, request: BatchRequest) -> BatchInput:
    source = request.source
    base = request.base or f"s3://{source.bucket}/"
    await _refuse_foreign(files, base)
    how = request.format or format_of(source.key)
    facts = await files.facts(source)
    if facts is None:
        raise Gone(f"{source} does not exist")
    standing = source.model_copy(update={"etag": facts.etag})
    try:
        # One byte more than a header may have, so that one which is too long is seen to be.
        head = await files.read(standing, begin=0, end=MOST_LINE_BYTES + 4)
    except Changed as error:
        raise Gone(f"{source} is being written: {error}") from error
    header, begin = None, batch_rows.json_lines_begin(head)
    if how is BatchFormat.CSV:
        found = batch_rows.header(head, request.column)
        header, begin = found.columns, found.begin
    return BatchInput(
        bucket=source.bucket,
        key=source.key,
        format=how,
        column=request.column,
        base=base,
        etag=facts.etag,
        size=facts.size,
        header=header,
        begin=begin,
    )


async def _refuse_foreign(files: ObjectFiles, base: str) -> None:
    """Better said once than of every row."""
    bucket, _, prefix = base.removeprefix("s3://").partition("/")
    await files.keys(bucket, prefix, limit=1)


def format_of(key: str) -> BatchFormat:
    """How a list of that name is written; raises `UnknownFormat`."""
    for ending, how in _FORMATS.items():
        if key.lower().endswith(ending):
            return how
    raise UnknownFormat(f"{key} ends with none of {', '.join(_FORMATS)}: say its format, csv or jsonl")


def prefix_of(key: str) -> str:
    """Below which the results stand."""
    return f"{key.rstrip('/')}/"


async def refuse_taken(files: ObjectFiles, request: BatchRequest) -> None:
    """Raise `OutputTaken` where anything but the list stands below the prefix of the results.

    It is nobody's to replace: another batch's results, or photographs.
    """
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
