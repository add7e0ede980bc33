"""Headings: what each figure is called, in the one order in which terminal, page and card show them.

Tags come first, for they are what is acted on; the main tag comes below. A version that has one tag at most
has no photographs of several, and a binary one no main tag either.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from model.evaluation.measures import HIGHEST, RECALL
from model.evaluation.report import Figures, Report, Shares
from model.evaluation.shares import Figure, Share
from model.manifest import Task


@dataclass(frozen=True, slots=True)
class Heading:
    """One figure."""

    key: str
    """The report's name for it."""
    name: str
    meaning: str


TAGS: Final = (
    Heading("tag_precision", "precision", "of the photographs with the tag, those of which it is true"),
    Heading("tag_recall", "recall", "of the photographs of which it is true, those with the tag"),
    Heading("f1", "F1", "of the two"),
    Heading(
        "precision_at_recall",
        f"precision at {RECALL:.0%} recall",
        "where the threshold is the highest that finds so many",
    ),
    Heading("average_precision", "average precision", "over all thresholds"),
    Heading("ece_label", "calibration error", "said against true; lower is better"),
    Heading("ece_label_mixed", "calibration error, several tags", "of photographs of several"),
)
"""Of each tag, all photographs counted, those of none among them."""
WHOLE: Final = (
    Heading("mixed_all_found", "Several tags, all found", "photographs with two tags or more"),
    Heading("negatives_acted_on", "None of the labels, yet tagged", "negatives acted on; lower is better"),
    Heading("singles_with_extra", "One tag, and another one set", "lower is better"),
    Heading(
        "mean_average_precision", "Mean average precision", "over all thresholds, the mean of the labels"
    ),
    Heading("f1_samples", "F1 by photographs", "of each photograph's tags, the mean"),
    Heading("ece", "Calibration error, every label", "said against true, pooled; lower is better"),
)
MAIN: Final = (
    Heading("top_accuracy", "Top label right", "the highest probability is the main label's"),
    Heading("coverage_90", "Top label right, 90 % surest", "the rest left to a person"),
    Heading("precision_at_1", "Precision at 1", "the top label is one of the true tags"),
    Heading("recall_at_5", "Recall at 5", "true tags among the five highest labels"),
    Heading("ece_top", "Calibration error, top label", "lower is better"),
)
MAIN_TAGS: Final = (
    Heading("precision", "precision (main)", "of the photographs whose top label it is"),
    Heading("recall", "recall (main)", "of the photographs whose main label it is"),
)
OF_SEVERAL: Final = frozenset({"ece_label_mixed", "mixed_all_found"})
OF_BINARY: Final = frozenset({"negatives_acted_on"})
"""Of the whole."""


def of_tags(task: Task) -> tuple[Heading, ...]:
    """A figure a tag."""
    return _of(TAGS, task)


def whole(task: Task) -> tuple[Heading, ...]:
    """Of the tags of all photographs."""
    shown = _of(WHOLE, task)
    return tuple(each for each in shown if each.key in OF_BINARY) if task == "binary" else shown


def main(task: Task, *, labels: int) -> tuple[Heading, ...]:
    """Of the main tag; of five labels or fewer the five highest are all of them, and say nothing."""
    shown = () if task == "binary" else MAIN
    return tuple(each for each in shown if labels > HIGHEST or each.key != "recall_at_5")


def all_of(task: Task, *, labels: int) -> tuple[Heading, ...]:
    """Of the whole: of the tags, then of the main tag."""
    return (*whole(task), *main(task, labels=labels))


def main_tags(task: Task) -> tuple[Heading, ...]:
    """Of the main tag, a figure a label."""
    return () if task == "binary" else MAIN_TAGS


def corner(task: Task) -> str:
    """Of the table of what is taken for what."""
    return "is \\ said" if task == "binary" else "main label \\ top label"


def found(report: Report, headings: Sequence[Heading]) -> Iterator[tuple[Heading, Share | Figure]]:
    """The figures of the whole."""
    return ((heading, getattr(report, heading.key)) for heading in headings)


def by_label(report: Report, headings: Sequence[Heading]) -> Iterator[tuple[Heading, Shares | Figures]]:
    """The figures of each label."""
    return ((heading, getattr(report, heading.key)) for heading in headings)


def _of(headings: Sequence[Heading], task: Task) -> tuple[Heading, ...]:
    return tuple(each for each in headings if task == "multi_label" or each.key not in OF_SEVERAL)
