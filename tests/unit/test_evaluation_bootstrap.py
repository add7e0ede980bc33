"""Intervals by resampling: seeded, by source, and as wide as they must be."""

from __future__ import annotations

from math import isnan, sqrt

import pytest
import torch

from model.evaluation import weighted_metrics
from model.evaluation.bootstrap_intervals import Bootstrap
from model.evaluation.figures import report
from tests.unit.prediction_builders import drawn, judged

EVERYTHING = torch.ones(200, dtype=torch.bool)
HALF = torch.arange(200) % 2 == 0


def test_the_same_seed_gives_the_same_intervals_and_another_one_others() -> None:
    photographs = drawn(200).photographs
    share = weighted_metrics.share(HALF, EVERYTHING)
    first, again = (Bootstrap.of(photographs, seed=3).interval(share) for _ in range(2))
    assert first == again
    assert Bootstrap.of(photographs, seed=4).interval(share) != first


def test_single_photographs_give_the_interval_of_the_binomial() -> None:
    low, high = Bootstrap.of(drawn(200).photographs).interval(weighted_metrics.share(HALF, EVERYTHING))
    half = 1.96 * sqrt(0.25 / 200)
    assert low == pytest.approx(0.5 - half, abs=0.015)
    assert high == pytest.approx(0.5 + half, abs=0.015)


def test_photographs_that_are_alike_within_their_source_widen_the_interval() -> None:
    # Ten sources of twenty, each wholly right or wholly wrong: ten coins, not two hundred.
    sources = [f"{i // 20}" for i in range(200)]
    alike = judged([[0.9, 0.1, 0.1]] * 200, [("ambiance",)] * 200, sources=sources)
    right = torch.tensor([(i // 20) % 2 == 0 for i in range(200)])
    bootstrap = Bootstrap.of(alike.photographs)
    low, high = bootstrap.interval(weighted_metrics.share(right, EVERYTHING))
    assert (bootstrap.by, bootstrap.groups) == ("source", 10)
    assert high - low == pytest.approx(2 * 1.96 * sqrt(0.25 / 10), abs=0.1)


def test_a_photograph_without_a_source_is_a_source_of_its_own() -> None:
    some = judged([[0.9, 0.1, 0.1]] * 4, [("food",)] * 4, sources=["a", "a", "", ""])
    assert Bootstrap.of(some.photographs).groups == 3


def test_one_source_alone_says_nothing_and_photographs_are_drawn() -> None:
    one = judged([[0.9, 0.1, 0.1]] * 4, [("food",)] * 4, sources=["a"] * 4)
    assert Bootstrap.of(one.photographs).by == "photograph"


def test_resamples_in_which_there_is_nothing_to_take_are_left_out() -> None:
    few = drawn(4).photographs
    nobody = torch.zeros(4, dtype=torch.bool)
    low, high = Bootstrap.of(few).interval(weighted_metrics.share(nobody, nobody))
    assert isnan(low)
    assert isnan(high)
    first = torch.tensor([True, False, False, False])
    assert Bootstrap.of(few).interval(weighted_metrics.share(first, first)) == (1.0, 1.0)


def test_every_resample_holds_as_many_photographs_as_there_are() -> None:
    bootstrap = Bootstrap.of(drawn(50).photographs, resamples=20)
    totals = bootstrap.drawn(lambda weights: weights.sum(1))
    assert totals[:, 0].tolist() == [50.0] * 20


def test_what_does_not_fit_at_once_is_drawn_in_parts_and_is_the_same() -> None:
    photographs, share = drawn(200).photographs, weighted_metrics.share(HALF, EVERYTHING)
    whole = Bootstrap.of(photographs, resamples=30)
    parts = Bootstrap(whole.members, whole.by, resamples=30, at_once=7 * 200)
    assert torch.equal(parts.drawn(share), whole.drawn(share))


def test_each_figure_lies_within_its_interval() -> None:
    found = report(drawn(120, sources=12))
    figures = [found.f1_samples, found.mean_average_precision, *found.f1.values()]
    for figure in figures:
        assert figure.interval[0] <= figure.value <= figure.interval[1]
    assert found.top_accuracy.resampled is not None
    assert found.top_accuracy.resampled[0] < found.top_accuracy.value < found.top_accuracy.resampled[1]
