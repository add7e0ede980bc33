"""The numbers around a training: dominance, thresholds, temperature, shares and reports."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from model.data.dataset import Photograph
from model.evaluation.calibration import HIGHEST, LOWEST, temperature, thresholds
from model.evaluation.report import Share, report
from model.training.dominance import YIELDING, Dominance
from model.training.pictures import Pictures, balanced

LABELS = ("ambiance", "food", "human")


def pictures(*tags: tuple[str, ...], sources: tuple[str, ...] = ()) -> Pictures:
    names = sources or ("",) * len(tags)
    photos = tuple(Photograph(Path(f"{i}"), labels=each, source=names[i]) for i, each in enumerate(tags))
    targets = torch.tensor([[float(label in each) for label in LABELS] for each in tags])
    return Pictures(torch.zeros(len(tags), 3, 1, 1), targets, photographs=photos, labels=LABELS)


def test_the_tag_that_gives_way_is_taught_less() -> None:
    assert pictures(("human", "food"), ("food",), ()).ranked.tolist() == [
        [0, pytest.approx(YIELDING), 1],
        [0, 1, 0],
        [0, 0, 0],
    ]


def test_in_a_composite_the_label_that_wins_in_the_dataset_wins() -> None:
    photos = pictures(
        ("human", "food"), ("human", "food"), ("food", "human"), ("food", "ambiance")
    ).photographs
    dominance = Dominance(photos, labels=LABELS)
    assert dominance.together(torch.tensor([0.0, 1, 1])).tolist() == [0, pytest.approx(YIELDING), 1]
    assert dominance.together(torch.tensor([1.0, 0, 1])).tolist() == [1, 0, 1]


def test_no_source_and_no_label_drowns_the_others() -> None:
    tags = [("food",)] * 9 + [("human",)] * 2
    weights = pictures(*tags, sources=("bulk",) * 8 + ("site",) + ("a", "b")).weights
    assert weights.mean() == pytest.approx(1)
    assert weights[:9].sum() == pytest.approx(float(weights[9:].sum()))
    assert weights[8] > weights[0]


def test_balanced_groups_have_equal_totals() -> None:
    weights = balanced(torch.ones(5), groups=torch.tensor([0, 0, 0, 0, 1]))
    assert weights.tolist() == pytest.approx([0.625] * 4 + [2.5])


def test_a_threshold_is_as_high_as_the_recall_target_allows() -> None:
    tags = [("food",)] * 100 + [("human",)] * 3
    probabilities = torch.full((103, 3), 0.01)
    probabilities[:100, 1] = torch.tensor([0.25, 0.25, *[0.405] * 98])
    found = thresholds(torch.logit(probabilities), pictures(*tags), temperature=1.0)
    assert found["food"] == 0.4
    assert found["human"] == LOWEST
    assert found["ambiance"] == 0.5


def test_thresholds_stay_below_the_extreme() -> None:
    found = thresholds(torch.full((4, 3), 9.0), pictures(*[("food",)] * 4), temperature=1.0)
    assert found["food"] == HIGHEST


def test_overconfident_logits_get_a_temperature_above_one() -> None:
    torch.manual_seed(0)
    logits = torch.randn(2000, 3)
    data = pictures(*[("food",)] * 2000)
    data.targets.copy_(torch.bernoulli(torch.sigmoid(logits)))
    assert temperature(logits * 2, data) == pytest.approx(2.0, abs=0.25)


def test_wilson_intervals_are_those_of_the_book() -> None:
    low, high = Share(8, of=10).interval
    assert (round(low, 3), round(high, 3)) == (0.490, 0.943)
    assert Share(10, of=10).interval[1] == 1.0
    assert Share(0, of=0).interval == (0.0, 1.0)


def test_the_report_counts_top_labels_tags_mixed_and_negatives() -> None:
    data = pictures(("food",), ("human", "food"), ("ambiance",), ())
    probabilities = torch.tensor([[0.1, 0.9, 0.1], [0.1, 0.7, 0.8], [0.2, 0.6, 0.1], [0.6, 0.1, 0.1]])
    found = report(probabilities, data, thresholds=dict.fromkeys(LABELS, 0.5))
    assert found.top_accuracy == Share(2, of=3)
    assert found.confusion == ((0, 1, 0), (0, 1, 0), (0, 0, 1))
    assert found.recall["ambiance"] == Share(0, of=1)
    assert found.precision["food"] == Share(1, of=2)
    assert found.tag_recall["food"] == Share(2, of=2)
    assert found.tag_precision["food"] == Share(2, of=3)
    assert found.mixed_all_found == Share(1, of=1)
    assert found.negatives_acted_on == Share(1, of=1)
