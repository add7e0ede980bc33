"""Ids that other programs derive too: these values must never change."""

import re

from hypothesis import given
from hypothesis import strategies as st

from schemas.identity import event_id, image_id

TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\n"), min_size=1)


def test_an_image_id_is_what_the_documentation_says() -> None:
    assert image_id("photos", "r1/a.jpg") == "img_7jlyk4gkujzgtzdfdl7jlks2t6"


def test_an_event_id_is_what_it_always_was() -> None:
    assert event_id("img_1", "tagged") == "4713bcfd-ba66-5bb1-aaaf-31ea123bc8f8"


@given(bucket=TEXT, key=TEXT)
def test_an_image_id_can_stand_in_a_topic_a_path_and_a_url(bucket: str, key: str) -> None:
    assert re.fullmatch(r"img_[a-z2-7]{26}", image_id(bucket, key))


@given(one=st.tuples(TEXT, TEXT), other=st.tuples(TEXT, TEXT))
def test_two_objects_share_no_image_id(one: tuple[str, str], other: tuple[str, str]) -> None:
    assert (image_id(*one) == image_id(*other)) == (one == other)


@given(one=st.lists(TEXT, min_size=1), other=st.lists(TEXT, min_size=1))
def test_two_facts_share_no_event_id(one: list[str], other: list[str]) -> None:
    assert (event_id(*one) == event_id(*other)) == (one == other)


def test_the_case_of_a_key_matters() -> None:
    assert image_id("photos", "A.jpg") != image_id("photos", "a.jpg")
