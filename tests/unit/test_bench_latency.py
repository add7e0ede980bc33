"""The latency and takeover benchmarks: capacity, what is noted, and that the page takes what they write."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks import latency, takeover
from benchmarks.latency import row, sustained
from benchmarks.suite import page, parts
from benchmarks.takeover import Takeover
from operations.stress_ledger import LatencyFigures, StressCounts, StressReport
from tests.unit.bench_builders import results

COUNTS = StressCounts(
    due=600, published=600, unpublished=0, tagged=600, dead_lettered=0, missing=0, deferred=0, redeliveries=2
)
REPORT = StressReport(
    run="r",
    announced_by="storage",
    rate=20.0,
    seconds=30.0,
    counts=COUNTS,
    latency=LatencyFigures(0.2, 0.81234, 1.5, 10.0),
    lateness=LatencyFigures(0.001, 0.002, 0.003, 0.004),
    per_second=None,
    lag_most=7,
    lag_end=0,
)
KILLED = Takeover(rate=5.0, published=225, p50=0.2, takeover=8.9, missing=0, redeliveries=3)


def test_what_is_sustained_counts_the_wait_of_the_last_photograph() -> None:
    assert sustained(REPORT) == pytest.approx(600 / 40)


def test_a_run_without_a_tag_has_no_capacity() -> None:
    nothing = replace(REPORT, latency=LatencyFigures())
    with pytest.raises(RuntimeError, match="nothing was tagged"):
        sustained(nothing)


def test_half_the_load_is_held_against_what_is_aimed_at() -> None:
    half = row("50%", REPORT)
    assert latency.notes([half]) == ["p95 at 50% is 0.812 s: within the 1 s that are aimed at"]
    assert latency.notes([replace(half, p95=1.4)]) == [
        "p95 at 50% is 1.4 s: beyond the 1 s that are aimed at"
    ]
    assert latency.notes([replace(half, load="90%", p95=9.0)]) == []


def test_photographs_without_a_tag_are_noted() -> None:
    lossy = replace(REPORT, counts=replace(COUNTS, missing=2, unpublished=1, dead_lettered=1))
    assert latency.notes([row("90%", lossy)]) == ["at 90% 4 photographs have no tag"]


def test_the_longest_takeover_is_held_against_what_it_may_take() -> None:
    assert takeover.notes([KILLED, replace(KILLED, takeover=13.0, missing=1)]) == [
        "the longest takeover is 13 s: beyond the 12 s that it may take",
        "at 5 a second 1 have no tag",
    ]


def test_the_page_takes_latency_takeover_and_stress_together(tmp_path: Path) -> None:
    files = [tmp_path / name for name in ("latency.json", "takeover.json")]
    latency.part("tagstream", 1, 30.0, 40.0, [row("50%", REPORT)]).show(as_json=False, file=files[0])
    takeover.part("tagstream", [KILLED]).show(as_json=False, file=files[1])
    documents = [*map(parts.read, files), REPORT.document()]
    text = page.text(results(parts={"latency": documents}))
    assert "| load | rate | published | p50 | p95 | p99 | most |" in text
    assert "| 50% | 20.0 | 600 | 0.2 | 0.812 | 1.5 | 10.0 |" in text
    assert "- the longest takeover is 8.9 s: within the 12 s that it may take" in text
    assert "`tagstream stress`, a line a run." in text


def test_the_table_in_the_terminal_says_where_its_json_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "takeover.json"
    takeover.part("tagstream", [KILLED]).show(as_json=False, file=file)
    said = capsys.readouterr().out
    assert "8.9" in said
    assert f"As JSON: {file}\n" in said


def test_a_file_of_anything_else_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "other.json"
    file.write_text('{"rows": []}')
    with pytest.raises(ValueError, match="no JSON of `make bench-growth`"):
        parts.read(file)
