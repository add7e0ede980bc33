"""The numbers that a training weighs its photographs by."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from model.data.dataset import Photograph
from model.training.objective import SoftTargets, ranked
from model.training.pictures import Pictures, balanced

LABELS = ("ambiance", "food", "human")


def pictures(*tags: tuple[str, ...], sources: tuple[str, ...] = ()) -> Pictures:
    """A tag with a question mark before it is a maybe."""
    names = sources or ("",) * len(tags)
    photos = tuple(
        Photograph(
            Path(f"{i}"),
            labels=tuple(tag for tag in each if tag[0] != "?"),
            source=names[i],
            maybe=tuple(tag[1:] for tag in each if tag[0] == "?"),
        )
        for i, each in enumerate(tags)
    )
    return Pictures(
        torch.zeros(len(tags), 3, 1, 1),
        torch.tensor([[float(label in photo.labels) for label in LABELS] for photo in photos]),
        torch.tensor([[label not in photo.maybe for label in LABELS] for photo in photos]),
        photographs=photos,
        labels=LABELS,
    )


def test_the_tag_that_gives_way_is_taught_less() -> None:
    found = pictures(("human", "food"), ("food",), ())
    soft = ranked(found.targets, mains=found.mains, yielding=0.6)
    assert soft.tolist() == [[0, pytest.approx(0.6), 1], [0, 1, 0], [0, 0, 0]]


def test_in_a_composite_the_label_that_wins_in_the_dataset_wins() -> None:
    photos = pictures(
        ("human", "food"), ("human", "food"), ("food", "human"), ("food", "ambiance")
    ).photographs
    dominance = SoftTargets(photos, labels=LABELS, yielding=0.6)
    assert dominance.together(torch.tensor([0.0, 1, 1])).tolist() == [0, pytest.approx(0.6), 1]
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
