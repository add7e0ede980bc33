"""A report's figures against what is counted by hand, and against torchmetrics."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import torch
from torchmetrics.functional.classification import (
    binary_calibration_error,
    binary_precision_recall_curve,
    multiclass_accuracy,
    multiclass_confusion_matrix,
    multilabel_average_precision,
    multilabel_f1_score,
)
from torchmetrics.functional.retrieval import retrieval_recall

from model.evaluation import weighted_metrics
from model.evaluation.figures import report
from model.evaluation.measures import recall_at
from model.evaluation.outcomes import most_confident
from model.evaluation.predictions import Predictions
from model.evaluation.reliability import BINS
from model.evaluation.shares import Share
from model.evaluation.slices import SMALL
from tests.unit.prediction_builders import LABELS, drawn, judged

FOUR = judged(
    [[0.1, 0.9, 0.1], [0.1, 0.7, 0.8], [0.2, 0.6, 0.1], [0.6, 0.1, 0.1]],
    [("food",), ("human", "food"), ("ambiance",), ()],
)
"""Right; right with both tags; food instead of ambiance; a negative that is tagged."""


def test_a_photograph_that_is_refused_has_no_tags_and_its_probabilities_all_the_same() -> None:
    rows = [[0.79, 0.6, 0.1], [0.81, 0.6, 0.1]]
    both = replace(judged(rows, [("food",), ("food",)]), refusal=0.8)
    assert both.tagged.tolist() == [[False, False, False], [True, True, False]]
    assert both.tops.tolist() == [0, 0]
    assert both.select(torch.tensor([0])).tagged.any().item() is False


def test_the_report_counts_top_labels_tags_mixed_and_negatives() -> None:
    found = report(FOUR)
    assert found.top_accuracy == Share(2, of=3)
    assert found.confusion == ((0, 1, 0), (0, 1, 0), (0, 0, 1))
    assert found.recall["ambiance"] == Share(0, of=1)
    assert found.precision["food"] == Share(1, of=2)
    assert found.tag_recall["food"] == Share(2, of=2)
    assert found.tag_precision["food"] == Share(2, of=3)
    assert found.tag_precision["ambiance"] == Share(0, of=1)
    assert found.mixed_all_found == Share(1, of=1)
    assert found.singles_with_extra == Share(1, of=2)
    assert found.negatives_acted_on == Share(1, of=1)
    assert (found.photographs, found.negatives) == (3, 1)


def test_f1_is_that_of_tags_by_label_and_by_photograph() -> None:
    found = report(FOUR)
    assert {label: figure.value for label, figure in found.f1.items()} == pytest.approx(
        {"ambiance": 0.0, "food": 2 * 2 / (3 + 2), "human": 1.0}
    )
    assert found.f1_samples.value == pytest.approx((1 + 1 + 0) / 3)
    assert found.f1_samples.of == 3


def test_average_precision_is_the_area_under_the_steps() -> None:
    # By falling probability of food: 0.9 true, 0.7 true, 0.6 false, 0.1 false. Of ambiance: 0.6 false,
    # 0.2 true, 0.1 twice false: precision 1/2 where its only photograph is found.
    found = report(FOUR)
    assert found.average_precision["food"].value == pytest.approx(1.0)
    assert found.average_precision["ambiance"].value == pytest.approx(0.5)
    assert found.mean_average_precision.value == pytest.approx((1.0 + 0.5 + 1.0) / 3)


def test_a_label_of_which_there_is_no_photograph_has_no_average_precision() -> None:
    found = report(judged([[0.9, 0.2, 0.1], [0.3, 0.8, 0.2]], [("ambiance",), ("food",)]))
    assert found.as_json()["average_precision"]["human"]["value"] is None  # type: ignore[index, call-overload]
    assert found.mean_average_precision.value == pytest.approx(1.0)
    assert json.loads(json.dumps(found.as_json(), allow_nan=False))


def test_precision_at_one_asks_for_any_true_tag_and_recall_at_k_for_all() -> None:
    both = judged([[0.3, 0.6, 0.5], [0.9, 0.1, 0.2]], [("human", "food"), ("food",)])
    found = report(both)
    assert found.top_accuracy == Share(0, of=2)
    assert found.precision_at_1 == Share(1, of=2)
    assert recall_at(both, 1).tolist() == [0.5, 0.0]
    assert recall_at(both, 2).tolist() == [1.0, 0.0]
    assert found.recall_at_5.value == 1.0


def test_coverage_leaves_out_the_tenth_of_which_it_is_least_sure() -> None:
    rows = [[0.01, 0.99 - 0.01 * i, 0.02] for i in range(9)] + [[0.3, 0.2, 0.1]]
    ten = judged(rows, [("food",)] * 10)
    assert most_confident(ten, 0.9).tolist() == [True] * 9 + [False]
    assert report(ten).top_accuracy == Share(9, of=10)
    assert report(ten).coverage_90 == Share(9, of=9)


def test_the_calibration_error_is_the_mean_gap_of_its_bins() -> None:
    rows = [[0.1, 0.9, 0.1], [0.1, 0.9, 0.1], [0.1, 0.9, 0.1], [0.9, 0.1, 0.1]]
    found = report(judged(rows, [("food",)] * 4))
    # 0.1, eight times: true once (the last one's food). 0.9, four times: true three times.
    low, high = abs(0.1 - 1 / 8), abs(0.9 - 3 / 4)
    assert found.tags.error.value == pytest.approx((8 * low + 4 * high) / 12, abs=1e-6)
    assert found.tops.error.value == pytest.approx(abs(0.9 - 3 / 4), abs=1e-6)
    full = [each for each in found.tags.bins if each.of]
    assert [(each.of, round(each.share, 4)) for each in full] == [(8, 0.125), (4, 0.75)]
    assert len(found.tags.bins) == BINS
    assert found.tags.error.of == 12


def test_a_certain_answer_falls_into_the_last_bin() -> None:
    found = report(judged([[0.0, 1.0, 0.0], [0.0, 1.0, 0.0]], [("food",), ("human",)]))
    assert found.tops.bins[-1].of == 2
    assert found.tops.error.value == pytest.approx(0.5, abs=1e-5)


@pytest.mark.parametrize("seed", range(3))
def test_the_statistics_of_the_bootstrap_are_torchmetrics_own(seed: int) -> None:
    many = drawn(60, seed=seed)
    scores, true = many.probabilities.round(decimals=1), many.targets  # rounded: equal scores are one step
    ours = weighted_metrics.value(weighted_metrics.average_precision(scores, true, many.counted), of=60)
    theirs = multilabel_average_precision(scores, true.int(), num_labels=3, average=None)
    assert ours.tolist() == pytest.approx(theirs.tolist(), abs=1e-6)
    f1 = weighted_metrics.value(weighted_metrics.f1(many.tagged, true), of=60)
    both = many.tagged.int(), true.int()
    assert f1.tolist() == pytest.approx(multilabel_f1_score(*both, num_labels=3, average=None).tolist())
    each = [multilabel_f1_score(both[0][[i]], both[1][[i]], num_labels=3, average="micro") for i in range(60)]
    assert many.f1.tolist() == pytest.approx([float(one) for one in each])
    precision, recall, _ = binary_precision_recall_curve(scores[:, 0], true[:, 0].int())
    found = weighted_metrics.precision_recall(scores[:, 0], true[:, 0], many.counted[:, 0])
    assert [side.tolist() for side in found] == [pytest.approx(side.tolist()) for side in (precision, recall)]


@pytest.mark.parametrize("seed", range(3))
def test_what_is_counted_here_is_what_torchmetrics_counts(seed: int) -> None:
    many = drawn(60, seed=seed)
    found = report(many)
    accuracy = multiclass_accuracy(many.tops, many.mains, num_classes=3, average="micro")
    assert found.top_accuracy.value == pytest.approx(float(accuracy))
    recalls = [
        float(retrieval_recall(scores, true, top_k=2))
        for scores, true in zip(many.probabilities, many.targets, strict=True)
    ]
    assert recall_at(many, 2).tolist() == pytest.approx(recalls)
    confusion = multiclass_confusion_matrix(many.tops, many.mains, num_classes=3)
    assert [list(row) for row in found.confusion] == confusion.tolist()


@pytest.mark.parametrize("seed", range(3))
def test_the_bins_sum_up_to_the_error_that_torchmetrics_finds(seed: int) -> None:
    many = drawn(60, seed=seed)
    tags = report(many).tags
    theirs = binary_calibration_error(many.probabilities.flatten(), many.targets.flatten().int(), n_bins=BINS)
    assert tags.error.value == pytest.approx(float(theirs), abs=1e-5)
    gaps = sum(each.of * abs(each.probability - each.share) for each in tags.bins)
    assert gaps / tags.error.of == pytest.approx(tags.error.value, abs=1e-5)


def test_a_single_label_version_tags_its_highest_label_alone() -> None:
    both = judged([[0.1, 0.5, 0.4], [0.4, 0.35, 0.25]], [("food", "human"), ("human",)], task="single_label")
    assert both.tagged.tolist() == [[False, True, False], [False, False, False]]
    assert both.targets.tolist() == [[False, True, False], [False, False, True]]
    low = judged([[0.1, 0.5, 0.4]], [("food",)], task="single_label", threshold=0.3)
    assert low.tagged.tolist() == [[False, True, False]]
    found = report(both)
    assert found.top_accuracy == Share(1, of=2)
    assert found.mixed_all_found == Share(0, of=0)
    assert found.tag_recall["human"] == Share(0, of=1)


def test_a_binary_version_is_judged_by_what_its_threshold_says() -> None:
    rows = [[0.9], [0.4], [0.2], [0.7], [0.8]]
    tags = [("menu",), ("menu",), ("food",), ("food",), ()]
    found = report(judged(rows, tags, labels=("menu",), task="binary"))
    assert found.classes == ("menu", "not menu")
    assert found.confusion == ((1, 1), (1, 1))
    assert found.top_accuracy == Share(2, of=4)
    assert found.recall["menu"] == Share(1, of=2)
    assert found.tag_precision["menu"] == Share(1, of=3)
    assert found.negatives_acted_on == Share(1, of=1)
    assert found.precision_at_1 == found.top_accuracy


def test_slices_divide_by_source_brightness_and_size_and_say_which_are_too_small() -> None:
    count = SMALL + 2
    many = judged(
        [[0.1, 0.9, 0.1]] * (count - 1) + [[0.9, 0.1, 0.1]],
        [("food",)] * count,
        sources=["a"] * SMALL + ["b", "b"],
        brightness=[0.2] * SMALL + [0.45, 0.9],
        sides=[299] * SMALL + [300, 5000],
    )
    found = report(many).slices
    assert [(each.name, each.top_accuracy, each.too_small) for each in found["source"]] == [
        ("a", Share(SMALL, of=SMALL), False),
        ("b", Share(1, of=2), True),
    ]
    assert [each.name for each in found["brightness"]] == [
        "below 0.30",
        "0.45 to below 0.60",
        "0.60 and above",
    ]
    assert [each.name for each in found["size"]] == [
        "below 300 px",
        "300 px to below 600 px",
        "1200 px and above",
    ]
    assert found["size"][-1].f1_samples == 0.0


def test_without_sources_there_are_no_slices_by_source_and_single_photographs_are_drawn() -> None:
    found = report(FOUR)
    assert found.slices["source"] == ()
    assert found.as_json()["resampled"] == {"by": "photograph", "groups": 4, "resamples": 1000, "seed": 0}
    assert found.top_accuracy.resampled is None


def test_sources_beyond_the_largest_are_one_slice() -> None:
    many = judged(
        [[0.1, 0.9, 0.1]] * 50, [("food",)] * 50, sources=["large", "large", *(f"s{i:02}" for i in range(48))]
    )
    parts = report(many).slices["source"]
    assert parts[0].name == "large"
    assert parts[-1].name == "9 other sources"
    assert sum(part.of for part in parts) == 50


def test_negatives_alone_have_a_report_without_accuracy() -> None:
    found = report(judged([[0.6, 0.1, 0.1], [0.1, 0.1, 0.1]], [(), ()]))
    assert found.negatives_acted_on == Share(1, of=2)
    assert found.top_accuracy == Share(0, of=0)
    assert json.dumps(found.as_json(), allow_nan=False)


def test_the_keys_that_manifests_have_had_are_still_there() -> None:
    share = {"value", "hits", "of", "interval"}
    document = report(FOUR).as_json()
    assert isinstance(document["recall"], dict)
    for value in (document["top_accuracy"], document["mixed_all_found"], document["recall"]["food"]):
        assert isinstance(value, dict)
        assert share <= set(value)
    assert {"precision", "tag_precision", "tag_recall", "negatives_acted_on", "confusion"} <= set(document)


def test_a_selection_is_judged_as_if_there_were_nothing_else() -> None:
    part: Predictions = FOUR.select(torch.tensor([2, 0]))
    assert [photo.path.name for photo in part.photographs] == ["2.jpg", "0.jpg"]
    assert report(part).top_accuracy == Share(1, of=2)
    assert part.labels == LABELS
