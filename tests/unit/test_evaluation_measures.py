"""What is measured of tags, against loops over photographs that know nothing of tensors or weights."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from math import isnan
from typing import Any

import pytest
import torch

from model.evaluation import measures, weighted_metrics
from model.evaluation.comparison import compare
from model.evaluation.figures import report
from model.evaluation.predictions import Predictions
from model.evaluation.reliability import BINS
from model.evaluation.shares import Share
from tests.unit.prediction_builders import LABELS, drawn, judged

SEEDS = range(4)


def doubtful(seed: int, *, sources: int = 0) -> Predictions:
    """Photographs of one tag and of several, a fifth of them negatives, with maybes here and there."""
    seen = drawn(240, seed=seed, sources=sources)
    generator = torch.Generator().manual_seed(100 + seed)
    chances = torch.rand(240, 4, generator=generator).tolist()
    photographs = []
    for photo, (none, *doubts) in zip(seen.photographs, chances, strict=True):
        tags = () if none < 0.2 else photo.labels
        maybe = tuple(label for label, doubt in zip(LABELS, doubts, strict=True) if doubt < 0.15)
        photographs.append(replace(photo, labels=tuple(t for t in tags if t not in maybe), maybe=maybe))
    scores = seen.probabilities.round(decimals=2)  # so that some are equal
    return replace(seen, photographs=tuple(photographs), probabilities=scores)


def verdicts(seen: Predictions, label: str, *, several: bool = False) -> Iterator[tuple[float, bool]]:
    """Probability and truth of what counts."""
    column = seen.labels.index(label)
    for photo, row in zip(seen.photographs, seen.probabilities.tolist(), strict=True):
        if label not in photo.maybe and (not several or len(photo.labels) > 1):
            yield row[column], label in photo.labels


def precision_at(seen: Predictions, label: str, *, recall: float) -> tuple[float, float]:
    """Of all thresholds that there can be from the highest down the first that finds enough; and it."""
    every = list(verdicts(seen, label))
    true = sum(is_true for _, is_true in every)
    for threshold in sorted({score for score, _ in every}, reverse=True):
        tagged = [is_true for score, is_true in every if score >= threshold]
        if sum(tagged) / true >= recall:
            return sum(tagged) / len(tagged), threshold
    raise AssertionError


def calibration_error(pairs: list[tuple[float, bool]]) -> float:
    """The mean gap of 15 bins of equal width."""
    bins: list[list[tuple[float, bool]]] = [[] for _ in range(BINS)]
    for score, is_true in pairs:
        bins[min(BINS - 1, int(score * BINS))].append((score, is_true))
    gaps = (
        len(each)
        * abs(sum(score for score, _ in each) / len(each) - sum(is_true for _, is_true in each) / len(each))
        for each in bins
        if each
    )
    return sum(gaps) / len(pairs)


@pytest.mark.parametrize("seed", SEEDS)
def test_precision_and_recall_of_a_tag_count_every_verdict_but_the_maybes(seed: int) -> None:
    seen = doubtful(seed)
    found = report(seen, resamples=20)
    for label in LABELS:
        every = list(verdicts(seen, label))
        tagged = [is_true for score, is_true in every if score >= 0.5]
        assert found.tag_precision[label] == Share(sum(tagged), of=len(tagged))
        assert found.tag_recall[label] == Share(sum(tagged), of=sum(is_true for _, is_true in every))


@pytest.mark.parametrize("seed", SEEDS)
def test_precision_at_recall_is_that_of_the_first_threshold_that_finds_enough(seed: int) -> None:
    seen = doubtful(seed)
    found = report(seen, resamples=20)
    for label in LABELS:
        precision, threshold = precision_at(seen, label, recall=measures.RECALL)
        figure = found.precision_at_recall[label]
        assert figure.value == pytest.approx(precision)
        assert found.thresholds_at_recall[label] == pytest.approx(threshold)
        assert figure.of == found.tag_recall[label].of
        assert figure.interval[0] <= figure.value <= figure.interval[1]


def test_97_of_100_are_a_recall_of_97_percent() -> None:
    rows = [[0.9, 0.9, 0.1]] * 97 + [[0.9, 0.5, 0.1]] * 3 + [[0.9, 0.7, 0.1]] * 10
    seen = judged(rows, [("food",)] * 100 + [()] * 10)
    found = report(seen, resamples=20)
    assert found.precision_at_recall["food"].value == 1.0
    assert found.thresholds_at_recall["food"] == 0.9


def test_precision_at_recall_has_nothing_to_do_with_the_version_s_thresholds() -> None:
    seen = doubtful(1)
    strict = replace(seen, thresholds=dict.fromkeys(LABELS, 0.99), refusal=0.9)
    assert report(seen, resamples=20).precision_at_recall == report(strict, resamples=20).precision_at_recall


@pytest.mark.parametrize("seed", SEEDS)
def test_the_calibration_error_of_a_label_is_over_all_verdicts_and_over_those_of_several_tags(
    seed: int,
) -> None:
    seen = doubtful(seed)
    found = report(seen, resamples=20)
    for label in LABELS:
        every = list(verdicts(seen, label))
        mixed = list(verdicts(seen, label, several=True))
        assert found.ece_label[label].value == pytest.approx(calibration_error(every))
        assert found.ece_label_mixed[label].value == pytest.approx(calibration_error(mixed))
        assert (found.ece_label[label].of, found.ece_label_mixed[label].of) == (len(every), len(mixed))


@pytest.mark.parametrize("seed", SEEDS)
def test_several_and_none_are_photographs_with_two_tags_and_photographs_without_any_or_a_maybe(
    seed: int,
) -> None:
    seen = doubtful(seed)
    found = report(seen, resamples=20)
    all_found, several, acted_on, none = 0, 0, 0, 0
    for photo, row in zip(seen.photographs, seen.probabilities.tolist(), strict=True):
        tags = {label for label, score in zip(LABELS, row, strict=True) if score >= 0.5}
        several += len(photo.labels) > 1
        all_found += len(photo.labels) > 1 and tags >= set(photo.labels)
        none += not photo.labels and not photo.maybe
        acted_on += not photo.labels and not photo.maybe and bool(tags)
    assert found.mixed_all_found == Share(all_found, of=several)
    assert found.negatives_acted_on == Share(acted_on, of=none)


def test_a_source_that_is_drawn_twice_counts_as_if_its_photographs_were_there_twice() -> None:
    seen = doubtful(2, sources=6)
    drawn_twice = [i for i, photo in enumerate(seen.photographs) if photo.source in {"site 1", "site 4"}]
    left_out = {i for i, photo in enumerate(seen.photographs) if photo.source == "site 2"}
    places = [i for i in range(len(seen)) if i not in left_out] + drawn_twice
    weights = torch.zeros(1, len(seen), dtype=torch.float64)
    for place in places:
        weights[0, place] += 1
    there = seen.select(torch.tensor(places))
    ones = torch.ones(1, len(there), dtype=torch.float64)
    for of in (measures.overall, measures.of_labels):
        weighted, repeated = of(seen), of(there)
        for name, statistic in weighted.items():
            if name != "coverage_90":  # who is most confident is not drawn anew
                assert statistic(weights).tolist() == [pytest.approx(repeated[name](ones)[0].tolist())], name


def test_intervals_over_sources_hold_their_figures_and_are_no_points() -> None:
    found = report(doubtful(3, sources=12))
    for column in (found.precision_at_recall, found.ece_label, found.ece_label_mixed, found.f1):
        for figure in column.values():
            assert figure.interval[0] <= figure.value <= figure.interval[1]
            assert figure.interval[0] < figure.interval[1]
    for share in (*found.tag_recall.values(), found.mixed_all_found, found.negatives_acted_on):
        assert share.resampled is not None
        assert share.resampled[0] <= share.value <= share.resampled[1]


def test_what_there_is_nothing_of_is_null_in_json() -> None:
    seen = judged([[0.1, 0.9, 0.2], [0.2, 0.8, 0.1]], [("food",), ("food",)], maybe=[(), ("human",)])
    document: Any = report(seen, resamples=20).as_json()
    for name in ("tag_recall", "f1", "precision_at_recall", "average_precision", "recall"):
        assert document[name]["human"]["value"] is None, name
        assert document[name]["food"]["value"] == 1.0, name
    assert document["tag_precision"]["human"]["value"] is None
    assert document["precision_at_recall"]["human"]["threshold"] is None
    assert document["precision_at_recall"]["food"] | {"interval": 0} == {
        "value": 1.0,
        "of": 2,
        "interval": 0,
        "recall": 0.97,
        "threshold": 0.8,
    }
    assert document["mixed_all_found"]["value"] is None
    assert document["negatives_acted_on"]["value"] is None
    assert document["ece_label_mixed"]["food"]["value"] is None
    assert document["ece_label"]["human"]["of"] == 1
    assert json.dumps(document, allow_nan=False)


def test_a_label_of_which_every_verdict_is_a_maybe_has_no_figure() -> None:
    seen = judged([[0.1, 0.9, 0.2], [0.2, 0.8, 0.1]], [("food",), ("food",)], maybe=[("human",)] * 2)
    found = report(seen, resamples=20)
    for column in (found.ece_label, found.average_precision, found.precision_at_recall):
        assert isnan(column["human"].value)


def test_one_tag_too_many_is_no_question_of_a_version_that_has_one_tag() -> None:
    seen = judged([[0.9], [0.1]], [("menu",), ("food",)], labels=("menu",), task="binary")
    found = report(seen, resamples=20)
    assert found.singles_with_extra.of == found.mixed_all_found.of == 0


def test_a_comparison_has_every_figure_of_the_report_and_its_difference() -> None:
    one, other = doubtful(0, sources=9), doubtful(0, sources=9)
    other = replace(other, probabilities=other.probabilities.sqrt())
    found, a, b = compare(one, other, resamples=50), report(one, resamples=50), report(other, resamples=50)
    for name, each in found.figures.items():
        ours, theirs = getattr(a, name).value, getattr(b, name).value
        assert [each.a, each.b] == pytest.approx([ours, theirs]), name
    for label, differences in found.per_label.items():
        for field, column in (
            ("precision", "tag_precision"),
            ("recall", "tag_recall"),
            ("f1", "f1"),
            ("precision_at_recall", "precision_at_recall"),
            ("average_precision", "average_precision"),
            ("ece", "ece_label"),
            ("ece_mixed", "ece_label_mixed"),
            ("main_precision", "precision"),
            ("main_recall", "recall"),
        ):
            each = getattr(differences, field)
            expected = [getattr(of, column)[label].value for of in (a, b)]
            assert [each.a, each.b] == pytest.approx(expected), field
            assert each.interval[0] <= each.value <= each.interval[1], field


def test_a_statistic_of_a_resample_without_the_label_has_no_value() -> None:
    seen = judged([[0.1, 0.9, 0.2], [0.2, 0.1, 0.9]], [("food",), ("human",)])
    statistic = weighted_metrics.precision_at_recall(
        seen.probabilities, seen.targets, seen.counted, recall=0.97
    )
    first, second, third = statistic(torch.tensor([[2.0, 0.0]], dtype=torch.float64))[0].tolist()
    assert isnan(first)
    assert second == 1.0
    assert isnan(third)
