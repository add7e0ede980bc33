"""Result writer of a batch job: the rows of a chunk with their scores, as CSV or as JSON Lines. Pure.

A result is its row with columns of ours behind it, which replace those that the row has by their names: a
part may be submitted as a list. Nothing is unescaped then, so a formula that is escaped gets one apostrophe
more each time.
"""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from operations.batch_rows import ROWS_OF_A_CHUNK, BatchRow, RowFault, UnreadableList
from schemas import csv_cells
from schemas.batch_jobs import BatchFormat, BatchJob
from schemas.errors import NotAllowed, Rejected
from schemas.printable import one_line
from schemas.tags import Verdict

BUCKET_NOT_ALLOWED: Final = "bucket-not-allowed"
OK: Final = "ok"
FAILED: Final = "failed"

_MOST_DETAIL: Final = 500
_BETWEEN_TAGS: Final = ";"
"""No label has one in it."""
_OF_JSON: Final = ("status", "tags", "probabilities", "model", "error", "detail")
_RENAMED: Final = "input_{}"
"""Where the image's column has one of our names."""
_SPELT: Final = "backslashreplace"
r"""Half a character, which JSON may have and UTF-8 has not, as `\ud800`: that is how JSON spells it, too."""


@dataclass(frozen=True, slots=True)
class RowResult:
    """What became of a row: it has either a verdict or a fault."""

    row: BatchRow
    verdict: Verdict | None
    fault: RowFault | None


@dataclass(frozen=True, slots=True)
class RowError:
    """A row that failed, as its part says."""

    row: int
    """Its number in the list."""
    image: str
    code: str
    detail: str


def fault_of(error: Rejected) -> RowFault:
    """`error` as the fault of the row whose image it is about."""
    code = BUCKET_NOT_ALLOWED if isinstance(error, NotAllowed) else error.code.replace("_", "-")
    return RowFault(code, one_line(str(error))[:_MOST_DETAIL])


def counts_of(results: Iterable[RowResult]) -> tuple[int, Mapping[str, int]]:
    """How many rows failed, and how many of them by each code."""
    codes = Counter(result.fault.code for result in results if result.fault is not None)
    return codes.total(), dict(sorted(codes.items()))


def part(results: Sequence[RowResult], job: BatchJob) -> bytes:
    """The object of a chunk, a row a result, in their order."""
    if job.output.format is BatchFormat.JSON_LINES:
        lines = (json.dumps(_document(result, job), ensure_ascii=False) for result in results)
        return "".join(f"{line}\n" for line in lines).encode("utf-8", _SPELT)
    carried = _carried(job)
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\r\n")
    written = csv_cells.written if job.output.escapes_formulas else str
    writer.writerow(map(written, (*carried, *_of_csv(job))))
    for result in results:
        cells = (*_given(result.row, carried.values(), job), *_cells(result, job))
        writer.writerow(map(written, cells))
    return file.getvalue().encode("utf-8", _SPELT)


def errors_in(data: bytes, job: BatchJob, *, number: int) -> tuple[RowError, ...]:
    """The rows that failed, of the part of that number; raises `UnreadableList` where it is not the job's."""
    first = number * ROWS_OF_A_CHUNK + 1
    read = _results_of_json if job.output.format is BatchFormat.JSON_LINES else _results_of_csv
    try:
        found = list(read(data, job))
    except (ValueError, KeyError, TypeError, RecursionError, csv.Error) as error:
        raise UnreadableList(
            f"part {number} is not as this batch has written it: somebody has put something else there;"
            " submit the list again, with another place for its results"
        ) from error
    return tuple(
        RowError(row, image.strip().encode("utf-8", _SPELT).decode(), code, detail)
        for row, (status, image, code, detail) in enumerate(found, first)
        if status == FAILED
    )


_Written = tuple[str, str, str, str]
"""Status, image, code and detail, as they stand in a part."""


def _results_of_json(data: bytes, job: BatchJob) -> Iterator[_Written]:
    image = _image_name(job, _OF_JSON)
    *lines, end = data.decode().split("\n")
    for line in lines:
        document = json.loads(line)
        if not isinstance(document, dict):
            raise TypeError("no object")
        given = document.get(image)
        code = "" if document["error"] is None else document["error"]
        yield _checked(document["status"], given if isinstance(given, str) else "", code, document["detail"])
    if end:
        raise ValueError("the last line has no end")


def _results_of_csv(data: bytes, job: BatchJob) -> Iterator[_Written]:
    read = csv_cells.read if job.output.escapes_formulas else str
    columns = (*_carried(job), *_of_csv(job))
    image = _image_name(job, _of_csv(job))
    rows = csv.reader(io.StringIO(data.decode()))
    if tuple(map(read, next(rows, ()))) != columns:
        raise ValueError("not the header")
    for row in rows:
        cells = dict(zip(columns, map(read, row), strict=True))
        yield _checked(cells["status"], cells[image], cells["error"], cells["detail"])


def _checked(status: str, image: str, code: str, detail: str) -> _Written:
    """These, where one result may say all of them; raises `ValueError`."""
    if status not in (OK, FAILED) or not isinstance(code, str) or not isinstance(detail, str):
        raise ValueError("no result")
    if (status == FAILED) != bool(code):
        raise ValueError("an error and its status contradict each other")
    return status, image, code, detail


def _of_csv(job: BatchJob) -> tuple[str, ...]:
    """Our columns."""
    return ("status", "tags", *(f"p_{label}" for label in job.labels), "model", "error", "detail")


def _carried(job: BatchJob) -> dict[str, str]:
    """The columns of the list that are carried through, by their names in a CSV of results."""
    ours = _of_csv(job)
    given = {name: name for name in job.input.header or (job.input.column,) if name not in ours}
    return given | {_image_name(job, ours): job.input.column}


def _image_name(job: BatchJob, ours: tuple[str, ...]) -> str:
    """What the image's column is called in the results."""
    column = job.input.column
    return _RENAMED.format(column) if column in ours else column


def _given(row: BatchRow, columns: Iterable[str], job: BatchJob) -> Iterator[str]:
    """The row's own cells; of a row of JSON Lines, its image alone."""
    if job.input.format is BatchFormat.CSV:
        return (str(row.fields.get(name, "")) for name in columns)
    return iter((row.image,))


def _cells(result: RowResult, job: BatchJob) -> Iterator[str]:
    """Our cells."""
    verdict, fault = result.verdict, result.fault
    scored = _probabilities(verdict)
    yield FAILED if verdict is None else OK
    yield _BETWEEN_TAGS.join(verdict.tagged) if verdict else ""
    yield from (f"{scored[label]:.6f}" if label in scored else "" for label in job.labels)
    yield _model(job)
    yield fault.code if fault else ""
    yield fault.detail if fault else ""


def _document(result: RowResult, job: BatchJob) -> dict[str, Any]:
    """The result as a JSON object: the row's own fields, and ours behind them."""
    row, verdict, fault = result.row, result.verdict, result.fault
    scored = _probabilities(verdict)
    column = job.input.column
    renamed = {_image_name(job, _OF_JSON): row.fields[column]} if column in row.fields else {}
    return {
        **{name: value for name, value in row.fields.items() if name not in _OF_JSON},
        **renamed,
        "status": FAILED if verdict is None else OK,
        "tags": list(verdict.tagged) if verdict else [],
        "probabilities": {label: round(scored[label], 6) for label in job.labels if label in scored},
        "model": _model(job),
        "error": fault.code if fault else None,
        "detail": fault.detail if fault else "",
    }


def _probabilities(verdict: Verdict | None) -> dict[str, float]:
    return {tag.label: tag.probability for tag in verdict.tags} if verdict else {}


def _model(job: BatchJob) -> str:
    return f"{job.model.name}/{job.model.version}" if job.model else job.version
