"""Documents with revisions in a dictionary (compare and swap): as JSON, which a test may edit by hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar

from streams.adapters.revised import Revised

Whole = TypeVar("Whole", bound=Revised)
Spoiled = TypeVar("Spoiled")


class RevisedMemory(Generic[Whole, Spoiled]):
    """Of one kind, by their ids."""

    def __init__(self, kind: type[Whole], parse: Callable[[str, Any], Whole | Spoiled]) -> None:
        self._kind = kind
        self._parse = parse
        self.documents: dict[str, str] = {}
        """As JSON, by id."""

    def create(self, whole: Whole) -> bool:
        """Add it, unless one of its id is there."""
        document = whole.model_dump_json()
        return self.documents.setdefault(whole.id, document) is document

    def replace(self, whole: Whole, *, over: int) -> bool:
        """Compare and swap."""
        stored = self.find(whole.id)
        if not isinstance(stored, self._kind) or stored.revision != over:
            return False
        self.documents[whole.id] = whole.model_dump_json()
        return True

    def find(self, which: str) -> Whole | Spoiled | None:
        """The one of that id."""
        document = self.documents.get(which)
        return None if document is None else self._parse(which, document)

    def every(self) -> tuple[Whole | Spoiled, ...]:
        """All of them, by id."""
        return tuple(self._parse(which, self.documents[which]) for which in sorted(self.documents))
