"""The growth benchmark: what grows is named with its figures, noise is not; the page takes what it writes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from benchmarks.growth import part
from benchmarks.growth_cases import again, cases
from benchmarks.growth_verdicts import Row, suspected, verdicts
from benchmarks.suite import page, parts
from tests.unit.bench_builders import results

SMALL = Row("backlog", "sqlite", 1_000, 700, 100.0, 4.0, 1.0, 0.5, None, worker_mb=140.0, grown_mb=1.0)
LARGE = replace(SMALL, size=1_000_000, stages_ms={"fetch": 12.5})


def test_what_stays_is_no_growth() -> None:
    assert verdicts([SMALL, LARGE]) == ["no figure grows"]
    assert verdicts([SMALL, replace(LARGE, s3_ms=0.75, worker_mb=160.0)]) == ["no figure grows"]


def test_what_grows_is_named_with_its_figures() -> None:
    assert verdicts([SMALL, replace(LARGE, worker_ms=6.0, worker_mb=300.0)]) == [
        "worker_ms grows with backlog (sqlite), 1,000 to 1,000,000: 4 to 6 ms",
        "worker_mb grows with backlog (sqlite), 1,000 to 1,000,000: 140 to 300 MB",
    ]


def test_each_store_is_held_against_itself() -> None:
    mongo = replace(SMALL, varied="documents", store="mongo", store_ms=1.0)
    sqlite = replace(mongo, store="sqlite", store_ms=None, worker_ms=9.0)
    assert verdicts([mongo, sqlite]) == ["no figure grows"]


def test_what_seems_to_grow_is_measured_again_and_the_least_counts() -> None:
    few = replace(SMALL, varied="documents")
    many = replace(few, size=9_000, worker_ms=6.0)
    wanted = list(cases([1_000], [1_000, 5_000, 9_000], [1_000], [1]))
    assert suspected([few, many]) == [("documents", "sqlite")]
    assert [(case.varied, case.size) for case in again(wanted, [few, many])] == [
        ("documents", 9_000),
        ("documents", 1_000),
    ]
    assert verdicts([few, many, replace(many, worker_ms=4.2)]) == ["no figure grows"]


def test_of_a_backlog_nothing_smaller_is_left_to_be_measured_again() -> None:
    wanted = list(cases([1_000, 1_000_000], [1_000], [1_000], [1]))
    assert again(wanted, [SMALL, replace(LARGE, worker_ms=6.0)]) == []


def test_backlogs_come_last_and_grow_so_that_none_is_in_another_s_way() -> None:
    made = list(cases([1_000, 9_000], [1_000], [1_000], [1, 2]))
    assert [case.size for case in made[-2:]] == [1_000, 9_000]
    assert {case.backlog for case in made[:-2]} == {3_000}


def test_the_page_takes_what_the_growth_benchmark_writes(tmp_path: Path) -> None:
    file = tmp_path / "out" / "growth.json"
    part([SMALL, LARGE]).show(as_json=True, file=file)
    text = page.text(results(parts={"growth": [parts.read(file)]}))
    assert "### Growth with backlog and store\n\n`make bench-growth`: uploads that wait" in text
    assert "| backlog | sqlite | 1,000,000 | 700 | 100.0 | 4 | 1 | 0.5 | 140.0 | 1 | 12.5 |" in text
    assert "- no figure grows" in text
