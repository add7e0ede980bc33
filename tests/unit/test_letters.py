"""Letters by cause, the ones that are meant, and their bytes for people."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from operations import dead_letters
from operations.dead_letters import LetterSelection
from schemas import topics
from schemas.errors import ConfigurationError
from schemas.events import Suspicion
from tagstream.render.dead_letters import show_letters
from tests.unit.cli_builders import NOW, letter


def test_letters_are_grouped_by_topic_and_cause_the_most_numerous_first() -> None:
    found = [
        letter(code="gone", offset=0),
        letter(code="undecodable", offset=1),
        letter(code="undecodable", offset=2, is_redriven=True),
        letter(code="gone", topic=topics.PARKING, offset=3),
    ]
    groups = dead_letters.grouped(found)
    assert [(group.topic, group.code, group.count, group.redriven) for group in groups] == [
        (topics.DEAD_LETTERS, "undecodable", 2, 1),
        (topics.DEAD_LETTERS, "gone", 1, 0),
        (topics.PARKING, "gone", 1, 0),
    ]
    assert (groups[0].first, groups[0].last) == (NOW + timedelta(minutes=1), NOW + timedelta(minutes=2))
    assert groups[0].example is found[2]
    assert groups[0].stages == ("fetch",)


def test_of_letters_that_were_held_aside_it_is_told_since_when_their_cause_is_suspected() -> None:
    earlier = NOW - timedelta(minutes=9)
    hops = [{"suspected": Suspicion(cause="gone", since=since)} for since in (NOW, earlier)]
    found = [letter(topic=topics.PARKING, hop=hop, offset=offset) for offset, hop in enumerate(hops)]
    (group,) = dead_letters.grouped([*found, letter(topic=topics.PARKING, offset=9)])
    assert group.suspected_since == earlier
    assert group.document()["suspected_since"] == earlier.isoformat()


def test_a_letter_names_its_cause_its_image_and_its_origin() -> None:
    told = letter(code="gone", offset=5, origin=17)
    assert (told.code, told.image_id, told.origin) == ("gone", "img_a", (topics.UPLOADED, 3, 17))
    document = told.document()
    assert document["origin"] == {"topic": topics.UPLOADED, "partition": 3, "offset": 17}
    assert (document["partition"], document["offset"]) == (0, 5)


@pytest.mark.parametrize(
    ("selection", "chosen"),
    [
        (LetterSelection(), [0, 1, 2]),
        (LetterSelection(cause="gone"), [0, 2]),
        (LetterSelection(image_id="img_b"), [1]),
        (LetterSelection(places=frozenset({(0, 2), (0, 1), (1, 0)})), [1, 2]),
        (LetterSelection(since=NOW + timedelta(minutes=1)), [1, 2]),
        (LetterSelection(cause="gone", since=NOW + timedelta(minutes=1)), [2]),
        (LetterSelection(cause="too_large"), []),
    ],
)
def test_a_selection_holds_those_of_which_all_is_true(selection: LetterSelection, chosen: list[int]) -> None:
    found = [
        letter(code="gone", offset=0),
        letter(code="undecodable", image_id="img_b", offset=1),
        letter(code="gone", offset=2),
    ]
    assert [each.place[2] for each in found if selection.holds(each)] == chosen
    assert selection.is_everything == (selection == LetterSelection())


def test_a_place_is_a_partition_and_an_offset() -> None:
    assert dead_letters.place("2:17") == (2, 17)


@pytest.mark.parametrize("given", ["2", "2:", ":17", "2:-1", "a:b", "2:17:1", "\u0662:1"])
def test_what_is_no_place_is_refused(given: str) -> None:
    with pytest.raises(ConfigurationError, match="PARTITION:OFFSET"):
        dead_letters.place(given)


def test_text_is_shown_as_text_and_other_bytes_in_hexadecimal() -> None:
    assert dead_letters.dump(b'{"a": "caf\xc3\xa9"}\n') == '{"a": "caf\u00e9"}\n'
    assert dead_letters.dump(b"\xff\xd8JFIF") == "00000000  " + "ff d8 4a 46 49 46".ljust(47) + "  ..JFIF"
    assert dead_letters.dump(b"\x1b[2J").startswith("00000000  1b 5b")  # no terminal is told what to do


def test_a_long_value_is_cut_and_says_so() -> None:
    assert dead_letters.dump(b"x" * 5000).endswith("x\n... and 904 bytes more")


@given(st.binary(max_size=100))
def test_any_bytes_can_be_shown(raw: bytes) -> None:
    shown = dead_letters.dump(raw)
    assert all(character.isprintable() or character in "\r\n\t" for character in shown)


def test_letters_of_a_topic_are_those_whose_message_came_on_it() -> None:
    selection = LetterSelection(topic=topics.UPLOADED)
    assert selection.holds(letter(topic=topics.PARKING))
    assert not LetterSelection(topic=topics.DECISIONS).holds(letter())
    assert not selection.is_everything


def test_letters_of_a_cause_are_shown_one_by_one_the_newest_last(capsys: pytest.CaptureFixture[str]) -> None:
    letters = [letter(code="gone", offset=number, image_id=f"img_{number}") for number in range(5)]
    show_letters(letters, limit=2, as_json=False)
    head, *told = capsys.readouterr().out.splitlines()
    assert head == "3 earlier letters: --limit N shows more"
    assert [line.split()[2:5] for line in told] == [["gone", "0:3", "img_3"], ["gone", "0:4", "img_4"]]
    show_letters(letters, limit=2, as_json=True)
    documents = map(json.loads, capsys.readouterr().out.splitlines())
    assert [each["image_id"] for each in documents] == ["img_3", "img_4"]
    show_letters([], limit=2, hint="; did you mean gone?", as_json=False)
    assert capsys.readouterr().out == "No such letters; did you mean gone?\n"
