"""Lists of a batch, and the job that reads them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

from operations import batch_rows
from operations.batch_rows import BatchRow, Cut
from schemas.batch_jobs import BatchFormat, BatchInput, BatchJob, BatchOutput
from schemas.tags import ModelRef

CSV, JSON_LINES = BatchFormat.CSV, BatchFormat.JSON_LINES
MODEL: Final = ModelRef(name="restaurant", version="v9", digest="ab" * 32)
NOON: Final = datetime(2026, 1, 1, 12, tzinfo=UTC)


def list_of(*columns: str, form: BatchFormat = CSV, **said: Any) -> BatchInput:
    """A list with these columns, of which `image` is the image's."""
    facts = {"bucket": "lists", "key": "list", "format": form, "column": "image", "base": "s3://photos/r42"}
    header = (columns or ("image",)) if form is CSV else None
    return BatchInput.model_validate(facts | {"etag": "aa", "size": 1, "header": header} | said)


def job_of(listed: BatchInput, form: BatchFormat | None = None, **said: Any) -> BatchJob:
    """A job that scores the list for menu and food."""
    output = BatchOutput(bucket="results", prefix="out/", format=form or listed.format)
    facts = {"id": f"bat_{'0' * 26}", "created_at": NOON, "updated_at": NOON, "created_by": "ann"}
    facts |= {"input": listed, "output": output, "version": MODEL.version}
    facts |= {"model": MODEL, "labels": ("menu", "food")}
    return BatchJob.model_validate(facts | said)


def whole_cut(data: bytes, form: BatchFormat = CSV) -> Cut:
    """Of a list without a header."""
    return batch_rows.cut(data, form, most=batch_rows.ROWS_OF_A_CHUNK, is_last=True, first_row=1)


def rows_in(data: bytes, listed: BatchInput, *, most: int = 1_000, piece: int = 2**20) -> list[BatchRow]:
    """Every row behind the header, read `piece` bytes at a time as a runner would."""
    rows: list[BatchRow] = []
    at, read = listed.begin, listed.begin
    while at < len(data):
        read = min(max(read, at) + piece, len(data))
        is_last = read == len(data)
        first_row = len(rows) + 1
        found = batch_rows.cut(data[at:read], listed.format, most=most, is_last=is_last, first_row=first_row)
        if found.rows < most and not is_last:
            continue
        parsed = batch_rows.parse(data[at : at + found.length], listed, first_row=first_row)
        assert len(parsed) == found.rows
        rows += parsed
        at += found.length
    return rows
