"""Base class of the settings' sections, and the marks of their fields.

Whoever works within bounds declares them as a `Section`: names, defaults and meanings stand there and nowhere
else, so whoever is built without an environment has the defaults of a worker. `agents.wiring.settings` puts
the sections together and reads them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict
from pydantic.fields import FieldInfo

T = TypeVar("T")


class Section(BaseModel):
    """A group of settings; frozen, and unknown names are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


@dataclass(frozen=True, slots=True)
class _Advanced:
    """The mark of a setting that hardly anybody turns."""


@dataclass(frozen=True, slots=True)
class _Internal:
    """The mark of a bound that has its place beside the settings, and no name in the environment."""


@dataclass(frozen=True, slots=True)
class DerivedFrom:
    """The mark of a setting that follows another one until it is set itself."""

    rule: str
    """What it is then, in words: `half of TAGSTREAM_WINDOW__CONCURRENCY`."""


Advanced = Annotated[T, _Advanced()]
Internal = Annotated[T, _Internal()]


def is_advanced(field: FieldInfo) -> bool:
    """Whether the field is one that hardly anybody turns."""
    return _marked(field, _Advanced) is not None


def is_internal(field: FieldInfo) -> bool:
    """Whether the field has no name in the environment."""
    return _marked(field, _Internal) is not None


def rule_of(field: FieldInfo) -> str | None:
    """What the field is while it is not set, where it follows another one."""
    mark: DerivedFrom | None = _marked(field, DerivedFrom)
    return mark.rule if mark else None


def _marked(field: FieldInfo, kind: type[Any]) -> Any:  # noqa: ANN401 - the mark, where it has it
    return next((mark for mark in field.metadata if isinstance(mark, kind)), None)
