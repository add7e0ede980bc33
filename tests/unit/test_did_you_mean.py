"""The nearest names, in the words of all errors about names."""

from __future__ import annotations

import pytest

from schemas.did_you_mean import did_you_mean


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("meny", "; did you mean menu?"),
        ("MENU", "; did you mean menu?"),
        ("zzz", "; there are menu, human"),
    ],
)
def test_the_nearest_name_is_named_or_what_there_is(given: str, said: str) -> None:
    assert did_you_mean(given, ["menu", "human"], otherwise="there are menu, human") == said


def test_nothing_is_said_where_nothing_is_near_and_nothing_else_is_to_be_said() -> None:
    assert did_you_mean("zzz", ["menu"]) == ""


def test_several_are_named_where_several_are_asked_for() -> None:
    known = ["v10", "v11", "v9"]
    assert did_you_mean("v1", known, most=2) == "; did you mean v11 or v10?"


def test_what_all_have_in_common_makes_none_of_them_near() -> None:
    known = ["TAGSTREAM_BATCH__MAX_SIZE", "TAGSTREAM_LOG__LEVEL"]
    assert did_you_mean("tagstream_log__levle", known, common="TAGSTREAM_") == (
        "; did you mean TAGSTREAM_LOG__LEVEL?"
    )
