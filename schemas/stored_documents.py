"""Stored documents: read back as what they are, or told by what is wrong where a person has edited one."""

from __future__ import annotations

import json
from typing import Any, Protocol, Self, TypeVar

from pydantic import ValidationError

from schemas.validation import first_fault


class Identified(Protocol):
    """A model of pydantic's that says its own id."""

    @property
    def id(self) -> str:
        """As the store has it, too."""

    @classmethod
    def model_validate(cls, obj: Any) -> Self:  # noqa: ANN401 - pydantic's own signature
        """Raises `ValidationError`."""


Whole = TypeVar("Whole", bound=Identified)


def read(kind: type[Whole], which: str, document: Any) -> Whole | str:  # noqa: ANN401 - whatever is stored
    """The `kind` of the id `which` in `document`, a mapping or JSON; what is wrong with it, if it is none."""
    try:
        if isinstance(document, str | bytes):
            document = json.loads(document)
        whole = kind.model_validate(document)
    except ValidationError as error:
        return first_fault(error)
    except ValueError as error:
        return f"not JSON: {error}"
    return whole if whole.id == which else f"id: it says {whole.id}"
