"""Documents of batch jobs: what is asked for, how a job stands, and its rows with an error."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from pydantic import BaseModel, ConfigDict, Field

from console.api.predictions import ModelDocument
from operations import batch_jobs
from schemas.batch_jobs import MAX_FAILED, BatchFormat, BatchJob, BatchState
from schemas.tags import Probability

PREFIX: Final = "/v1/batches"


class ListLocation(BaseModel):
    """The list: one photograph a row."""

    model_config = ConfigDict(extra="forbid")

    bucket: str = Field(min_length=1, max_length=255, examples=["photos"])
    key: str = Field(min_length=1, max_length=1024, examples=["jobs/nov.csv"])
    format: BatchFormat | None = Field(None, description="By the end of the key if absent")
    column: str = Field(
        "image", min_length=1, max_length=255, description="With `s3://bucket/key`, or a key below `base`"
    )
    base: str | None = Field(
        None,
        max_length=1400,
        pattern=r"^s3://[^/]+(/.*)?$",
        description="`s3://bucket/prefix` before a row's key; the list's own bucket if absent",
    )


class ResultsLocation(BaseModel):
    """Where parts and manifest go; nothing may stand there yet."""

    model_config = ConfigDict(extra="forbid")

    bucket: str = Field(min_length=1, max_length=255, examples=["photos"])
    prefix: str = Field(min_length=1, max_length=1000, examples=["jobs/nov-out/"])
    format: BatchFormat | None = Field(None, description="As the list's if absent")
    escape_formulas: bool = Field(
        default=True,
        description="In CSV an apostrophe before what a spreadsheet would take for a formula",
    )


class BatchSubmission(BaseModel):
    """What to score, and where the results go."""

    model_config = ConfigDict(extra="forbid")

    input: ListLocation
    output: ResultsLocation
    model: str | None = Field(
        None,
        max_length=300,
        description="`NAME`, `NAME/VERSION` or `NAME@ALIAS`, pinned now; the version that serves if absent",
    )
    max_failed: Probability = Field(
        MAX_FAILED, description="Share of rows with an error beyond which it stops, once 1,000 are done"
    )


class Resumption(BaseModel):
    """How a job goes on."""

    model_config = ConfigDict(extra="forbid")

    max_failed: Probability | None = Field(None, description="From now on; as it was if absent")


class RowsDocument(BaseModel):
    """Rows of the list."""

    total: int | None = Field(description="Known when the list is read to its end")
    read: int
    done: int
    failed: int = Field(description="Of those that are done; the others have scores")


class ResultsDocument(BaseModel):
    """Where the results are."""

    prefix: str = Field(examples=["s3://photos/jobs/nov-out/"])
    manifest: str = Field(description="There when the job is finished, and not before")


class LinksDocument(BaseModel):
    """What can be asked for next."""

    self: str
    errors: str
    cancel: str
    resume: str


class BatchDocument(BaseModel):
    """A job and how far it has come."""

    id: str = Field(examples=["bat_0a1b2c3d4e5f6g7h8i9j0k1l2m"])
    state: BatchState
    why: str = Field(description="Why it has failed, or what it waits for; empty else")
    code: str | None = Field(description="The short name of why it has failed", examples=["input-changed"])
    model: ModelDocument | None = Field(description="Of every row; null until the first server has begun")
    version: str
    input: str = Field(examples=["s3://photos/jobs/nov.csv"])
    output: ResultsDocument
    rows: RowsDocument
    errors: Mapping[str, int] = Field(description="Rows by the code of their error")
    progress: float = Field(ge=0, le=1, description="By the bytes of the list")
    eta_seconds: float | None
    created_at: datetime
    created_by: str = Field(description="The key's id, or a user's name")
    finished_at: datetime | None
    links: LinksDocument

    @classmethod
    def of(cls, job: BatchJob) -> BatchDocument:
        """As it stands."""
        progress, here = batch_jobs.progress(job), f"{PREFIX}/{job.id}"
        left = progress.seconds_left
        place = f"s3://{job.output.bucket}/"
        return cls(
            id=job.id,
            state=job.state,
            why=job.why,
            code=job.code,
            model=ModelDocument.of(job.model) if job.model else None,
            version=job.version,
            input=str(job.input),
            output=ResultsDocument(prefix=place + job.output.prefix, manifest=place + job.output.manifest),
            rows=RowsDocument(
                total=job.total, read=job.cursor.rows, done=job.rows_done, failed=job.counts.failed
            ),
            errors=dict(job.counts.errors),
            progress=round(progress.share, 4),
            eta_seconds=None if left is None else round(left, 1),
            created_at=job.created_at,
            created_by=job.created_by,
            finished_at=job.finished_at,
            links=LinksDocument(
                self=here, errors=f"{here}/errors", cancel=f"{here}/cancel", resume=f"{here}/resume"
            ),
        )


class BatchesDocument(BaseModel):
    """Some jobs, the newest first."""

    items: list[BatchDocument]
    next: str | None = Field(description="`cursor` of the next page")


class RowErrorDocument(BaseModel):
    """A row that has no scores."""

    row: int = Field(description="The first row of the list is 1; a header is none")
    image: str
    error: str = Field(examples=["gone"])
    detail: str


class RowErrorsDocument(BaseModel):
    """Some of them, in the order of the list."""

    items: list[RowErrorDocument]
    next: str | None = Field(description="`cursor` of the next page")
