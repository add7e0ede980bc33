"""Batch job documents: a list of photographs to score, how far it has come, and who works at which chunk.

The list is cut into chunks of rows. A chunk's results are one object, its part, and a part that is there is
the proof that the chunk is done: whoever finds one does not score it again. The document is changed by
compare-and-swap alone. One that somebody has edited is read back as spoiled, and nobody works at it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from pydantic import Field

from schemas import stored_documents
from schemas.errors import ConfigurationError
from schemas.leases import Lease
from schemas.tags import ModelRef, Probability, Value
from schemas.uploads import Moment

ID_PATTERN: Final = r"^bat_[0-9a-z]{26}$"

MAX_FAILED: Final = 0.5
"""The share of rows with an error, where nobody says another."""

MANIFEST: Final = "manifest.json"
"""Below the prefix of a job's results; put when every part is there."""

LIST: Final = "batch-input"
"""Of the key below that prefix at which a list is put that came from a person's own machine; its format
follows."""

_OURS: Final = re.compile(
    r"(?:.*/)?(?:part-[0-9]{6,}\.(?:csv|jsonl)|manifest\.json|batch-input\.(?:csv|jsonl))", re.DOTALL
)


class BatchFormat(StrEnum):
    """How rows are written."""

    CSV = "csv"
    JSON_LINES = "jsonl"


class BatchState(StrEnum):
    """Where a job stands."""

    RUNNING = "running"
    CANCELLED = "cancelled"
    FINISHED = "finished"
    FAILED = "failed"
    """It cannot go on by itself; `why` says why. It may be resumed once that is mended."""


class BatchInput(Value):
    """The list, as it stood when the job was made."""

    bucket: str
    key: str
    format: BatchFormat
    column: str
    """Of the image: the name of a column, or of a field."""
    base: str
    """`s3://bucket/prefix` that comes before an image which is no whole address."""
    etag: str
    """What stands there later must have it too."""
    size: int = Field(ge=0)
    """Bytes."""
    header: tuple[str, ...] | None = None
    """Of a CSV: the names of its columns, in their order."""
    begin: int = Field(0, ge=0)
    """Bytes before the first row: a header, or a byte order mark."""

    def __str__(self) -> str:
        return f"s3://{self.bucket}/{self.key}"


class BatchOutput(Value):
    """Where the results go."""

    bucket: str
    prefix: str
    """Ends with `/`, or is empty."""
    format: BatchFormat
    escapes_formulas: bool = True
    """In CSV: a cell that a spreadsheet would take for a formula gets an apostrophe in front."""

    def part(self, number: int) -> str:
        """The key of a chunk's results."""
        return f"{self.prefix}part-{number:06d}.{self.format}"

    @property
    def manifest(self) -> str:
        """The key of the manifest."""
        return f"{self.prefix}{MANIFEST}"


class BatchChunk(Value):
    """Some rows of the list that somebody has begun with, and whose results are not counted yet."""

    number: int = Field(ge=0)
    begin: int = Field(ge=0)
    """The first byte of its first row."""
    end: int = Field(ge=0)
    """The first byte behind its last row."""
    first_row: int = Field(ge=1)
    """The first row of the list is 1; a header is none."""
    rows: int = Field(ge=1)
    tries: int = Field(0, ge=0)
    """How often somebody has begun with it."""
    seen: int = Field(0, ge=0)
    """Rows that have a result already, as of the last renewal of its lease; none of them is kept yet."""
    lease: Lease | None = None


class BatchCursor(Value):
    """How far the list is cut into chunks."""

    chunks: int = 0
    byte: int = 0
    """The first one that is in no chunk yet."""
    rows: int = 0
    is_at_end: bool = False


class BatchCounts(Value):
    """What became of the rows of the chunks that are done."""

    chunks: int = 0
    rows: int = 0
    failed: int = 0
    """Of them, those with an error."""
    bytes: int = 0
    """Of the list."""
    errors: Mapping[str, int] = Field(default_factory=dict)
    """Rows by the code of their error."""


class BatchJob(Value):
    """A job as the store keeps it."""

    schema_version: int = 1
    id: str = Field(pattern=ID_PATTERN)
    revision: int = 0
    """Counts the changes of the document."""
    state: BatchState = BatchState.RUNNING
    why: str = ""
    """Why it has failed, or what it waits for, in a sentence."""
    code: str | None = None
    """The short name of why it has failed, which stays the same."""
    created_at: Moment
    created_by: str
    request_sha256: str = ""
    """Of what was asked for: a repeated request must ask for the same."""
    input: BatchInput
    output: BatchOutput
    version: str = Field(min_length=1)
    """Of the model: every row is scored by it."""
    model: ModelRef | None = None
    """That version, and its digest, as whoever began with the first chunk had it; then it stays."""
    labels: tuple[str, ...] = ()
    """Of that version, in the order of the results' columns; known when the model is."""
    max_failed: Probability = MAX_FAILED
    """The share of rows with an error beyond which it stops, once there are enough of them to tell."""
    cursor: BatchCursor = BatchCursor()
    open: tuple[BatchChunk, ...] = ()
    """Chunks that somebody works at, or has given up; by number."""
    counts: BatchCounts = BatchCounts()
    going_since: Moment | None = None
    """When its first chunk was begun with since it was made or resumed."""
    bytes_before: int = 0
    """Of the list, done until then."""
    finished_at: Moment | None = None
    updated_at: Moment

    @property
    def rows_done(self) -> int:
        """Rows with a result, those of chunks that somebody works at among them."""
        return self.counts.rows + sum(chunk.seen for chunk in self.open)

    @property
    def bytes_done(self) -> float:
        """Of the list, by those rows."""
        begun = (chunk.seen / chunk.rows * (chunk.end - chunk.begin) for chunk in self.open)
        return self.counts.bytes + sum(begun)

    @property
    def total(self) -> int | None:
        """Rows of the list; None until it is read to its end."""
        return self.cursor.rows if self.cursor.is_at_end else None

    @property
    def is_scored(self) -> bool:
        """Whether every row has a result, so that the manifest alone is missing."""
        return self.cursor.is_at_end and not self.open


@dataclass(frozen=True, slots=True)
class SpoiledBatch:
    """A document that somebody has edited, and that is no job any more."""

    id: str
    why: str

    @property
    def error(self) -> ConfigurationError:
        """What to say about it."""
        return ConfigurationError(
            f"batch {self.id}: its document in the store (batch_jobs) was edited and is none any more:"
            f" {self.why}; mend that field, or submit the list again"
        )


def batch_in(batch_id: str, document: Any) -> BatchJob | SpoiledBatch:  # noqa: ANN401 - whatever is stored
    """The job in `document`, a mapping or JSON, or what is wrong with it."""
    found = stored_documents.read(BatchJob, batch_id, document)
    return SpoiledBatch(batch_id, found) if isinstance(found, str) else found


def is_of_a_batch(key: str) -> bool:
    """Whether an object of that key is one that a batch job has put: no photograph is called so."""
    return _OURS.fullmatch(key) is not None
