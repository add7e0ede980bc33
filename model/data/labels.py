"""Label validation: a label goes into file names, CSV cells, topics and metrics."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Final

from schemas.errors import ConfigurationError
from schemas.tags import UNCERTAIN

LONGEST: Final = 64
"""Characters; longer ones are a sentence that slipped into the wrong column."""

SEPARATOR: Final = ";"
"""Between the labels of one cell."""

DOUBT: Final = "?"
"""Before a label of which reasonable people differ, where a label stands in a line of its own."""

_FORBIDDEN: Final = {
    "/": "a slash, which would be a folder in a folder",
    "\\": "a backslash, which would be a folder in a folder",
    SEPARATOR: "a semicolon, which stands between the labels of a cell",
}


def checked(label: str, *, where: str) -> str:
    """`label` without the blanks around it; raises `ConfigurationError` for a name that cannot be."""
    name = label.strip()
    if wrong := _wrong(name):
        raise ConfigurationError(f"{where}: the label {_shown(name)} {wrong}; rename it")
    return name


def split_cell(cell: str, *, where: str) -> tuple[str, ...]:
    """The labels of a cell, `food;menu`, each once, in order; none where it is empty."""
    parts = (part for part in cell.split(SEPARATOR) if part.strip())
    return tuple(dict.fromkeys(checked(part, where=where) for part in parts))


def parted(lines: Iterable[str], *, where: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What holds, and what may: of `food`, `?menu` the one is food and the other menu.

    Raises `ConfigurationError` for a name that cannot be, and for one that holds and is in doubt.
    """
    named = [line.strip() for line in lines if line.strip()]
    held = dict.fromkeys(checked(line, where=where) for line in named if not line.startswith(DOUBT))
    doubted = dict.fromkeys(
        checked(line.removeprefix(DOUBT), where=where) for line in named if line.startswith(DOUBT)
    )
    return tuple(held), disjoint(held, doubted, where=where)


def disjoint(held: Collection[str], doubted: Iterable[str], *, where: str) -> tuple[str, ...]:
    """`doubted`; raises `ConfigurationError` for a label of them that holds, too."""
    every = tuple(doubted)
    if both := [label for label in every if label in held]:
        raise ConfigurationError(
            f"{where}: {both[0]!r} is said to hold and stands under maybe, too; take one away"
        )
    return every


def _wrong(name: str) -> str:
    if not name:
        return "is empty"
    if name == UNCERTAIN:
        return "is reserved for photographs of which no label is sure"
    if name.startswith("."):
        return "begins with a dot, as hidden files do"
    if len(name) > LONGEST:
        return f"has {len(name)} characters; at most {LONGEST} are taken"
    if not name.isprintable():
        is_text = not any("\ud800" <= sign <= "\udfff" for sign in name)
        return "holds a control character" if is_text else "is not UTF-8"
    return next((f"holds {why}" for sign, why in _FORBIDDEN.items() if sign in name), "")


def _shown(name: str) -> str:
    return repr(name if len(name) <= LONGEST else f"{name[:LONGEST]}...")
