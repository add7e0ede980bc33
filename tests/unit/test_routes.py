"""The routes file: what it may say, and what is said of one that is wrong."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model import routes
from schemas import topics
from schemas.errors import ConfigurationError
from schemas.tags import UNCERTAIN, RouteRule

LABELS = ("food", "menu")
MENU = '[[routes]]\nlabel = "menu"\ntopic = "photos.moderation.v1"\n'


def file(folder: Path, text: str) -> Path:
    path = folder / "routes.toml"
    path.write_text(text, encoding="utf-8")
    return path


def refusal(folder: Path, text: str, labels: Sequence[str] | None = None) -> str:
    """What is said of the file behind its name."""
    path = file(folder, text)
    with pytest.raises(ConfigurationError) as refused:
        routes.load(path, labels=labels)
    assert "\n" not in str(refused.value)
    return str(refused.value).removeprefix(str(path))


def test_a_rule_is_a_label_and_a_topic_and_what_it_may_say_besides(tmp_path: Path) -> None:
    text = f"""{MENU}
[[routes]]
label = "food"              # a collection of our own
topic = "photos.drinks-and-food.v1"
threshold = 1
hysteresis = 0.25
"""
    assert routes.load(file(tmp_path, text), labels=LABELS) == (
        RouteRule(label="menu", topic=topics.MODERATION),
        RouteRule(label="food", topic="photos.drinks-and-food.v1", threshold=1.0, hysteresis=0.25),
    )


def test_a_label_may_go_to_two_topics_and_doubt_anywhere(tmp_path: Path) -> None:
    text = f'{MENU}[[routes]]\nlabel = "menu"\ntopic = "photos.menus.v2"\n'
    text += f'[[routes]]\nlabel = "{UNCERTAIN}"\ntopic = "photos.doubt.v1"\n'
    assert len(routes.load(file(tmp_path, text), labels=LABELS)) == 3


def test_no_rules_at_all_is_said_outright(tmp_path: Path) -> None:
    assert routes.load(file(tmp_path, "routes = []"), labels=LABELS) == ()


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("threshold = 1.5", "threshold: 1.5: a probability is wanted"),
        ("threshold = nan", "threshold: nan: a probability is wanted"),
        ('threshold = "0.8"', "threshold: '0.8': a probability is wanted: from 0 to 1, without quotes"),
        ("threshold = true", "threshold: True: a probability is wanted"),
        ("hysteresis = -0.1", "hysteresis: -0.1: a difference of probabilities is wanted"),
        ("treshold = 0.5", "treshold: a rule has no such field; did you mean threshold?"),
        ("zzz = 0.5", "zzz: a rule has no such field; there are label, topic, threshold, hysteresis"),
    ],
)
def test_a_wrong_field_is_named_with_its_line_and_what_is_wanted(
    tmp_path: Path, line: str, said: str
) -> None:
    text = f'# ours\n\n{MENU}\n[[routes]]\nlabel = "food"\ntopic = "photos.food.v1"\n{line}\n'
    assert refusal(tmp_path, text).startswith(f", line 10: {said}")


@pytest.mark.parametrize(
    "topic", ["indoor", "photos.indoor", "photos.Indoor.v1", "photos..v1", f"photos.{300 * 'x'}.v1"]
)
def test_what_is_no_name_of_a_topic_is_refused_with_an_example(tmp_path: Path, topic: str) -> None:
    said = refusal(tmp_path, f'[[routes]]\nlabel = "menu"\ntopic = "{topic}"\n')
    assert said.startswith(", line 3: topic: ")
    assert "photos.indoor.v1" in said


@pytest.mark.parametrize("topic", [topics.TAGGED, topics.UPLOADED, topics.LATEST, topics.REDRIVEN])
def test_a_topic_that_carries_something_else_is_refused(tmp_path: Path, topic: str) -> None:
    said = refusal(tmp_path, f'[[routes]]\nlabel = "menu"\ntopic = "{topic}"\n')
    assert said.startswith(f", line 3: topic: {topic} carries something else")


def test_a_field_that_is_missing_is_named_with_the_line_of_its_rule(tmp_path: Path) -> None:
    said = refusal(tmp_path, f'{MENU}[[routes]]\nlabel = "food"\n')
    assert said.startswith(", line 4: topic: it is missing")


def test_where_rules_are_written_in_one_line_their_number_is_said(tmp_path: Path) -> None:
    said = refusal(tmp_path, 'routes = [{label = "menu", topic = "photos.menu.v1"}, {label = "food"}]')
    assert said.startswith(", rule 2: topic: it is missing")
    assert refusal(tmp_path, "routes = [1]").startswith(", rule 1: routes: 1: a rule is wanted")


def test_the_same_rule_twice_is_refused_at_the_second(tmp_path: Path) -> None:
    assert refusal(tmp_path, MENU + MENU).startswith(", line 5: label: an earlier rule sends 'menu'")


def test_a_label_that_the_model_has_not_is_refused_with_the_nearest(tmp_path: Path) -> None:
    text = '[[routes]]\nlabel = "meny"\ntopic = "photos.menu.v1"\n'
    assert refusal(tmp_path, text, LABELS) == (
        ", line 2: label: the model has no label 'meny'; did you mean menu?"
    )
    text = '[[routes]]\nlabel = "terrace"\ntopic = "photos.menu.v1"\n'
    assert refusal(tmp_path, text, LABELS).endswith("'terrace'; there are food, menu, uncertain")


@pytest.mark.parametrize("text", ["", "routes = 3", f"{MENU}\n[other]\n", "[[route]]\n"])
def test_what_is_no_routes_file_is_told_what_one_is(tmp_path: Path, text: str) -> None:
    assert "[[routes]]: label = " in refusal(tmp_path, text)


def test_what_is_not_toml_is_refused_with_its_line(tmp_path: Path) -> None:
    assert "line 2" in refusal(tmp_path, "[[routes]]\nlabel = menu\n")
    (tmp_path / "routes.toml").write_bytes(b"\xff")
    with pytest.raises(ConfigurationError, match="not TOML"):
        routes.load(tmp_path / "routes.toml")


def test_a_file_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"nowhere\.toml: No such file or directory"):
        routes.load(tmp_path / "nowhere.toml")
    with pytest.raises(ConfigurationError, match="Is a directory"):
        routes.load(tmp_path)


share = st.floats(0, 1)
rules = st.builds(
    RouteRule,
    label=st.text(min_size=1),
    topic=st.from_regex(r"photos\.[a-z]{1,9}\.v[1-9]", fullmatch=True),
    threshold=st.none() | share,
    hysteresis=share,
)


@given(st.lists(rules, unique_by=lambda rule: (rule.label, rule.topic)))
def test_what_is_dumped_is_loaded_again_as_it_was(
    tmp_path_factory: pytest.TempPathFactory, given_rules: list[RouteRule]
) -> None:
    path = file(tmp_path_factory.getbasetemp(), routes.dump(given_rules))
    assert routes.load(path) == tuple(given_rules)
