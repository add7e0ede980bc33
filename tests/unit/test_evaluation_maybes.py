"""A tag that may be true or not is neither right nor wrong: no figure, threshold or temperature sees it."""

from __future__ import annotations

import pytest
import torch

from model.evaluation import calibration
from model.evaluation.comparison import compare
from model.evaluation.figures import report
from model.evaluation.predictions import Predictions
from model.evaluation.threshold_targets import Recall
from tests.unit.prediction_builders import judged

SURE = [[0.1, 0.9, 0.2], [0.2, 0.1, 0.8], [0.7, 0.3, 0.1], [0.1, 0.2, 0.1]]
TAGS: list[tuple[str, ...]] = [("food",), ("human",), ("ambiance",), ()]


def doubtful(*rows: float, tags: tuple[str, ...], maybe: tuple[str, ...]) -> Predictions:
    """Four photographs without a doubt, and one with."""
    return judged([*SURE, rows], [*TAGS, tags], maybe=[(), (), (), (), maybe])


@pytest.mark.parametrize("said", [0.05, 0.95], ids=["not tagged", "tagged"])
def test_whether_a_maybe_is_tagged_moves_no_figure_of_tags(said: float) -> None:
    found = report(doubtful(0.1, 0.9, said, tags=("food",), maybe=("human",)), resamples=20)
    assert found.tag_precision["human"].of == 1
    assert found.tag_recall["human"].of == 1
    assert found.f1["human"].value == found.average_precision["human"].value == 1.0
    assert found.singles_with_extra.hits == 0
    assert found.f1_samples.value == 1.0
    assert found.tags.error.of == 4 * 3 - 1


def test_a_top_label_that_is_a_maybe_is_neither_right_nor_wrong() -> None:
    found = report(doubtful(0.1, 0.8, 0.95, tags=("food",), maybe=("human",)), resamples=20)
    assert (found.top_accuracy.hits, found.top_accuracy.of) == (3, 3)
    assert sum(map(sum, found.confusion)) == 3


def test_what_may_be_something_is_not_among_those_of_none() -> None:
    seen = doubtful(0.1, 0.9, 0.1, tags=(), maybe=("food",))
    found = report(seen, resamples=20)
    assert found.negatives == found.negatives_acted_on.of == 1
    assert seen.none.tolist() == [False, False, False, True, False]


def test_a_tag_beside_the_maybe_of_a_photograph_of_none_is_a_false_one() -> None:
    found = report(doubtful(0.9, 0.1, 0.1, tags=(), maybe=("food",)), resamples=20)
    assert (found.tag_precision["ambiance"].hits, found.tag_precision["ambiance"].of) == (1, 2)


def test_tags_are_all_right_whatever_is_said_of_the_maybes() -> None:
    for said in (0.05, 0.95):
        seen = doubtful(0.1, 0.9, said, tags=("food",), maybe=("human",))
        assert seen.all_right.tolist() == [True] * 5


def test_versions_that_differ_on_a_maybe_alone_do_not_differ() -> None:
    one, other = (doubtful(0.1, 0.9, said, tags=("food",), maybe=("human",)) for said in (0.05, 0.6))
    found = compare(one, other, resamples=20)
    assert found.per_label["human"].tag.as_json()["only_a"] == 0
    assert found.per_label["human"].precision.value == 0
    assert found.all_tags.only_a == found.all_tags.only_b == 0


def test_thresholds_and_temperature_are_those_without_the_maybe() -> None:
    with_it = doubtful(0.1, 0.9, 0.99, tags=("food",), maybe=("human",))
    without = with_it.select(torch.arange(4))
    rules = []
    for seen in (with_it, without):
        logits = calibration.logits_of(seen, temperature=1.0)
        rules.append(calibration.decide(logits, seen, targets=Recall(1.0)))
    assert rules[0].thresholds["human"] == rules[1].thresholds["human"]
    assert (
        calibration.decide(
            calibration.logits_of(with_it, temperature=1.0), with_it, targets=Recall(1.0)
        ).missed
        == ()
    )


def test_a_photograph_that_may_be_something_is_not_what_refusal_is_for() -> None:
    seen = judged([*SURE[:3], [0.1, 0.95, 0.1]], [*TAGS[:3], ()], maybe=[(), (), (), ("food",)])
    logits = calibration.logits_of(seen, temperature=1.0)
    assert calibration.decide(logits, seen).refusal == 0.0
