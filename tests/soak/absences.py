"""False absences: a dependency that a worker says is away although no fault was done to it."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from streams.ports import BROKER, IMAGES, STORE
from tests.soak.faults import Struck

LINGER: Final = 10.0
"""Seconds behind a fault in which it still explains an absence: what was asked meanwhile may take long."""

_EXPLAINS: Final[Mapping[str, frozenset[str]]] = {
    "broker": frozenset({BROKER}),
    "store": frozenset({STORE}),
    "storage": frozenset({IMAGES}),
    # Whoever was frozen finds that all its requests have taken too long.
    "worker frozen": frozenset({BROKER, STORE, IMAGES}),
}
"""Whose absence a fault explains, by how its name begins."""


@dataclass(frozen=True, slots=True)
class Absence:
    """What one worker said of a dependency, at a second of the soak."""

    worker: int
    dependency: str
    at: float
    cause: str


def absences(worker: int, log: Iterable[str], began: datetime) -> Iterator[Absence]:
    """Those that the worker's log has from second 0, which was at `began`."""
    for line in log:
        if '"dependency.away"' not in line:
            continue
        entry = _entry(line)
        at = (datetime.fromisoformat(entry["timestamp"]) - began).total_seconds() if entry else -1.0
        if at >= 0:
            yield Absence(worker, entry["dependency"], at, entry["cause"])


def said(logs: Mapping[int, Path], began: datetime) -> tuple[Absence, ...]:
    """What all workers said of their dependencies, from the soak's beginning on."""
    found: list[Absence] = []
    for worker, log in logs.items():
        with log.open() as lines:
            found += absences(worker, lines, began)
    return tuple(found)


def unexplained(absent: Iterable[Absence], struck: Collection[Struck]) -> tuple[Absence, ...]:
    """Those that no fault explains."""
    return tuple(each for each in absent if not any(_explains(fault, each) for fault in struck))


def _explains(fault: Struck, absence: Absence) -> bool:
    touched = (each for name, each in _EXPLAINS.items() if fault.name.startswith(name))
    is_touched = any(absence.dependency in each for each in touched)
    return is_touched and fault.began <= absence.at <= fault.ended + LINGER


def _entry(line: str) -> dict[str, str]:
    """Nothing of a line that a kill has cut short."""
    try:
        entry: dict[str, str] = json.loads(line)
    except ValueError:
        return {}
    return entry
