"""The rows of `rows.toml`: a break, as a text and what takes its place, and the tests that must see it."""

from __future__ import annotations

import ast
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field

ROOT: Final = Path(__file__).parents[2]
FILE: Final = Path(__file__).with_name("rows.toml")


class Row(BaseModel):
    """One break."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Annotated[str, Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")]
    about: str
    """What it does, for people."""
    file: str
    """The one that is broken, from the root of the repository on."""
    old: str
    """Stands in the file exactly once."""
    new: str
    tests: Annotated[tuple[str, ...], Field(min_length=1)]
    """What pytest is given: `file`, `file::test`, `file::test[case]`. Of each at least one must turn red."""
    slow: bool = False
    """Takes a minute or more; run with `--slow`, or by its name."""

    def broken(self, text: str) -> str:
        """The file's text with the break in it. Raises `ValueError` where it cannot be made."""
        if (count := text.count(self.old)) != 1:
            raise ValueError(f"its old text stands in {self.file} {count} times, not once")
        return text.replace(self.old, self.new)


def read(file: Path = FILE) -> tuple[Row, ...]:
    """Every row, in the order of the file."""
    document = tomllib.loads(file.read_text(encoding="utf-8"))
    return tuple(Row.model_validate(each) for each in document["row"])


def faults(rows: Iterable[Row], root: Path = ROOT) -> Iterator[str]:
    """What is wrong with rows that cannot do what they are for."""
    seen: set[str] = set()
    for row in rows:
        if row.name in seen:
            yield f"{row.name}: another row has this name"
        seen.add(row.name)
        try:
            text = (root / row.file).read_text(encoding="utf-8")
            if row.broken(text) == text:
                yield f"{row.name}: it changes nothing"
            ast.parse(row.broken(text))
        except (OSError, ValueError, SyntaxError) as error:
            yield f"{row.name}: {error}"
        yield from (f"{row.name}: there is no {test}" for test in row.tests if not _is_there(root, test))


def _is_there(root: Path, test: str) -> bool:
    name, _, function = test.partition("::")
    file = root / name
    if not file.is_file():
        return False
    return f"def {function.partition('[')[0]}(" in file.read_text(encoding="utf-8") if function else True
