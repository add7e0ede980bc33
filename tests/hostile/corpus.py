"""Every hostile file, by name."""

from __future__ import annotations

from functools import cache
from typing import Final

from tests.hostile import bombs, foreign, metadata, modes, pages, storms
from tests.hostile.case import Case

GROUPS: Final = (bombs, storms, modes, metadata, foreign, pages)


@cache
def corpus() -> list[Case]:
    """All cases; no two of one name."""
    found = [case for group in GROUPS for case in group.cases()]
    names = [case.name for case in found]
    assert len(names) == len(set(names)), sorted({name for name in names if names.count(name) > 1})
    return found
