"""A tag that may be true or not teaches nothing: its part of the loss is none, in every task."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from model.data.photograph import Photograph
from model.training.objective import Objective
from model.training.pictures import Pictures
from model.training.sampling import Sampler
from tests.unit.test_training_draws import pictures
from tests.unit.training_builders import RECIPE

LABELS = ("ambiance", "food", "human")
DOUBTED = pictures(("food",), ("food",), (), maybe=(("human",), (), ("human",)))


def gradient(objective: Objective, data: Pictures) -> torch.Tensor:
    logits = torch.zeros(len(data), len(data.labels), requires_grad=True)
    objective.loss(logits, objective.supervision(data)).backward()
    assert logits.grad is not None
    return logits.grad


def test_a_maybe_has_no_gradient_and_every_other_verdict_the_same() -> None:
    found = gradient(Objective("multi_label"), DOUBTED)
    assert found[0, 2] == found[2, 2] == 0
    assert found[1, 2] != 0
    assert torch.equal(found[0, :2], found[1, :2])


def test_of_one_label_of_several_a_maybe_beside_a_main_one_changes_nothing() -> None:
    found = gradient(Objective("single_label"), DOUBTED)
    assert torch.equal(found[0], found[1])
    assert found[2].tolist() == [0, 0, 0]


def test_of_a_binary_task_a_maybe_teaches_nothing() -> None:
    data = pictures(("food",), ("human",), labels=("human",), maybe=(("human",), ()))
    found = gradient(Objective("binary"), data)
    assert found[0, 0] == 0
    assert found[1, 0] != 0


@pytest.mark.parametrize(
    ("doubt", "counted"), [(("human",), 0.0), (("ambiance",), 1.0)], ids=["may show it", "does not show it"]
)
def test_a_composite_may_show_what_either_photograph_may(doubt: tuple[str, ...], counted: float) -> None:
    data = pictures(("food",), ("ambiance",), maybe=((), tuple(set(doubt) - {"ambiance"})))
    batch = Sampler(data, recipe=replace(RECIPE, augment="photographs", composites=1.0)).draw(0)
    assert set(batch.taught.counted[:, 2].tolist()) == {counted}
    assert set(batch.taught.counted[:, :2].flatten().tolist()) == {1.0}


def test_a_composite_shows_what_one_photograph_shows_and_the_other_may() -> None:
    data = pictures(("food",), ("human",), maybe=(("human",), ()))
    batch = Sampler(data, recipe=replace(RECIPE, augment="photographs", composites=1.0)).draw(0)
    assert batch.taught.counted.min() == 1.0


def test_the_accuracy_of_the_top_label_leaves_out_tops_that_may_be_true() -> None:
    logits = torch.tensor([[0.0, 1.0, 2.0], [0.0, 2.0, 1.0], [0.0, 0.0, 1.0]])
    assert Objective("multi_label").accuracy(logits, DOUBTED) == 1.0


def test_a_photograph_says_whether_it_is_none_beyond_doubt() -> None:
    photos = [Photograph(each.path, each.labels, maybe=each.maybe) for each in DOUBTED.photographs]
    assert [photo.is_none for photo in photos] == [False, False, False]
    assert replace(photos[2], maybe=()).is_none
