"""The field-by-field diff that the golden run is held with: it says where, what was, and what is."""

from typing import Any

import pytest

from tests.fixed_run.account import plain
from tests.fixed_run.differences import ABSENT, SHOWN, Difference, differences, report

DOCUMENT: dict[str, Any] = {"heads": {"img_a": {"state": "visible", "turn": 1}}, "announced": [{"key": "a"}]}


def found(before: Any, after: Any, *, tolerance: float = 0.0) -> list[Difference]:
    return list(differences(before, after, tolerance=tolerance))


def test_equal_documents_do_not_differ() -> None:
    assert found(DOCUMENT, DOCUMENT) == []


def test_a_field_that_changed_is_named_by_its_path() -> None:
    after = DOCUMENT | {"heads": {"img_a": {"state": "hidden", "turn": 1}}}
    assert found(DOCUMENT, after) == [Difference("/heads/img_a/state", "visible", "hidden")]


def test_a_field_that_is_gone_differs_and_so_does_one_that_is_new() -> None:
    assert found({"old": 1}, {"new": None}) == [
        Difference("/old", 1, ABSENT),
        Difference("/new", ABSENT, None),
    ]


def test_one_item_more_or_less_is_named_by_its_place() -> None:
    assert found([1, 2], [1]) == [Difference("/1", 2, ABSENT)]
    assert found([1], [1, 2]) == [Difference("/1", ABSENT, 2)]


@pytest.mark.parametrize(("before", "after"), [(1, True), (0, None), ("1", 1), ([], {}), (1, 1.0)])
def test_values_of_other_types_differ(before: Any, after: Any) -> None:
    assert found(before, after) == [Difference("", before, after)]


def test_fractions_may_differ_by_the_tolerance_and_by_no_more() -> None:
    assert found({"p": 0.5}, {"p": 0.501}, tolerance=0.002) == []
    assert found({"p": 0.5}, {"p": 0.503}, tolerance=0.002) == [Difference("/p", 0.5, 0.503)]


def test_without_a_tolerance_fractions_are_equal_to_the_last_bit() -> None:
    assert len(found(0.1 + 0.2, 0.3)) == 1


def test_a_report_says_what_was_and_what_is() -> None:
    said = report(found(DOCUMENT, DOCUMENT | {"announced": [{"key": "b"}]}))
    assert said == '1 fields differ\n/announced/0/key\n    before: "a"\n    after:  "b"'


def test_a_report_shows_the_first_differences_and_counts_the_others() -> None:
    said = report(found(list(range(SHOWN + 5)), []))
    assert said.count("before:") == SHOWN
    assert said.endswith("... and 5 more")


def test_what_a_clock_decides_is_masked_and_whether_it_is_there_is_not() -> None:
    assert plain({"scored_at": "noon", "due_at": None}) == {"scored_at": "(masked)", "due_at": None}


def test_a_hash_stands_for_many_bytes() -> None:
    assert plain(b"few") == "few"
    assert plain(b"a" * 1000).startswith("1000 bytes, sha256 41edece42d63e8d9")
