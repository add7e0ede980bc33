"""The gate of the packaged model: its accuracy on photographs, through the decoder and classifier that serve.

The photographs are not in the repository. `ACCURACY_DATA` names a folder with labels.csv (path, label,
labels, source, split) and ood.csv. Only `val` is looked at: `test` is for the end of a search.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from model.checkpoint import PACKAGED
from model.data.dataset import Split, read
from model.evaluation.predict import report_of
from model.evaluation.report import Report
from model.serving.classifier import Classifier

DATA = os.environ.get("ACCURACY_DATA", "")

pytestmark = pytest.mark.skipif(not DATA, reason="ACCURACY_DATA names no folder of labelled photographs")


@pytest.fixture(scope="module")
def report() -> Report:
    folder = Path(DATA)
    data = read(folder / "labels.csv", negatives=folder / "ood.csv")
    return report_of(Classifier.load(PACKAGED), data.of(Split.VAL))


def test_the_top_label_is_right_in_98_of_100(report: Report) -> None:
    assert report.top_accuracy.value >= 0.98, report.top_accuracy


@pytest.mark.parametrize("label", ["ambiance", "food", "human", "menu"])
def test_every_label_is_found_in_95_of_100(report: Report, label: str) -> None:
    assert report.recall[label].value >= 0.95, report.recall[label]
    assert report.tag_recall[label].value >= 0.95, report.tag_recall[label]


def test_mixed_photographs_get_all_their_tags_in_half_of_the_cases(report: Report) -> None:
    assert report.mixed_all_found.value >= 0.5, report.mixed_all_found


def test_one_single_photograph_of_20_at_most_has_a_tag_too_many(report: Report) -> None:
    assert report.singles_with_extra.value <= 0.05, report.singles_with_extra


def test_of_what_is_none_of_the_labels_a_tenth_at_most_is_tagged(report: Report) -> None:
    assert report.negatives_acted_on.value <= 0.1, report.negatives_acted_on


def test_probabilities_are_off_by_3_points_at_most(report: Report) -> None:
    assert report.tags.error.value <= 0.03, report.tags.error
    assert report.tops.error.value <= 0.03, report.tops.error
