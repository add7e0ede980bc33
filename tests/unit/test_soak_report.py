"""What the soak measures and shows."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from html.parser import HTMLParser

import pytest

from tests.soak.absences import Absence
from tests.soak.account import Account, Fault, Finding
from tests.soak.faults import Struck
from tests.soak.plan import Plan
from tests.soak.plots import lag, length, plots, rate
from tests.soak.report import render
from tests.soak.result import Result, Work
from tests.soak.samples import LONG, WARM, Progress, Sample, memories, note_recoveries, slope
from tests.soak.summary import summary

MEBIBYTE = 2**20
STRAY = "<script>alert(1)</script>"


def samples(*, seconds: int = 300, grows: float = 0.0) -> list[Sample]:
    """A look a second at two workers; the second starts late. The broker is away from 50 to 60."""
    return [
        Sample(
            float(at),
            None if 50 <= at < 60 else Progress(published=20 * at, handled=20 * at - (80 if at < 100 else 5)),
            {0: int((100 + grows * at) * MEBIBYTE)}
            | ({1: int((50 + grows * at) * MEBIBYTE)} if at > 100 else {}),
        )
        for at in range(seconds)
    ]


def result(**facts: object) -> Result:
    looks = samples()
    made = Result(
        plan=Plan(),
        began=datetime(2026, 1, 2, tzinfo=UTC),
        traffic_seconds=180.0,
        drain_seconds=2.0,
        account=Account(published={"photos.tagged.v1": 5}, repeated={"photos.tagged.v1": 1}),
        work=Work(10, 1, 2.0, [], {0: 2}),
        struck=[Struck("worker killed", 10, 20, 25), Struck("broker restarted", 50, 60)],
        samples=looks,
        memories=memories(looks, {0: 0.0, 1: 100.0}),
        slope=None,
        unannounced=0,
        refused=0,
    )
    return replace(made, **facts)  # type: ignore[arg-type]


def test_the_growth_is_what_every_worker_has_in_common_whatever_it_began_with() -> None:
    found = slope(samples(grows=0.5), {0: 0.0, 1: 100.0})
    assert found == pytest.approx(0.5 * 3600, rel=1e-3)


def test_the_growth_of_workers_that_lived_too_short_is_not_told() -> None:
    assert slope(samples(seconds=int(WARM + LONG)), {0: 0.0, 1: 100.0}) is None


def test_memory_is_taken_from_when_a_worker_is_warm() -> None:
    (first, second) = memories(samples(grows=1.0), {0: 0.0, 1: 100.0})
    assert (first.first, second.first) == pytest.approx((100 + WARM, 50 + 100 + WARM), abs=0.01)


def test_a_fault_is_over_when_the_backlog_is_what_it_was() -> None:
    struck = [Struck("worker killed", 10, 20), Struck("broker restarted", 50, 60)]
    note_recoveries(struck, samples(), rate=20.0)
    assert [fault.recovery for fault in struck] == [0.0, 0.0]
    note_recoveries(struck, [], rate=20.0)
    assert [fault.recovery for fault in struck] == [None, None]


def test_a_line_breaks_where_the_broker_did_not_answer() -> None:
    (backlog, rates, _) = plots(result())
    assert lag(samples())[55] is None
    assert len(backlog.lines[0].paths) == 2
    assert all(len(line.paths) == 2 for line in rates.lines)


def test_a_rate_is_of_messages_a_second() -> None:
    (point,) = {round(each[1]) for each in rate(samples(seconds=40), lambda seen: seen.published) if each}
    assert point == 20


def test_every_point_is_within_its_plot() -> None:
    assert length(result()) == 299
    for plot in plots(result()):
        for line in plot.lines:
            for pair in " ".join(line.paths).split():
                x, y = map(float, pair.split(","))
                assert 0 <= x <= 1060
                assert 0 <= y <= 190


class Addresses(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [f"{tag} {value}" for name, value in attrs if name in {"src", "href"}]


def test_the_report_needs_no_other_file_and_escapes_what_a_log_may_hold() -> None:
    account = Account(findings=[Finding(Fault.LOST, "img_1", STRAY)])
    page = render(result(account=account, work=Work(1, 0, 1.0, [STRAY], {})))
    reader = Addresses()
    reader.feed(page)
    assert reader.found == []
    assert STRAY not in page
    assert page.count("&lt;script&gt;") == 2


def test_the_closing_line_says_whether_all_is_well() -> None:
    assert result().line().startswith("soak: ok: 0 events in, 0 accounted for, 0 lost, 0 second effects")
    bad = result(account=Account(findings=[Finding(Fault.DOUBLED, "img_1", "twice")]))
    assert bad.line().startswith("soak: FAILED:")
    assert not bad.document()["ok"]
    assert bad.document()["second_effects"] == 1
    assert "img_1: twice" in summary(bad)


def test_an_absence_that_no_fault_explains_fails_the_soak() -> None:
    bad = result(false_absences=(Absence(1, "store", 7.25, "timed out"),))
    assert "1 falsely away" in bad.line()
    assert not bad.document()["ok"]
    assert bad.document()["falsely_away"] == [[1, "store", 7.2, "timed out"]]
    assert "worker 1: timed out" in summary(bad)
    assert "falsely away</dt><dd>1</dd>" in render(bad)
