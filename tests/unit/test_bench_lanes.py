"""The simulation of the lanes: nothing is lost, live goes first, and known queues come out as they should."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.lanes import check, day, plot
from benchmarks.lanes.__main__ import BENCH_MACHINE
from benchmarks.lanes.costs import Costs, line
from benchmarks.lanes.days import Asked, days, notes
from benchmarks.lanes.measure import Measured, batches, costs
from benchmarks.lanes.simulation import Death, Outcome, Replay, Simulation, deaths
from benchmarks.lanes.worker import Limits
from operations.capacity_day import hours
from operations.stress_ledger import LatencyFigures
from schemas.records import ScoreRecord
from tests.unit.head_builders import NOW, claim, scoring
from tests.unit.test_audit_trail import record
from tests.unit.test_bench_latency import REPORT

COSTS = Costs(
    hop=0.02, load=0.01, decode=0.002, batch=0.005, image=0.01, tell=0.01, mark=0.005, source="test"
)
ALONE = 0.02 + 0.01 + 0.015 + 0.01
"""Seconds of a photograph that meets nobody."""
ONE_AT_A_TIME = Costs(hop=0, load=0, decode=0, batch=0, image=0.1, tell=0, mark=0, source="test")
SINGLE = Limits(concurrency=1, background=1, batch=1, is_apart=False)


def run(times: list[float], costs: Costs = COSTS, *, workers: int = 1, **more: object) -> Outcome:
    return Simulation(np.array(times), costs, workers=workers, **more).run()  # type: ignore[arg-type]


def waits(outcome: Outcome) -> list[float]:
    return [float(each) for each in outcome.tagged - outcome.uploaded]


def test_a_photograph_that_meets_nobody_takes_the_sum_of_its_stages() -> None:
    assert waits(run([1.0, 2.0])) == pytest.approx([ALONE, ALONE])


def test_an_idle_device_takes_the_first_and_then_all_that_have_come_meanwhile() -> None:
    """Of three at once the first is in line at 0.03; its forward ends at 0.045, the others' at 0.07."""
    assert waits(run([0.0, 0.0, 0.0])) == pytest.approx([0.055, 0.08, 0.08])


def test_more_than_a_batch_waits_for_the_next_one() -> None:
    free = Costs(hop=0, load=0, decode=0, batch=1.0, image=0, tell=0, mark=0, source="test")
    found = run([0.0] * 5, free, limits=Limits(batch=2))
    assert waits(found) == pytest.approx([1.0, 2.0, 2.0, 3.0, 3.0])


@settings(max_examples=150, deadline=None)
@given(
    times=st.lists(st.floats(0, 60), max_size=60),
    workers=st.integers(1, 3),
    replayed=st.integers(0, 80),
    rate=st.none() | st.floats(1, 50),
    is_apart=st.booleans(),
    killed=st.lists(st.tuples(st.floats(0, 60), st.integers(0, 2), st.floats(6, 12)), max_size=4),
)
def test_every_photograph_is_tagged_once_whoever_dies(
    times: list[float],
    workers: int,
    replayed: int,
    rate: float | None,
    *,
    is_apart: bool,
    killed: list[tuple[float, int, float]],
) -> None:
    dying = [Death(at, who % workers, still, back=15.0) for at, who, still in killed]
    found = run(
        sorted(times),
        workers=workers,
        replay=Replay(replayed, start=5.0, rate=rate),
        limits=Limits(is_apart=is_apart),
        deaths=sorted(dying, key=lambda d: d.at),
    )
    assert not np.isnan(found.tagged).any()
    assert all(wait >= ALONE - 1e-9 for wait in waits(found))
    assert found.replayed == replayed
    assert (found.replay_done is None) == (replayed == 0)


@settings(max_examples=100, deadline=None)
@given(times=st.lists(st.floats(0, 10), min_size=1, max_size=60))
def test_live_waits_for_one_photograph_of_the_replay_at_most(times: list[float]) -> None:
    """Over one slot, for the one that is being worked on: any other goes behind whoever waits."""
    alone = run(sorted(times), ONE_AT_A_TIME, limits=SINGLE)
    beside = run(sorted(times), ONE_AT_A_TIME, limits=SINGLE, replay=Replay(1000))
    delays = np.array(waits(beside)) - np.array(waits(alone))
    assert delays.max() <= ONE_AT_A_TIME.image + 1e-6
    assert beside.replayed == 1000


def test_two_versions_share_the_processor_alike() -> None:
    """A batch of the replay takes 0.8 s, and a photograph that comes within it 0.1 s, twice as long."""
    costs = Costs(hop=0, load=0, decode=0, batch=0, image=0.1, tell=0, mark=0, source="test")
    apart = run([0.5], costs, replay=Replay(11), limits=Limits(background=32))
    assert waits(apart) == pytest.approx([0.2])
    assert apart.replay_done == pytest.approx(1.2)
    same = run([0.5], costs, replay=Replay(11), limits=Limits(is_apart=False, background=32))
    assert waits(same) == pytest.approx([0.5])


@settings(max_examples=50, deadline=None)
@given(times=st.lists(st.floats(0, 20), max_size=40), replayed=st.integers(0, 60), is_apart=st.booleans())
def test_the_processor_is_busy_for_as_long_as_its_work_takes(
    times: list[float], replayed: int, *, is_apart: bool
) -> None:
    costs = replace(COSTS, batch=0.0)
    found = run(sorted(times), costs, replay=Replay(replayed), limits=Limits(is_apart=is_apart))
    (busy,) = found.busy
    assert sum(busy.values()) == pytest.approx((len(times) + replayed) * costs.image)


@pytest.mark.parametrize(("share", "seconds"), [(1, 9.0), (2, 9.0), (3, 6.0), (9, 2.0)])
def test_the_replay_takes_no_more_slots_than_its_share(share: int, seconds: float) -> None:
    """The first of nine goes alone; of a share of three one and two take turns then."""
    free = Costs(hop=0, load=0, decode=0, batch=1.0, image=0, tell=0, mark=0, source="test")
    found = run([], free, limits=Limits(background=share), replay=Replay(9))
    assert found.replay_done == pytest.approx(seconds)


def test_beside_live_photographs_the_replay_has_one_slot_and_all_again_two_seconds_after_them() -> None:
    """Alone one goes first, and seven together; beside the photograph of a second they go one by one."""
    free = Costs(hop=0, load=0, decode=0, batch=1.0, image=0, tell=0, mark=0, source="test")
    limits = Limits(background=8, beside=1, is_apart=False)
    alone = run([], free, limits=limits, replay=Replay(8))
    assert alone.replay_done == pytest.approx(2.0)
    beside = run([0.0], free, limits=limits, replay=Replay(8, start=0.1))
    assert waits(beside) == pytest.approx([1.0])
    assert beside.replay_done == pytest.approx(5.0)


def test_the_replay_s_own_batcher_stands_back_for_sixteen_of_its_turns() -> None:
    """Live photographs come for ever: of each ten seconds or so the replay's batches of 0.1 s have few."""
    costs = Costs(hop=0, load=0, decode=0, batch=0, image=0.1, tell=0, mark=0, source="test")
    times = [each * 0.09 for each in range(400)]
    found = run(times, costs, limits=Limits(is_apart=True), replay=Replay(5, start=1.0))
    assert found.replay_done is not None
    assert found.replay_done > 1.0 + 4 * 16 * 0.1


def test_a_replay_keeps_to_its_rate_and_takes_as_long_as_that_says() -> None:
    found = run([], workers=2, replay=Replay(200, start=100.0, rate=4.0))
    assert found.replay_done == pytest.approx(100 + 199 / 4 + ALONE - COSTS.hop)


def test_poisson_arrivals_at_a_single_server_wait_as_the_formula_says() -> None:
    """M/D/1: the mean wait is rho / (2 (1 - rho)) of the service."""
    arrivals = day.poisson([0.5 / ONE_AT_A_TIME.image] * 12, seed=7)
    found = Simulation(arrivals, ONE_AT_A_TIME, workers=1, limits=Limits(10**6, 1, batch=1)).run()
    waited = np.mean(found.tagged - found.uploaded) - ONE_AT_A_TIME.image
    assert waited == pytest.approx(ONE_AT_A_TIME.image * 0.5 / (2 * 0.5), rel=0.03)
    assert found.utilisation(0, 12 * 3600) == pytest.approx(0.5, rel=0.01)


def test_what_comes_while_partitions_stand_still_is_done_when_somebody_has_them() -> None:
    """The worker of two that dies at 10 has every other partition; eight seconds later the other has all."""
    times = [5.0, *(10.5 + each / 100 for each in range(40)), 30.0]
    found = run(times, workers=2, deaths=[Death(10.0, 0, still=8.0, back=60.0)])
    late = [wait for wait in waits(found) if wait > 1]
    assert 0 < len(late) < 40
    assert min(late) > 18.0 - 10.9
    assert max(late) < 18.0 - 10.5 + 1
    assert waits(found)[-1] == pytest.approx(ALONE)


def test_what_a_dead_worker_had_open_is_done_again_and_counted() -> None:
    found = run([10.0], deaths=[Death(10.04, 0, still=6.0, back=20.0)])
    assert found.repeated == 1
    assert waits(found) == pytest.approx([0.04 + 20.0 + ALONE - COSTS.hop])


def test_the_same_seed_gives_the_same_day() -> None:
    first, second = (
        run(day.poisson(hours(2000), 3).tolist(), workers=2, deaths=deaths(2, 2, seconds=86400, seed=3))
        for _ in range(2)
    )
    assert first.tagged.tolist() == second.tagged.tolist()


@pytest.mark.parametrize(
    ("one", "full", "batch", "image"),
    [(0.02, 0.33, 0.01, 0.01), (0.018, 0.8, 0.0, 0.025), (0.1, 0.1, 0.1, 0)],
)
def test_the_cost_of_a_batch_goes_through_both_forwards_or_the_full_one(
    one: float, full: float, batch: float, image: float
) -> None:
    assert line(one, 32, full) == pytest.approx((batch, image))


def test_photographs_of_one_batch_have_one_forward_and_end_together() -> None:
    seen = scoring(claim(1), menu=0.9)
    ended = [(0.018, 0.0), (0.5, 0.0), (0.5, 0.01), (0.018, 9.0), (0.5, 0.02), (0.5, 4.0)]
    history = [
        record(seen).model_copy(
            update={"seconds": {"forward": forward}, "scored_at": NOW + timedelta(seconds=at)}
        )
        for forward, at in ended
    ]
    assert sorted(batches(history)) == [(1, 0.018), (1, 0.018), (1, 0.5), (3, 0.5)]


def test_costs_are_those_of_the_light_run_and_of_full_batches() -> None:
    """Alone a photograph took 60 ms: 36 of them are known, the rest is the way to the window."""
    seen = record(scoring(claim(1), menu=0.9))

    def scores(start: float, forward: float, number: int, *, apart: float) -> list[ScoreRecord]:
        seconds = {"fetch": 0.002, "decode": 0.004, "queued": 0.0, "forward": forward}
        times = (NOW + timedelta(seconds=start + apart * each) for each in range(number))
        return [seen.model_copy(update={"seconds": seconds, "scored_at": at}) for at in times]

    def ran(load: str, start: float, p50: float) -> Measured:
        report = replace(REPORT, latency=LatencyFigures(p50, p50, p50, p50))
        stages = {"store": 0.05, "announce": 0.05, "mark": 0.03}
        return Measured(
            load, report, stages, NOW + timedelta(seconds=start), NOW + timedelta(seconds=start + 100)
        )

    history = [
        *scores(0, 0.02, 10, apart=1),
        *scores(101, 0.4, 16, apart=0.001),
        *scores(110, 0.5, 32, apart=0.001),
        *scores(120, 0.7, 32, apart=0.001),
    ]
    found = costs([ran("light", 0, 0.06), ran("full", 100, 9.0)], history, decoders=2, source="here")
    assert (found.load, found.decode) == pytest.approx((0.006, 0.002))
    assert (found.tell, found.mark) == pytest.approx((0.01, 0.003))
    assert found.hop == pytest.approx(0.06 - 0.006 - 0.02 - 0.01)
    assert (found.forward(1), found.forward(32)) == pytest.approx((0.02, 0.6))


def test_costs_are_read_as_they_were_written_and_nothing_else_is(tmp_path: Path) -> None:
    place = tmp_path / "costs.json"
    place.write_text(COSTS.as_json())
    assert Costs.read(place) == COSTS
    place.write_text('{"hop": 1}')
    with pytest.raises(ValueError, match=r"benchmarks\.lanes\.measure"):
        Costs.read(place)
    assert Costs.read(BENCH_MACHINE).most(32) > 30


def test_a_real_run_stands_beside_what_is_simulated_of_it(tmp_path: Path) -> None:
    place = tmp_path / "measured.json"
    runs = [{"load": load, "rate": 5.0, "p50": 0.1, "p95": 0.2} for load in ("light", "50%")]
    place.write_text(json.dumps({"rows": runs, "seconds": {"light": 5, "50%": 5}}))
    (row,) = check.rows(COSTS, place)
    assert row["p95"] == {"measured": 0.2, "simulated": round(ALONE, 3)}
    place.write_text("{}")
    with pytest.raises(ValueError, match="no run of"):
        list(check.rows(COSTS, place))


def test_a_day_with_a_replay_stands_beside_the_one_without() -> None:
    asked = Asked(
        arrivals=day.poisson(hours(3000), 1),
        costs=COSTS,
        besides=(32, 1),
        batch=8,
        apart=(True, False),
        workers=(1, 2),
        images=40_000,
        start=36_000.0,
        rates=(None,),
        deaths=1,
        seed=1,
    )
    found = list(days(asked))
    rows = [each.row for each in found]
    names = [f"{version}, as fast as it goes" for version in ("another version", "the same version")]
    slots = ("32 slots", "1 slot")
    replays = [f"{name}, {share} beside uploads" for name in names for share in slots]
    assert [(each.workers, each.replay) for each in rows] == [
        (workers, replay) for workers in (1, 2) for replay in ("none", *replays)
    ]
    apart, gentle, fast, narrow = rows[1:5]
    assert fast.p95 > narrow.p95 > narrow.p95_without
    assert apart.p95 > gentle.p95 > gentle.p95_without
    assert len(notes(rows)) == 8
    assert plot.svg(found).count("<polyline") == 10
