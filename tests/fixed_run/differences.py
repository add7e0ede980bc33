"""A field-by-field diff of two JSON documents: path, before, after."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

SHOWN = 20


class _Absent:
    """Where one of the documents has nothing."""

    def __repr__(self) -> str:
        return "(absent)"


ABSENT = _Absent()


@dataclass(frozen=True, slots=True)
class Difference:
    """One place at which two documents say something else."""

    path: str
    before: Any
    after: Any

    def __str__(self) -> str:
        return f"{self.path}\n    before: {_short(self.before)}\n    after:  {_short(self.after)}"


def differences(before: Any, after: Any, *, tolerance: float = 0.0, path: str = "") -> Iterator[Difference]:
    """Where `after` is not `before`; fractions may differ by `tolerance`."""
    match before, after:
        case dict(), dict():
            for name in (*before, *(name for name in after if name not in before)):
                one, other = before.get(name, ABSENT), after.get(name, ABSENT)
                yield from differences(one, other, tolerance=tolerance, path=f"{path}/{name}")
        case list(), list():
            for place, (one, other) in enumerate(zip_longest(before, after, fillvalue=ABSENT)):
                yield from differences(one, other, tolerance=tolerance, path=f"{path}/{place}")
        case float(), float():
            if not math.isclose(before, after, rel_tol=0.0, abs_tol=tolerance):
                yield Difference(path, before, after)
        case _:
            if type(before) is not type(after) or before != after:
                yield Difference(path, before, after)


def report(found: Sequence[Difference]) -> str:
    """The first differences, for whoever has to judge them."""
    left = f"\n... and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
    return f"{len(found)} fields differ\n" + "\n".join(map(str, found[:SHOWN])) + left


def _short(value: Any) -> str:
    text = repr(value) if value is ABSENT else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 300 else f"{text[:300]} ..."
