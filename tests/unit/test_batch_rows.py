"""Rows of a batch's list: cut off whole whatever the pieces, and each with an image or what is wrong."""

from __future__ import annotations

import contextlib
import csv
import io
import json
from collections.abc import Iterator
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as some

from operations import batch_rows
from operations.batch_rows import MOST_LINE_BYTES, BatchRow, Cut, UnreadableList
from schemas.batch_jobs import BatchFormat

from .batch_builders import CSV, JSON_LINES, list_of, rows_in, whole_cut

MARK: Final = b"\xef\xbb\xbf"
FORMS: Final = some.sampled_from([CSV, JSON_LINES])

PARTS: Final = [
    b'"',
    b'""',
    b",",
    b"\n",
    b"\r\n",
    b"\n\n",
    b"a.jpg",
    b" ",
    b"\xc3\xa9",
    b"\xe9",
    b"\0",
    b"\xf0\x9f",
]
LISTS: Final = some.lists(some.sampled_from(PARTS), max_size=40).map(b"".join)
RETURNS: Final = some.text('a"\r\n,', max_size=30).map(str.encode)
OBJECTS: Final = [b'{"image": "a.jpg"}', b'{"image": "\xe9"}', b"{}", b"[1]", b"nonsense", b"", b" ", b"\r"]
JSON_LISTS: Final = some.lists(some.sampled_from(OBJECTS), max_size=20).flatmap(
    lambda lines: some.sampled_from([b"\n".join(lines), b"".join(line + b"\r\n" for line in lines)])
)


def one(line: bytes, *columns: str) -> BatchRow:
    (row,) = rows_in(line, list_of(*columns))
    return row


def one_of_json(line: bytes) -> BatchRow:
    (row,) = rows_in(line, list_of(form=JSON_LINES))
    return row


def faults(rows: list[BatchRow]) -> list[str]:
    return [row.fault.code if row.fault else "" for row in rows]


def address(image: str, base: str = "s3://photos/r42") -> str:
    """Where the image is, or the code of what is wrong with it."""
    line = json.dumps({"image": image}).encode()
    (row,) = rows_in(line, list_of(form=JSON_LINES, base=base))
    return row.fault.code if row.fault else str(row.location)


def cut(data: bytes, form: BatchFormat = CSV, *, most: int = 1_000, is_last: bool = False) -> Cut:
    return batch_rows.cut(data, form, most=most, is_last=is_last, first_row=1)


# The header of a CSV.


def test_a_header_names_its_columns_and_where_the_rows_begin() -> None:
    found = batch_rows.header(b"id,image\r\n1,a.jpg\r\n", "image")
    assert (found.columns, found.begin) == (("id", "image"), 10)


def test_a_byte_order_mark_belongs_to_no_column() -> None:
    found = batch_rows.header(MARK + b"image\na.jpg\n", "image")
    assert (found.columns, found.begin) == (("image",), 9)


def test_a_header_may_span_lines_in_quotes() -> None:
    found = batch_rows.header(b'image,"of\nwhom"\na.jpg,ann\n', "image")
    assert (found.columns, found.begin) == (("image", "of\nwhom"), 16)


def test_a_header_may_be_all_there_is() -> None:
    assert batch_rows.header(b"image", "image").begin == 5


def test_blank_lines_before_a_header_are_passed_over() -> None:
    assert batch_rows.header(b"\r\n\nimage\n", "image").begin == 9


def test_200_columns_are_read() -> None:
    columns = ",".join(["image", *map(str, range(199))]).encode()
    assert len(batch_rows.header(columns + b"\n", "image").columns) == 200


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "it is empty"),
        (MARK + b"\r\n\n", "it is empty"),
        ("image\n".encode("utf-16"), "UTF-16"),
        (b"\xfe\xff\0i", "UTF-16"),
        ("image,größe\n".encode("latin-1"), "not UTF-8"),
        (b"image," + b"x" * MOST_LINE_BYTES, "longer than 65,536 bytes"),
        (b'image,"x\n' + b"a\n" * MOST_LINE_BYTES, "longer than 65,536 bytes: a quote that is never closed"),
        (b'image,"x\na.jpg\n', "quote that is never closed"),
        (b"image\ra.jpg\rb.jpg\r", "carriage return that ends no line"),
        (b"image\r" + b"a.jpg\r" * MOST_LINE_BYTES, "carriage return that ends no line"),
        (",".join(["image", *map(str, range(200))]).encode(), "201 columns"),
        (b"image,id,id\n", "two of its columns are called `id`"),
        (b"imge,id\n", "called `image`, but `imge`, `id`; did you mean imge?"),
        (b"image;id\n", "parted by semicolons"),
        (b"image\tid\n", "parted by tabs"),
    ],
)
def test_what_is_no_header_is_refused_in_words(data: bytes, said: str) -> None:
    with pytest.raises(UnreadableList) as refused:
        batch_rows.header(data, "image")
    assert said in str(refused.value)


def test_a_header_of_64_kib_is_read_and_one_byte_more_is_not() -> None:
    longest = b"image," + b"x" * (MOST_LINE_BYTES - 7) + b"\n"
    assert batch_rows.header(MARK + longest + b"a.jpg,", "image").begin == MOST_LINE_BYTES + 3
    with pytest.raises(UnreadableList, match="longer"):
        batch_rows.header(MARK + longest.replace(b"\n", b"x\n"), "image")


@given(data=some.binary(max_size=60) | LISTS)
def test_any_header_is_read_or_refused(data: bytes) -> None:
    with contextlib.suppress(UnreadableList):
        assert "image" in batch_rows.header(data, "image").columns


def test_json_lines_begin_behind_a_byte_order_mark() -> None:
    assert batch_rows.json_lines_begin(MARK + b"{}") == 3
    assert batch_rows.json_lines_begin(b"{}") == 0


def test_json_lines_in_utf_16_are_refused() -> None:
    with pytest.raises(UnreadableList, match="UTF-16"):
        batch_rows.json_lines_begin("{}".encode("utf-16"))


# Cutting.


@pytest.mark.parametrize("form", list(BatchFormat))
def test_a_row_is_whole_when_its_line_end_is_there_or_the_lists_end(form: BatchFormat) -> None:
    assert cut(b"{}\n{", form) == Cut(1, 3)
    assert cut(b"{}\n{", form, is_last=True) == Cut(2, 4)


def test_a_cut_has_as_many_rows_as_were_asked_for_at_most() -> None:
    assert cut(b"a\nb\nc\n", most=2) == Cut(2, 4)
    assert cut(b"a\nb\nc\n", most=0) == Cut(0, 0)


def test_a_quoted_line_end_ends_no_row() -> None:
    assert cut(b'"a\nb",c\n"d\r\ne"\n') == Cut(2, 15)


@pytest.mark.parametrize("end", [b'"a\n', b'"a\nb', b'"a\nb"', b'"a\nb"\r', b'"a""\n'])
def test_a_row_that_might_go_on_is_left_for_the_next_piece(end: bytes) -> None:
    assert cut(b"x\n" + end) == Cut(1, 2)
    assert cut(b"x\n" + end, is_last=True) == Cut(2, 2 + len(end))


def test_a_lone_carriage_return_in_quotes_is_part_of_its_cell() -> None:
    assert cut(b'"a\rb"\r\n') == Cut(1, 7)
    assert one(b'"a\rb",x.jpg\r\n', "id", "image").fields["id"] == "a\rb"


def test_a_lone_carriage_return_outside_of_quotes_is_refused_with_its_row() -> None:
    with pytest.raises(UnreadableList, match="row 2 has a carriage return that ends no line"):
        cut(b"a\nb\rc\n")


@pytest.mark.parametrize("form", list(BatchFormat))
def test_blank_lines_are_no_rows_and_belong_to_a_cut(form: BatchFormat) -> None:
    assert cut(b"\n\r\n{}\n\n{}\n\n", form) == Cut(2, 11)


@pytest.mark.parametrize("form", list(BatchFormat))
def test_blank_lines_at_the_end_are_swallowed_behind_the_last_row_of_a_chunk(form: BatchFormat) -> None:
    data = b"{}\n{}\n\r\n\n\r"
    assert cut(data, form, most=2, is_last=True) == Cut(2, len(data))


def test_blank_lines_alone_are_a_cut_without_rows() -> None:
    assert cut(b"\n\r\n") == Cut(0, 3)


def test_a_blank_in_a_line_of_csv_is_a_row_without_an_image() -> None:
    assert faults(rows_in(b"a.jpg\n \n", list_of())) == ["", "no-image"]


@pytest.mark.parametrize("form", list(BatchFormat))
@pytest.mark.parametrize("is_last", [False, True])
def test_a_row_of_64_kib_is_whole_and_one_byte_more_is_refused(form: BatchFormat, *, is_last: bool) -> None:
    longest = b"x" * (MOST_LINE_BYTES - 1) + b"\n"
    assert cut(b"a\n" + longest, form, is_last=is_last) == Cut(2, MOST_LINE_BYTES + 2)
    with pytest.raises(UnreadableList, match="row 2 is longer than 65,536 bytes"):
        cut(b"a\nx" + longest, form, is_last=is_last)


def test_an_unclosed_quote_is_named_before_all_of_the_list_is_read() -> None:
    lines = b"a.jpg\n" * 20_000
    with pytest.raises(UnreadableList, match=r"row 3 is longer than 65,536 bytes: a quote that is never"):
        cut(b'a\n\nb\n"' + lines)


def test_a_row_that_is_too_long_already_is_refused_before_it_is_whole() -> None:
    assert cut(b"x" * MOST_LINE_BYTES) == Cut(0, 0)
    with pytest.raises(UnreadableList, match="row 1 is longer"):
        cut(b"x" * (MOST_LINE_BYTES + 1))


def test_a_row_behind_those_that_were_asked_for_is_not_looked_at() -> None:
    assert cut(b"a\nb\rc\n" + b"x" * MOST_LINE_BYTES * 2, most=1) == Cut(1, 2)


def test_the_row_behind_the_last_one_that_a_list_may_have_is_refused() -> None:
    last = batch_rows.MOST_ROWS
    assert batch_rows.cut(b"a\n", CSV, most=9, is_last=True, first_row=last) == Cut(1, 2)
    assert batch_rows.cut(b"\n\n", CSV, most=9, is_last=True, first_row=last + 1) == Cut(0, 2)
    with pytest.raises(UnreadableList, match="more than 10,000,000 rows"):
        batch_rows.cut(b"a\nb\n", CSV, most=9, is_last=True, first_row=last)


# Rows of a CSV.


def test_rows_are_numbered_in_their_order_without_the_blank_ones() -> None:
    rows = rows_in(b"image,id\na.jpg,1\n\nb.jpg,2\n", list_of("image", "id", begin=9))
    assert [(row.number, row.image, row.fields["id"]) for row in rows] == [
        (1, "a.jpg", "1"),
        (2, "b.jpg", "2"),
    ]


def test_fields_are_in_the_order_of_the_header() -> None:
    row = one(b"1,a.jpg,x\r\n", "id", "image", "note")
    assert list(row.fields.items()) == [("id", "1"), ("image", "a.jpg"), ("note", "x")]


def test_cells_that_are_missing_are_empty() -> None:
    row = one(b"a.jpg\n", "image", "id")
    assert (row.fault, row.fields) == (None, {"image": "a.jpg", "id": ""})


def test_more_cells_than_columns_are_a_fault() -> None:
    row = one(b"a.jpg,1,2\n", "image", "id")
    assert row.fault == batch_rows.RowFault("malformed-row", "3 cells, and 2 columns")
    assert (row.image, row.fields) == ("a.jpg", {"image": "a.jpg", "id": "1"})


def test_a_row_of_latin_1_is_a_fault_and_its_neighbours_are_none() -> None:
    rows = rows_in("é.jpg\n".encode() + "é.jpg\n".encode("latin-1") + b"b.jpg\n", list_of())
    assert faults(rows) == ["", "malformed-row", ""]
    assert rows[1].fault is not None
    assert (rows[1].fault.detail, rows[1].image) == ("not UTF-8", "\N{REPLACEMENT CHARACTER}.jpg")


def test_a_nul_is_carried_through_and_is_in_no_key() -> None:
    rows = rows_in(b"a.jpg,\0\n\0.jpg,\n", list_of("image", "note"))
    assert rows[0].fields["note"] == "\0"
    assert faults(rows) == ["", "malformed-row"]


def test_an_emoji_is_part_of_a_key() -> None:
    assert str(one("🍕.jpg\n".encode()).location) == "s3://photos/r42/🍕.jpg"


def test_a_quoted_line_end_is_part_of_its_cell_whatever_the_pieces() -> None:
    data = b'a.jpg,"two\r\nlines"\r\nb.jpg,"\n\n"\r\n'
    for piece in range(1, len(data) + 1):
        rows = rows_in(data, list_of("image", "note"), most=1, piece=piece)
        assert [row.fields["note"] for row in rows] == ["two\r\nlines", "\n\n"]


def test_a_list_without_its_header_kept_has_rows_with_too_many_cells() -> None:
    (row,) = rows_in(b"a.jpg\n", list_of(header=None))
    assert row.fault is not None


# Rows of JSON lines.


def test_an_object_is_carried_through_as_it_is() -> None:
    row = one_of_json('{"n": 1, "image": " é.jpg ", "deep": {"x": [null, true, 1.5]}}'.encode())
    assert (row.image, str(row.location)) == ("é.jpg", "s3://photos/r42/é.jpg")
    assert list(row.fields) == ["n", "image", "deep"]
    assert row.fields["deep"] == {"x": [None, True, 1.5]}


def test_of_a_name_that_stands_twice_the_last_holds() -> None:
    assert one_of_json(b'{"image": "a.jpg", "image": "b.jpg"}').image == "b.jpg"


@pytest.mark.parametrize("line", [b"{}", b'{"image": null}', b'{"image": ""}', b'{"image": " "}'])
def test_an_object_without_an_image_says_so(line: bytes) -> None:
    assert faults([one_of_json(line)]) == ["no-image"]


@pytest.mark.parametrize(
    "line",
    [
        b"nonsense",
        b"[1]",
        b'"a.jpg"',
        b"null",
        b"0",
        b'{"image": 5}',
        b'{"image": ["a.jpg"]}',
        b'{"image": "a.jpg", "x": NaN}',
        b'{"image": "a.jpg", "x": -Infinity}',
        b'{"image": "a.jpg", "x": 1e999}',
        b'{"image": "a.jpg", "x": ' + b"1" * 5_000 + b"}",
        b'{"image": "a.jpg", "x": ' + b"[" * 30_000 + b"]" * 30_000 + b"}",
        b'{"image": "a.jpg", "x": ' + b"[" * 100 + b"]" * 100 + b"}",
        b'{"image": "a.jpg"} {"image": "b.jpg"}',
        b'{"image": "\xe9.jpg"}',
        b'{"image": "\\ud800.jpg"}',
        b'{"image": "a\\u0000.jpg"}',
        b'{"image": "a.jpg"',
        b"\0",
    ],
)
def test_what_is_no_object_with_an_image_is_malformed(line: bytes) -> None:
    row = one_of_json(line)
    assert faults([row]) == ["malformed-row"]
    assert row.fault is not None
    assert row.fault.detail.isprintable()
    assert len(row.fault.detail) < 200


@pytest.mark.parametrize(
    "wide", [b"[" * 99 + b"]" * 99, b"[" + b"[]," * 500 + b"[]]", b'"' + b"[" * 500 + b'"']
)
def test_an_object_may_be_wide_and_a_hundred_deep(wide: bytes) -> None:
    assert faults([one_of_json(b'{"image": "a.jpg", "x": ' + wide + b"}")]) == [""]


def test_a_line_that_is_not_utf_8_keeps_what_can_be_read_of_it() -> None:
    row = one_of_json(b'{"image": "a.jpg", "note": "\xe9"}')
    assert row.fault is not None
    assert row.fault.detail == "not UTF-8"
    assert row.fields == {"image": "a.jpg", "note": "\N{REPLACEMENT CHARACTER}"}


def test_a_line_separator_of_unicode_ends_no_line() -> None:
    assert len(rows_in('{"image": "a\u2028b.jpg"}\n'.encode(), list_of(form=JSON_LINES))) == 1


# Images.


@pytest.mark.parametrize(
    ("image", "base", "found"),
    [
        ("a.jpg", "s3://photos/r42", "s3://photos/r42/a.jpg"),
        ("a.jpg", "s3://photos/r42/", "s3://photos/r42/a.jpg"),
        ("a.jpg", "s3://photos/", "s3://photos/a.jpg"),
        ("a.jpg", "s3://photos", "s3://photos/a.jpg"),
        ("/a.jpg", "s3://photos", "s3://photos//a.jpg"),
        ("/a.jpg", "s3://photos/r42/", "s3://photos/r42//a.jpg"),
        (" a b.jpg\t", "s3://photos", "s3://photos/a b.jpg"),
        ("s3://other/x/y.jpg", "s3://photos/r42", "s3://other/x/y.jpg"),
        ("s3://other//y.jpg", "s3://photos", "s3://other//y.jpg"),
        ("'=a.jpg", "s3://photos", "s3://photos/'=a.jpg"),
        ("a%20b.jpg", "s3://photos", "s3://photos/a%20b.jpg"),
        ("a..b/.c.jpg", "s3://photos", "s3://photos/a..b/.c.jpg"),
        ("", "s3://photos", "no-image"),
        ("https://x.example/a.jpg", "s3://photos", "urls-not-accepted"),
        ("HTTP://x.example/a.jpg", "s3://photos", "urls-not-accepted"),
        ("gs://photos/a.jpg", "s3://photos", "urls-not-accepted"),
        ("s3://photos", "s3://photos", "malformed-row"),
        ("s3://photos/", "s3://photos", "malformed-row"),
        ("s3:///a.jpg", "s3://photos", "malformed-row"),
        ("s3://x@evil/a.jpg", "s3://photos", "malformed-row"),
        ("a.jpg", "", "malformed-row"),
        ("../a.jpg", "s3://photos/r42", "malformed-row"),
        ("x/./a.jpg", "s3://photos", "malformed-row"),
        ("a\nb.jpg", "s3://photos", "malformed-row"),
        ("a\x85b.jpg", "s3://photos", "malformed-row"),
        ("x" * 1025, "s3://photos", "malformed-row"),
    ],
)
def test_an_image_is_an_address_or_a_key_below_the_base(image: str, base: str, found: str) -> None:
    assert address(image, base) == found


# Any bytes, any pieces.


def csv_rows(data: bytes) -> Iterator[list[str]]:
    """What Python's own reader finds, line by line, bytes as characters."""
    return (row for row in csv.reader(io.StringIO(data.decode("latin-1"), newline="\n")) if row)


@given(data=LISTS, most=some.integers(1, 4), piece=some.integers(1, 20))
def test_a_csv_has_the_rows_of_pythons_reader_whatever_the_pieces(data: bytes, most: int, piece: int) -> None:
    listed = list_of(*(f"c{number}" for number in range(40)), column="c0")
    rows = rows_in(data, listed, most=most, piece=piece)
    wanted = [
        [cell.encode("latin-1").decode("utf-8", "replace") for cell in row] + [""] * (40 - len(row))
        for row in csv_rows(data)
    ]
    assert [list(row.fields.values()) for row in rows] == [row[:40] for row in wanted]
    assert [row.number for row in rows] == list(range(1, len(wanted) + 1))


@given(data=RETURNS, most=some.integers(1, 4), piece=some.integers(1, 20))
def test_carriage_returns_are_read_or_refused_as_by_pythons_reader(
    data: bytes, most: int, piece: int
) -> None:
    listed = list_of("c0", "c1", column="c0")
    try:
        wanted = [row[0] for row in csv_rows(data)]
    except csv.Error:
        with pytest.raises(UnreadableList, match="carriage return"):
            rows_in(data, listed, most=most, piece=piece)
    else:
        assert [row.fields["c0"] for row in rows_in(data, listed, most=most, piece=piece)] == wanted


@given(data=JSON_LISTS, most=some.integers(1, 4), piece=some.integers(1, 20))
def test_json_lines_have_a_row_a_line_whatever_the_pieces(data: bytes, most: int, piece: int) -> None:
    rows = rows_in(data, list_of(form=JSON_LINES), most=most, piece=piece)
    lines = [line for line in data.split(b"\n") if line.strip()]
    wanted = [row for line in lines for row in rows_in(line, list_of(form=JSON_LINES))]
    assert [(row.image, row.fields, row.fault) for row in rows] == [
        (row.image, row.fields, row.fault) for row in wanted
    ]


@given(data=some.binary(max_size=200), form=FORMS, most=some.integers(0, 5), is_last=some.booleans())
def test_any_bytes_are_cut_and_parsed_alike_or_refused(
    *,
    data: bytes,
    form: BatchFormat,
    most: int,
    is_last: bool,
) -> None:
    with contextlib.suppress(UnreadableList):
        found = cut(data, form, most=most, is_last=is_last)
        assert found.rows <= most
        assert found.length <= len(data)
        parsed = batch_rows.parse(data[: found.length], list_of(form=form), first_row=1)
        assert len(parsed) == found.rows
        assert all((row.location is None) != (row.fault is None) for row in parsed)


@given(data=LISTS | JSON_LISTS, form=FORMS)
def test_the_last_cut_of_a_list_reaches_its_end(data: bytes, form: BatchFormat) -> None:
    assert whole_cut(data, form).length == len(data)
