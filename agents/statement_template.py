"""Template of the statements of reasons: the operator's own words, with placeholders, from a TOML file.

ground = "Terms for photographs, section 3"      # or the law, with DECISION_GROUND_ILLEGAL_CONTENT
[explanation]
hide = "Photographs of a {label} are shown once a person has looked at them."
[labels.human]                                   # in place of the above, where this label hides
category = "STATEMENT_CATEGORY_DATA_PROTECTION_AND_PRIVACY_VIOLATIONS"

Whatever is not in the file is as it is below. docs/moderation.md has all of it.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from string import Formatter
from typing import Annotated, Final

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from schemas.errors import ConfigurationError
from schemas.settings import Section
from schemas.statements import (
    EEA,
    EU,
    EXPLANATION_LENGTH,
    FACTS_LENGTH,
    GROUND_LENGTH,
    Country,
    DecisionGround,
    Language,
    StatementCategory,
    StatementKind,
)

PLACEHOLDERS: Final = (
    "action",
    "cause",
    "findings",
    "image",
    "label",
    "model",
    "probability",
    "restaurant",
    "rule",
    "state",
    "threshold",
    "time",
    "version",
)


class StatementSettings(Section):
    """What the statements of reasons say."""

    file: Path | None = Field(
        None, description="A template (TOML) of the statements of reasons; general words where absent"
    )


def _fillable(text: str) -> str:
    try:
        fields = [each for each in Formatter().parse(text) if each[1] is not None]
    except ValueError as error:
        raise ValueError(f"{error}; a brace that is no placeholder is written twice") from error
    for _, name, spec, conversion in fields:
        if name not in PLACEHOLDERS or spec or conversion:
            shown = (name or "") + (f"!{conversion}" if conversion else "") + (f":{spec}" if spec else "")
            raise ValueError(f"{{{shown}}} is no placeholder; there are {', '.join(PLACEHOLDERS)}")
    return text


def _european(country: str) -> str:
    if country not in EEA:
        raise ValueError(f"{country!r} is no country of the EEA; there are {', '.join(EEA)}")
    return country


Text = Annotated[str, Field(min_length=1), AfterValidator(_fillable)]


class _Part(BaseModel):
    """A misspelt name must not be a default in silence."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Explanations(_Part):
    """Why the content is against the ground, by the kind of statement."""

    hide: Text = (
        "The photograph seems to show what is filed under {label}."
        " Such photographs are shown once a person has looked at them."
    )
    restore: Text = "Nothing speaks against showing the photograph any more."
    decision: Text = "A moderator has looked at the photograph and decided: {action}."


class Facts(_Part):
    """What the decision relied on, by the kind of statement."""

    hide: Text = (
        "The model {model} {version} scored the photograph: {findings}."
        " It is hidden until a person has verified it."
    )
    restore: Text = "The photograph is visible again: {cause}. The model {model} {version} says: {findings}."
    decision: Text = (
        "A moderator decided: {action}. The photograph is {state}."
        " The model {model} {version} says: {findings}."
    )


class LabelTerms(_Part):
    """What is said in place of the general words where this label is why."""

    ground: Text | None = None
    explanation: Text | None = None
    """Of a hide."""
    category: StatementCategory | None = None


class StatementTemplate(_Part):
    """The operator's words."""

    decision_ground: DecisionGround = DecisionGround.INCOMPATIBLE
    ground: Text = "The terms for photographs on a restaurant's page"
    reference_url: Annotated[str, Field(max_length=GROUND_LENGTH, pattern="^https?://")] | None = None
    category: StatementCategory = StatementCategory.OTHER_VIOLATION_TC
    territorial_scope: tuple[Annotated[Country, AfterValidator(_european)], ...] = Field(EU, min_length=1)
    content_language: Language | None = None
    explanation: Explanations = Explanations()
    facts: Facts = Facts()
    labels: Mapping[str, LabelTerms] = Field(default_factory=dict)

    def category_of(self, label: str) -> StatementCategory:
        """The category where `label` is why."""
        return self._terms(label).category or self.category

    def ground_of(self, label: str, values: Mapping[str, str]) -> str:
        """The ground where `label` is why, filled in."""
        return _filled(self._terms(label).ground or self.ground, values, most=GROUND_LENGTH)

    def explanation_of(self, kind: StatementKind, label: str, values: Mapping[str, str]) -> str:
        """Why the content is against the ground, filled in."""
        own = self._terms(label).explanation if kind is StatementKind.HIDE else None
        text: str = own or getattr(self.explanation, kind)
        return _filled(text, values, most=EXPLANATION_LENGTH)

    def facts_of(self, kind: StatementKind, values: Mapping[str, str]) -> str:
        """What it relies on, filled in."""
        return _filled(getattr(self.facts, kind), values, most=FACTS_LENGTH)

    def _terms(self, label: str) -> LabelTerms:
        return self.labels.get(label, LabelTerms())


def load(path: Path | None) -> StatementTemplate:
    """The template in the file at `path`, or the general words.

    Raises:
        ConfigurationError: it cannot be read, or something in it is wrong: what, and what is wanted.
    """
    if path is None:
        return StatementTemplate()
    try:
        return StatementTemplate.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise ConfigurationError(f"{path}: {error.strerror or error}") from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigurationError(f"{path}: not TOML: {error}") from error
    except ValidationError as error:
        raise ConfigurationError(f"{path}: {_in_words(error)}") from error


def _in_words(error: ValidationError) -> str:
    first = error.errors(include_url=False)[0]
    where = ".".join(map(str, first["loc"]))
    if first["type"] == "extra_forbidden":
        return f"{where}: a template has no such field"
    return f"{where}: {first['msg'].removeprefix('Value error, ')}"


def _filled(text: str, values: Mapping[str, str], *, most: int) -> str:
    filled = text.format_map(values)
    return filled if len(filled) <= most else filled[: most - 1] + "…"
