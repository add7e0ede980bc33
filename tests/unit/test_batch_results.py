"""Results of a batch: each row comes back as it went in, with what became of it behind."""

from __future__ import annotations

import csv
import io
import json
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as some

from operations import batch_results, batch_rows
from operations.batch_results import RowError, RowResult
from operations.batch_rows import BatchRow, RowFault, UnreadableList
from schemas.batch_jobs import BatchFormat, BatchInput, BatchJob
from schemas.errors import DeadlyImage, Gone, NotAllowed, Rejected, TooLarge
from schemas.tags import Tag, Verdict

from .batch_builders import CSV, JSON_LINES, MODEL, job_of, list_of, rows_in

GONE: Final = RowFault("gone", "it does not exist")
OURS: Final = ["status", "tags", "p_menu", "p_food", "model", "error", "detail"]


def verdict_of(*tagged: str, menu: float = 0.9, food: float = 0.25) -> Verdict:
    scores = {"menu": menu, "food": food}
    tags = [
        Tag(label=label, probability=each, threshold=0.5, tagged=label in tagged)
        for label, each in scores.items()
    ]
    return Verdict(tags=tuple(tags), routes=(), model=MODEL)


def scored(*rows: BatchRow) -> list[RowResult]:
    """The rows, each with a verdict unless it has a fault."""
    return [RowResult(row, None if row.fault else verdict_of("menu"), row.fault) for row in rows]


def table(data: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(data.decode())))


def documents(data: bytes) -> list[dict[str, Any]]:
    return [json.loads(line) for line in data.decode().removesuffix("\n").split("\n")]


def part(data: bytes, job: BatchJob) -> bytes:
    """The results of a list without a header."""
    return batch_results.part(scored(*rows_in(data, job.input)), job)


def unescaped(job: BatchJob) -> BatchJob:
    output = job.output.model_copy(update={"escapes_formulas": False})
    return job.model_copy(update={"output": output})


def submitted_again(data: bytes) -> BatchJob:
    """A job whose list is a part of another."""
    found = batch_rows.header(data, "image")
    return job_of(list_of(*found.columns, begin=found.begin))


# CSV.


def test_a_row_of_csv_comes_back_with_our_columns_behind_its_own() -> None:
    data = part(b"1,a.jpg\n", job_of(list_of("id", "image")))
    assert data == (
        b"id,image,status,tags,p_menu,p_food,model,error,detail\r\n"
        b"1,a.jpg,ok,menu,0.900000,0.250000,restaurant/v9,,\r\n"
    )


def test_a_row_that_failed_has_a_code_and_no_scores() -> None:
    (_, row) = table(part(b"1,\n", job_of(list_of("id", "image"))))
    assert row == ["1", "", "failed", "", "", "", "restaurant/v9", "no-image", "the row names no image"]


def test_several_labels_are_parted_by_semicolons() -> None:
    job = job_of(list_of())
    (row,) = rows_in(b"a.jpg\n", job.input)
    (_, cells) = table(batch_results.part([RowResult(row, verdict_of("menu", "food"), None)], job))
    assert cells[2] == "menu;food"


def test_a_label_that_was_not_scored_has_an_empty_cell() -> None:
    job = job_of(list_of(), labels=("menu", "drink"))
    assert table(part(b"a.jpg\n", job))[1][3:5] == ["0.900000", ""]


def test_results_are_in_the_order_of_their_rows() -> None:
    job = job_of(list_of())
    images = [f"{number}.jpg" for number in reversed(range(50))]
    assert [row[0] for row in table(part("\n".join(images).encode(), job))[1:]] == images


def test_a_part_without_rows_has_its_header_alone() -> None:
    assert batch_results.part([], job_of(list_of())) == (",".join(["image", *OURS]) + "\r\n").encode()


def test_cells_with_commas_quotes_line_ends_and_emoji_come_back() -> None:
    job = job_of(list_of("image", "note"))
    cells = ["a, b.jpg", 'say "hi"\r\n\ttwo\nthree\rfour 🍕 \0']
    file = io.StringIO()
    csv.writer(file).writerow(cells)
    assert table(part(file.getvalue().encode(), job))[1][:2] == cells


def test_formulas_are_escaped_in_every_cell_of_csv() -> None:
    job = job_of(list_of("image", "=x"), labels=("=menu",))
    (row,) = rows_in(b"-a.jpg,@SUM(A1)\n", job.input)
    tag = Tag(label="=menu", probability=0.9, threshold=0.5, tagged=True)
    verdict = Verdict(tags=(tag,), routes=(), model=MODEL)
    failed = RowResult(row, None, RowFault("gone", "=it is"))
    head, ok, bad = table(batch_results.part([RowResult(row, verdict, None), failed], job))
    assert head[:2] == ["image", "'=x"]
    assert ok[:4] == ["'-a.jpg", "'@SUM(A1)", "ok", "'=menu"]
    assert bad[-1] == "'=it is"


def test_formulas_stay_where_the_job_does_not_escape_them() -> None:
    job = unescaped(job_of(list_of("image", "=x")))
    head, row = table(part(b"-a.jpg,@SUM(A1)\n", job))
    assert (head[1], row[:2]) == ("=x", ["-a.jpg", "@SUM(A1)"])


def test_columns_of_our_names_give_way_to_ours() -> None:
    job = job_of(list_of("status", "image", "p_menu", "p_other", "model"))
    head, row = table(part(b"old,a.jpg,0.1,0.2,v1\n", job))
    assert head == ["image", "p_other", *OURS]
    assert row[:3] == ["a.jpg", "0.2", "ok"]


def test_the_images_column_is_kept_under_another_name_where_it_has_one_of_ours() -> None:
    job = job_of(list_of("id", "model", column="model"))
    data = part(b"1,\n", job)
    assert table(part(b"1,a.jpg\n", job))[1][:2] == ["1", "a.jpg"]
    assert table(data)[0] == ["id", "input_model", *OURS]
    assert batch_results.errors_in(data, job, number=0)[0].code == "no-image"


def test_of_json_lines_the_image_alone_is_a_column() -> None:
    job = job_of(list_of(form=JSON_LINES), CSV)
    head, row, bad = table(part(b'{"id": 1, "image": " a.jpg"}\nnonsense\n', job))
    assert head == ["image", *OURS]
    assert (row[:2], bad[:2]) == (["a.jpg", "ok"], ["", "failed"])


def test_a_part_may_be_submitted_as_a_list() -> None:
    data = part(b"1,a.jpg\n2,\n3,'=x.jpg\n", job_of(list_of("id", "image")))
    again = submitted_again(data)
    rows = rows_in(data, again.input)
    assert [row.image for row in rows] == ["a.jpg", "", "''=x.jpg"]
    assert table(batch_results.part(scored(*rows), again))[:2] == table(data)[:2]


def test_an_image_that_was_escaped_is_another_key_when_its_part_is_submitted() -> None:
    data = part(b"=x.jpg\n", job_of(list_of()))
    (row,) = rows_in(data, submitted_again(data).input)
    assert row.image == "'=x.jpg"


# JSON lines.


def test_an_object_comes_back_with_our_fields_behind_its_own() -> None:
    job = job_of(list_of(form=JSON_LINES))
    data = part('{"id": [1, null], "image": "é=.jpg"}\n'.encode(), job)
    assert data.decode() == (
        '{"id": [1, null], "image": "é=.jpg", "status": "ok", "tags": ["menu"],'
        ' "probabilities": {"menu": 0.9, "food": 0.25}, "model": "restaurant/v9", "error": null,'
        ' "detail": ""}\n'
    )


def test_an_object_that_failed_has_a_code_and_no_scores() -> None:
    (found,) = documents(part(b'{"image": "https://x.example"}', job_of(list_of(form=JSON_LINES))))
    assert (found["status"], found["tags"], found["probabilities"]) == ("failed", [], {})
    assert found["error"] == "urls-not-accepted"


def test_from_csv_the_fields_are_its_cells_by_column_and_are_not_escaped() -> None:
    job = job_of(list_of("=id", "image"), JSON_LINES)
    (found,) = documents(part(b"-1,=a.jpg\n", job))
    assert list(found.items())[:3] == [("=id", "-1"), ("image", "=a.jpg"), ("status", "ok")]


def test_fields_of_our_names_give_way_to_ours() -> None:
    job = job_of(list_of(form=JSON_LINES))
    (found,) = documents(part(b'{"status": 7, "p_menu": 1, "image": "a.jpg", "tags": 8}', job))
    assert list(found)[:3] == ["p_menu", "image", "status"]
    assert (found["status"], found["tags"]) == ("ok", ["menu"])


def test_the_images_field_is_kept_under_another_name_where_it_has_one_of_ours() -> None:
    job = job_of(list_of(form=JSON_LINES, column="detail"))
    (found,) = documents(part(b'{"detail": "a.jpg"}', job))
    assert (found["input_detail"], found["detail"]) == ("a.jpg", "")


def test_objects_may_be_submitted_again() -> None:
    job = job_of(list_of(form=JSON_LINES))
    data = part('{"id": 1.50, "image": "🍕.jpg"}\n{}\n'.encode(), job)
    assert part(data, job) == data


def test_half_a_character_comes_back_as_json_spells_it() -> None:
    job = job_of(list_of(form=JSON_LINES))
    data = part(b'{"image": "a.jpg", "note": "\\udc80"}\n', job)
    assert b'"note": "\\udc80"' in data
    assert part(data, job) == data


@given(
    value=some.recursive(
        some.none() | some.text() | some.floats(allow_nan=False, allow_infinity=False), some.lists
    )
)
def test_any_value_of_json_comes_back_in_one_line(value: object) -> None:
    job = job_of(list_of(form=JSON_LINES))
    data = part(json.dumps({"image": "a.jpg", "x": value}).encode(), job)
    assert data.count(b"\n") == 1
    assert json.loads(data)["x"] == value


# Faults.


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (Gone("gone"), "gone"),
        (TooLarge("large"), "too-large"),
        (DeadlyImage("deadly"), "deadly"),
        (NotAllowed("bucket"), "bucket-not-allowed"),
    ],
)
def test_a_rejection_is_a_fault_by_its_code(error: Rejected, code: str) -> None:
    assert batch_results.fault_of(error) == RowFault(code, str(error))


def test_what_a_rejection_says_is_one_line_of_500_characters() -> None:
    detail = batch_results.fault_of(Gone("a\nb\x1b" + "x" * 600)).detail
    assert detail.startswith(r"a\u000ab\u001bx")
    assert len(detail) == 500


def test_failed_rows_are_counted_by_code() -> None:
    job = job_of(list_of())
    results = scored(*rows_in(b"a.jpg\nhttp://x\na.jpg,1\nhttp://y\n", job.input))
    assert batch_results.counts_of(results) == (3, {"malformed-row": 1, "urls-not-accepted": 2})


def test_where_nothing_failed_nothing_is_counted() -> None:
    assert batch_results.counts_of(scored(*rows_in(b"a.jpg\n", list_of()))) == (0, {})


# What a part says of its failed rows.

JOBS: Final = [
    job_of(list_of("image", "note")),
    unescaped(job_of(list_of("image", "note"))),
    job_of(list_of("image", "note"), JSON_LINES),
    job_of(list_of(form=JSON_LINES)),
    job_of(list_of(form=JSON_LINES), CSV),
]


def failed_rows(listed: BatchInput, *images: str) -> list[BatchRow]:
    """Rows of the list that name these images."""
    if listed.format is BatchFormat.JSON_LINES:
        return rows_in("".join(f"{json.dumps({'image': image})}\n" for image in images).encode(), listed)
    file = io.StringIO()
    csv.writer(file).writerows([image, "x"] for image in images)
    return rows_in(file.getvalue().encode("utf-8", "surrogatepass"), listed)


@pytest.mark.parametrize("job", JOBS)
def test_the_failed_rows_of_a_part_are_read_with_their_numbers(job: BatchJob) -> None:
    rows = failed_rows(job.input, "a.jpg", "https://x", "=x/../é", "'-x/../y")
    results = [*scored(*rows), RowResult(rows[0], None, GONE)]
    found = batch_results.errors_in(batch_results.part(results, job), job, number=7)
    assert [(error.row, error.image, error.code) for error in found] == [
        (7_002, "https://x", "urls-not-accepted"),
        (7_003, "=x/../é", "malformed-row"),
        (7_004, "'-x/../y", "malformed-row"),
        (7_005, "a.jpg", "gone"),
    ]
    assert found[-1].detail == GONE.detail


@pytest.mark.parametrize("job", JOBS)
def test_a_part_in_which_all_went_well_has_no_errors(job: BatchJob) -> None:
    data = batch_results.part(scored(*failed_rows(job.input, "a.jpg")), job)
    assert batch_results.errors_in(data, job, number=0) == ()


@pytest.mark.parametrize("job", JOBS)
@given(images=some.lists(some.text() | some.text("'=+-@\t\r\n,\";"), max_size=4))
def test_images_and_faults_are_read_as_they_were_written(job: BatchJob, images: list[str]) -> None:
    rows = failed_rows(job.input, *images)
    results = [RowResult(row, None, row.fault or GONE) for row in rows]
    found = batch_results.errors_in(batch_results.part(results, job), job, number=0)
    assert found == tuple(
        RowError(row.number, row.image, fault.code, fault.detail)
        for row in rows
        for fault in [row.fault or GONE]
    )


@pytest.mark.parametrize("job", [job_of(list_of(form=JSON_LINES)), job_of(list_of(form=JSON_LINES), CSV)])
def test_an_image_with_half_a_character_is_named_in_utf_8(job: BatchJob) -> None:
    (found,) = batch_results.errors_in(part(b'{"image": "\\ud800"}', job), job, number=0)
    assert found.image == r"\ud800"


@pytest.mark.parametrize("form", list(BatchFormat))
@given(
    data=some.binary(max_size=60) | some.text(max_size=60).map(lambda text: text.encode("utf-8", "replace"))
)
def test_what_somebody_else_has_put_there_is_refused(form: BatchFormat, data: bytes) -> None:
    job = job_of(list_of(), form)
    if data or form is CSV:
        with pytest.raises(UnreadableList, match="part 3 is not as this batch has written it"):
            batch_results.errors_in(data, job, number=3)


HEAD: Final = batch_results.part([], job_of(list_of()))


@pytest.mark.parametrize(
    ("form", "data"),
    [
        (CSV, HEAD + b"a.jpg,failed\r\n"),
        (CSV, HEAD + b"a.jpg,great,,,,restaurant/v9,,\r\n"),
        (CSV, HEAD + b"a.jpg,ok,,,,restaurant/v9,gone,\r\n"),
        (CSV, HEAD + b"a.jpg,failed,,,,restaurant/v9,,\r\n"),
        (CSV, HEAD + b"\r\n"),
        (CSV, HEAD + b"a\rb\r\n"),
        (CSV, HEAD.replace(b"p_menu,", b"")),
        (JSON_LINES, b"[]\n"),
        (JSON_LINES, b"{}\n"),
        (JSON_LINES, b"\n"),
        (JSON_LINES, b'{"status": "failed", "error": "gone", "detail": ""}'),
        (JSON_LINES, b'{"status": "failed", "error": "gone"}\n'),
        (JSON_LINES, b'{"status": "failed", "error": 5, "detail": ""}\n'),
        (JSON_LINES, b'{"status": ["failed"], "error": "gone", "detail": ""}\n'),
        (JSON_LINES, b'{"status": "failed", "error": null, "detail": ""}\n'),
        (JSON_LINES, b"[" * 100_000 + b"\n"),
    ],
)
def test_what_somebody_has_changed_is_refused(form: BatchFormat, data: bytes) -> None:
    with pytest.raises(UnreadableList):
        batch_results.errors_in(data, job_of(list_of(), form), number=0)


def test_a_part_of_other_labels_is_not_the_jobs() -> None:
    data = part(b"a.jpg\n", job_of(list_of(), labels=("menu",)))
    with pytest.raises(UnreadableList):
        batch_results.errors_in(data, job_of(list_of()), number=0)
