"""Shares and their two intervals; figures that may not be defined."""

from __future__ import annotations

from math import nan

from hypothesis import given
from hypothesis import strategies as st

from model.evaluation.shares import Figure, Share, holding


def test_wilson_intervals_are_those_of_the_book() -> None:
    low, high = Share(8, of=10).interval
    assert (round(low, 3), round(high, 3)) == (0.490, 0.943)
    assert Share(10, of=10).interval[1] == 1.0
    assert Share(0, of=0).interval == (0.0, 1.0)


@given(st.integers(1, 400).flatmap(lambda of: st.tuples(st.integers(0, of), st.just(of))))
def test_wilson_intervals_are_those_of_another_implementation(counts: tuple[int, int]) -> None:
    from scipy import stats  # type: ignore[import-untyped]  # noqa: PLC0415 - it takes a second

    hits, of = counts
    known = stats.binomtest(hits, of).proportion_ci(0.95, method="wilson")
    low, high = Share(hits, of=of).interval
    assert abs(low - known.low) < 1e-4
    assert abs(high - known.high) < 1e-4
    assert low <= hits / of <= high


def test_a_share_says_its_interval_over_sources_where_it_has_one() -> None:
    assert "bootstrap" not in Share(8, of=10).as_json()
    assert Share(8, of=10, resampled=(0.61234, 0.9)).as_json()["bootstrap"] == [0.6123, 0.9]
    assert Share(8, of=10, resampled=(0.6, 0.9)) == Share(8, of=10)
    assert str(Share(8, of=10, resampled=(0.6, 0.9))).endswith("; 60.0% to 90.0% over sources")
    assert Share(8, of=10, resampled=(0.6, 0.9)).shown_interval == (0.6, 0.9)
    assert Share(10, of=10, resampled=(1.0, 1.0)).shown_interval == Share(10, of=10).interval
    assert "over sources" not in str(Share(8, of=10))


def test_a_figure_that_is_not_defined_is_null_and_a_dash() -> None:
    document = Figure(nan, of=0, interval=(nan, nan)).as_json()
    assert document == {"value": None, "of": 0, "interval": [None, None]}
    assert str(Figure(nan, of=0, interval=(nan, nan))) == "-"


def test_no_interval_leaves_out_its_own_value() -> None:
    assert holding((0.4, 0.6), 0.7) == (0.4, 0.7)
    assert holding((0.4, 0.6), 0.3) == (0.3, 0.6)
    assert holding((0.4, 0.6), 0.5) == (0.4, 0.6)


def test_a_share_of_no_photographs_is_a_dash() -> None:
    assert str(Share(0, of=0)) == "-"
    assert str(Share(0, of=1)).startswith("0.0% (0/1")
