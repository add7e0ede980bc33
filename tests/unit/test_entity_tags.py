"""Entity tags: the same bytes have the same one, and `If-None-Match` may name several."""

from __future__ import annotations

import pytest

from console.entity_tags import entity_tag, has_it

TAG = entity_tag(b"an answer")


def test_the_same_bytes_have_the_same_tag_and_others_another() -> None:
    assert entity_tag(b"an answer") == TAG != entity_tag(b"another")
    assert TAG[0] == TAG[-1] == '"'


@pytest.mark.parametrize("header", [TAG, f"W/{TAG}", f'"other", {TAG}', f'"a,b",{TAG}', "*", " * "])
def test_a_header_that_names_the_tag_says_that_the_answer_is_there(header: str) -> None:
    assert has_it(header, TAG)


@pytest.mark.parametrize("header", [None, "", '"other"', TAG.strip('"'), TAG[:-2], f'"{TAG[1:-1]}x"'])
def test_a_header_that_names_another_or_none_does_not(header: str | None) -> None:
    assert not has_it(header, TAG)
