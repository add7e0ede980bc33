"""The operator's template is held against what it may say when a worker starts."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from agents import statement_template
from agents.statement_template import PLACEHOLDERS, StatementTemplate
from schemas.errors import ConfigurationError
from schemas.statements import StatementCategory, StatementKind

WHOLE = """
decision_ground = "DECISION_GROUND_ILLEGAL_CONTENT"
ground = "The law"
reference_url = "https://example.org/terms"
category = "STATEMENT_CATEGORY_DATA_PROTECTION_AND_PRIVACY_VIOLATIONS"
territorial_scope = ["AT", "NO"]
content_language = "DE"
[explanation]
hide = "{label}"
[facts]
restore = "{cause}"
[labels.menu]
ground = "The menu law"
"""


def written(folder: Path, text: str) -> Path:
    file = folder / "statements.toml"
    file.write_text(text, encoding="utf-8")
    return file


def test_without_a_file_the_words_are_general() -> None:
    assert statement_template.load(None) == StatementTemplate()


def test_what_is_not_in_the_file_is_as_it_is_without_one(tmp_path: Path) -> None:
    template = statement_template.load(written(tmp_path, WHOLE))
    assert template.territorial_scope == ("AT", "NO")
    assert template.ground_of("menu", {}) == "The menu law"
    assert template.ground_of("human", {}) == "The law"
    assert template.category_of("menu") is StatementCategory.DATA_PROTECTION
    assert template.facts.hide == StatementTemplate().facts.hide


def test_every_kind_of_statement_has_words_without_a_template() -> None:
    values = dict.fromkeys(PLACEHOLDERS, "x")
    for kind in StatementKind:
        assert StatementTemplate().explanation_of(kind, "menu", values)
        assert StatementTemplate().facts_of(kind, values)


def test_the_template_that_the_documentation_shows_can_be_used_and_names_every_placeholder(
    tmp_path: Path,
) -> None:
    page = (Path(__file__).parents[2] / "docs" / "moderation.md").read_text()
    (shown,) = re.findall(r"```toml statement template\n(.*?)```", page, re.DOTALL)
    assert statement_template.load(written(tmp_path, shown)).content_language == "DE"
    assert [each for each in PLACEHOLDERS if f"`{{{each}}}`" not in page] == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('ground = "{decided_by}"', "ground: {decided_by} is no placeholder; there are action,"),
        ('ground = "{label.__class__}"', "{label.__class__} is no placeholder"),
        ('ground = "{label!r:>9}"', "{label!r:>9} is no placeholder"),
        ('ground = "{}"', "{} is no placeholder"),
        ('ground = "{label"', "a brace that is no placeholder is written twice"),
        ('[facts]\nhide = "{whose}"', "facts.hide: {whose} is no placeholder"),
        ('[labels.menu]\nexplanation = "{whose}"', "labels.menu.explanation: {whose} is no placeholder"),
        ('[explanation]\nhidden = "x"', "explanation.hidden: a template has no such field"),
        ('grounds = "x"', "grounds: a template has no such field"),
        ('ground = ""', "ground: String should have at least 1 character"),
        ('category = "OTHER"', "category: Input should be 'STATEMENT_CATEGORY_"),
        ('territorial_scope = ["US"]', "territorial_scope.0: 'US' is no country of the EEA"),
        ("territorial_scope = []", "territorial_scope"),
        ('content_language = "de"', "content_language"),
        ('reference_url = "terms"', "reference_url"),
        ("ground =", "not TOML"),
    ],
)
def test_what_cannot_be_meant_is_named(tmp_path: Path, text: str, said: str) -> None:
    file = written(tmp_path, text)
    with pytest.raises(ConfigurationError) as refused:
        statement_template.load(file)
    assert str(refused.value).startswith(f"{file}: ")
    assert said in str(refused.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="No such file"):
        statement_template.load(tmp_path / "none.toml")
