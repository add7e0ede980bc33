"""The gate of the packaged model: what its tags find and claim, through the decoder and network that serve.

The photographs are not in the repository. `ACCURACY_DATA` names a folder with labels.csv (path, label, yes,
maybe, source, split) and ood.csv (path, yes, maybe, split: pictures that are none of the labels). The split
`test` is judged, which no training and no threshold has seen; what is a maybe counts neither way.

The bounds are those that the packaged version keeps, with a photograph or two to spare; a version that does
better moves them.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final, NamedTuple

import pytest

from model.checkpoint import PACKAGED
from model.data.dataset import Split, read
from model.evaluation.predict import report_of
from model.evaluation.report import Report
from model.evaluation.shares import Figure, Share
from model.serving.classifier import Classifier

DATA = os.environ.get("ACCURACY_DATA", "")

pytestmark = pytest.mark.skipif(not DATA, reason="ACCURACY_DATA names no folder of labelled photographs")


class TagBounds(NamedTuple):
    """Recall, precision and F1 at least; calibration error at most, of all and of those of several tags."""

    recall: float
    precision: float
    f1: float
    ece: float
    ece_mixed: float


TAGS: Final = {
    #                     recall  precision  f1    ece   ece_mixed
    "ambiance": TagBounds(0.97,   0.97,      0.97, 0.03, 0.09),
    "food":     TagBounds(0.95,   0.93,      0.95, 0.03, 0.09),
    "human":    TagBounds(0.97,   0.95,      0.97, 0.03, 0.09),
    "menu":     TagBounds(0.94,   0.94,      0.94, 0.03, 0.03),
}  # fmt: skip
ALL_FOUND: Final = 0.85
"""At least, of photographs with several tags."""
NONE_TAGGED: Final = 0.06
"""At most, of pictures that are none of the labels."""
MAIN_TAG: Final = 0.96
"""At least, of photographs whose highest label is no maybe: of a person and a plate either may come first."""


@pytest.fixture(scope="module")
def report() -> Report:
    folder = Path(DATA)
    photographs = read(folder / "labels.csv", negatives=folder / "ood.csv").of(Split.TEST)
    return report_of(Classifier.load(PACKAGED), photographs)


def value(figure: Share | Figure) -> float:
    """Of photographs that are there: without any a bound would hold by itself."""
    assert figure.is_defined, figure
    return figure.value


@pytest.mark.parametrize("tag", TAGS)
def test_a_tag_finds_what_it_is_true_of(report: Report, tag: str) -> None:
    assert value(report.tag_recall[tag]) >= TAGS[tag].recall, report.tag_recall[tag]


@pytest.mark.parametrize("tag", TAGS)
def test_a_tag_is_true_of_what_has_it(report: Report, tag: str) -> None:
    assert value(report.tag_precision[tag]) >= TAGS[tag].precision, report.tag_precision[tag]


@pytest.mark.parametrize("tag", TAGS)
def test_a_tag_is_right_by_both_at_once(report: Report, tag: str) -> None:
    assert value(report.f1[tag]) >= TAGS[tag].f1, report.f1[tag]


@pytest.mark.parametrize("tag", TAGS)
def test_the_probability_of_a_tag_is_what_it_says(report: Report, tag: str) -> None:
    assert value(report.ece_label[tag]) <= TAGS[tag].ece, report.ece_label[tag]


@pytest.mark.parametrize("tag", TAGS)
def test_so_it_is_where_there_are_several_tags(report: Report, tag: str) -> None:
    assert value(report.ece_label_mixed[tag]) <= TAGS[tag].ece_mixed, report.ece_label_mixed[tag]


def test_of_several_tags_all_are_found(report: Report) -> None:
    assert value(report.mixed_all_found) >= ALL_FOUND, report.mixed_all_found


def test_what_is_none_of_the_labels_has_no_tag(report: Report) -> None:
    assert value(report.negatives_acted_on) <= NONE_TAGGED, report.negatives_acted_on


def test_the_main_tag_is_right(report: Report) -> None:
    assert value(report.top_accuracy) >= MAIN_TAG, report.top_accuracy


def test_every_tag_has_bounds(report: Report) -> None:
    assert set(TAGS) == set(report.labels)
