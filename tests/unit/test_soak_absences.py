"""Which absences a soak forgives: those that its own faults explain."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from streams.ports import BROKER, IMAGES, STORE
from tests.soak.absences import LINGER, Absence, absences, unexplained
from tests.soak.faults import Struck

BEGAN = datetime(2026, 1, 2, tzinfo=UTC)


def away(dependency: str, *, at: float) -> Absence:
    return Absence(0, dependency, at, "timed out")


def line(dependency: str, *, at: float, event: str = "dependency.away") -> str:
    moment = (BEGAN + timedelta(seconds=at)).isoformat().replace("+00:00", "Z")
    return json.dumps({"event": event, "dependency": dependency, "cause": "timed out", "timestamp": moment})


def test_what_a_worker_says_from_the_beginning_on_is_read_from_its_log() -> None:
    cut = line(STORE, at=9)[:60]
    log = [line(STORE, at=-1), line(STORE, at=7), line(STORE, at=8, event="dependency.back"), cut]
    assert list(absences(0, log, BEGAN)) == [away(STORE, at=7)]


@pytest.mark.parametrize("at", [10.0, 15.0, 20.0 + LINGER])
@pytest.mark.parametrize(
    ("fault", "dependency"),
    [
        ("store restarted", STORE),
        ("store frozen", STORE),
        ("storage frozen", IMAGES),
        ("broker restarted", BROKER),
        ("worker frozen", STORE),
        ("worker frozen", BROKER),
    ],
)
def test_a_fault_explains_the_absence_of_what_it_was_done_to(fault: str, dependency: str, at: float) -> None:
    assert not unexplained([away(dependency, at=at)], [Struck(fault, 10.0, 20.0)])


@pytest.mark.parametrize(
    ("fault", "dependency", "at"),
    [
        ("store restarted", STORE, 9.0),
        ("store restarted", STORE, 20.5 + LINGER),
        ("storage restarted", STORE, 15.0),
        ("store restarted", IMAGES, 15.0),
        ("worker killed", STORE, 15.0),
        ("worker joins and leaves", BROKER, 15.0),
    ],
)
def test_what_no_fault_explains_is_a_false_absence(fault: str, dependency: str, at: float) -> None:
    said = away(dependency, at=at)
    assert unexplained([said], [Struck(fault, 10.0, 20.0)]) == (said,)
