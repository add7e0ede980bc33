"""Passed over: what a search of a folder leaves out, counted by kind: nothing is missing in silence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

LONGEST: Final = 12
"""Characters of an extension; what is longer is no kind of file."""

HIDDEN, LINKED = "hidden", "linked"


@dataclass(slots=True)
class PassedOver:
    """What was left out below one folder that somebody named."""

    folder: Path
    files: Counter[str] = field(default_factory=Counter)
    """By extension, in small letters with its dot; `hidden`, `without extension` and `other` have none."""
    folders: Counter[str] = field(default_factory=Counter)
    """Those that were not entered: `hidden` ones and `linked` ones."""

    def __bool__(self) -> bool:
        return bool(self.files or self.folders)

    def __str__(self) -> str:
        return f"{self.folder}: passed over {'; '.join(self._parts())}"

    def document(self) -> dict[str, Any]:
        """As a line of `--json`."""
        kinds, folders = dict(self.files.most_common()), dict(self.folders)
        passed = {"files": self.files.total(), "kinds": kinds, "folders": folders}
        return {"path": str(self.folder), "passed_over": passed}

    def add_file(self, name: str) -> None:
        """One that is no photograph by its name."""
        self.files[_kind(name)] += 1

    def add_folders(self, where: Path, names: Iterable[str]) -> None:
        """Those below `where` that are not entered, among all that it has."""
        for name in names:
            if name.startswith("."):
                self.folders[HIDDEN] += 1
            elif (where / name).is_symlink():
                self.folders[LINKED] += 1

    def _parts(self) -> list[str]:
        parts = []
        if self.files:
            kinds = ", ".join(f"{count:,} {kind}" for kind, count in self.files.most_common())
            parts.append(f"{_counted(self.files.total(), 'file')}: {kinds}")
        parts += [_counted(count, f"{kind} folder") for kind, count in sorted(self.folders.items())]
        return parts


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def _kind(name: str) -> str:
    if name.startswith("."):
        return HIDDEN
    suffix = Path(name).suffix.lower()
    if not suffix:
        return "without extension"
    return suffix if len(suffix) <= LONGEST and suffix.isprintable() else "other"
