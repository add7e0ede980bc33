"""Base class of the settings' sections, and the marks of their fields.

Whoever works within bounds declares them as a `Section`: names, defaults and meanings stand there and nowhere
else, so whoever is built without an environment has the defaults of a worker. `agents.wiring.settings` puts
the sections together and reads them.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from typing import Annotated, TypeVar

from pydantic import BaseModel, ConfigDict
from pydantic.fields import FieldInfo

T = TypeVar("T")


class Section(BaseModel):
    """A group of settings; frozen, and unknown names are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class _Mark(Enum):
    """What a field is marked as."""

    ADVANCED = auto()
    """A setting that hardly anybody turns."""
    INTERNAL = auto()
    """A bound that has its place beside the settings, and no name in the environment."""


@dataclass(frozen=True, slots=True)
class DerivedFrom:
    """The mark of a setting that follows another one until it is set itself."""

    rule: str
    """What it is then, in words: `half of TAGSTREAM_WINDOW__CONCURRENCY`."""


Advanced = Annotated[T, _Mark.ADVANCED]
Internal = Annotated[T, _Mark.INTERNAL]


def is_advanced(field: FieldInfo) -> bool:
    """Whether the field is one that hardly anybody turns."""
    return _Mark.ADVANCED in field.metadata


def is_internal(field: FieldInfo) -> bool:
    """Whether the field has no name in the environment."""
    return _Mark.INTERNAL in field.metadata


def rule_of(field: FieldInfo) -> str | None:
    """What the field is while it is not set, where it follows another one."""
    return next((mark.rule for mark in field.metadata if isinstance(mark, DerivedFrom)), None)
