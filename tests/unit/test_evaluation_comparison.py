"""Two versions on the same photographs: McNemar's test, paired differences, and what cannot be compared."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from model.evaluation.comparison import compare, gap, paired
from model.evaluation.differences import EXACT, Paired
from model.evaluation.pages.mistakes import alone, shown
from schemas.errors import ConfigurationError
from tests.unit.prediction_builders import drawn, judged

TAGS = [("food",), ("human",), ("human", "food"), ()]
A = judged([[0.1, 0.9, 0.1], [0.1, 0.8, 0.6], [0.1, 0.7, 0.8], [0.1, 0.1, 0.1]], TAGS)
B = judged([[0.1, 0.9, 0.1], [0.1, 0.2, 0.9], [0.1, 0.8, 0.7], [0.9, 0.1, 0.1]], TAGS)


def binomtest(hits: int, of: int) -> Any:
    """SciPy's, which takes a second to import."""
    from scipy import stats  # type: ignore[import-untyped]  # noqa: PLC0415

    return stats.binomtest(hits, of)


@given(st.integers(0, 60), st.integers(0, 60))
def test_mcnemar_is_the_exact_binomial(only_a: int, only_b: int) -> None:
    discordant = only_a + only_b
    known = binomtest(only_a, discordant).pvalue if discordant else 1.0
    assert Paired(only_a, only_b, of=500).p == pytest.approx(known)
    assert Paired(only_b, only_a, of=500).p == pytest.approx(known)


def test_mcnemar_by_hand() -> None:
    # Nine discordant photographs, one for A: twice (1 + 9) of 2 ** 9.
    assert Paired(1, 8, of=100).p == pytest.approx(20 / 512)
    assert Paired(0, 0, of=100).p == 1.0


def test_beyond_the_exact_the_chi_square_goes_on_where_the_binomial_ended() -> None:
    above = Paired(460, EXACT - 459, of=5000)
    assert above.p == pytest.approx(binomtest(460, EXACT + 1).pvalue, rel=0.01)


def test_pairs_are_those_of_which_one_alone_is_right() -> None:
    found = compare(A, B)
    assert found.top == Paired(1, 1, of=3)
    assert found.all_tags == Paired(1, 1, of=4)
    assert found.per_label["food"].tag == Paired(0, 1, of=4)
    assert found.top.difference == 0
    assert (found.photographs, found.negatives) == (3, 1)


def test_differences_are_b_less_a() -> None:
    figures = compare(A, B).figures
    assert figures["top_accuracy"].value == pytest.approx(0)
    assert figures["negatives_acted_on"].value == pytest.approx(1)
    assert figures["singles_with_extra"].value == pytest.approx(-1 / 2)
    assert compare(A, B).per_label["food"].precision.value == pytest.approx(1 - 2 / 3)


def test_a_version_against_itself_differs_in_nothing() -> None:
    many = drawn(80, sources=8)
    found = compare(many, many, resamples=100)
    assert (found.top.only_a, found.top.only_b, found.top.p) == (0, 0, 1.0)
    for each in found.figures.values():
        if each.a == each.a:  # defined
            assert (each.value, each.interval) == (0, (0, 0))
            assert not each.is_clear


def test_a_clear_difference_is_clear_and_turned_round_it_is_as_clear() -> None:
    many = drawn(200)
    worse = replace(many, probabilities=many.probabilities.roll(1, dims=1))
    there, back = (compare(*pair, resamples=200) for pair in ((many, worse), (worse, many)))
    difference = there.figures["top_accuracy"]
    assert difference.is_clear
    assert difference.interval[1] < 0
    assert back.figures["top_accuracy"].value == pytest.approx(-difference.value)
    assert there.top.p == back.top.p < 1e-6


def test_photographs_that_one_could_not_read_are_left_out_for_both() -> None:
    found = compare(A, B.select(torch.tensor([2, 0])))
    assert found.photographs == 2
    assert found.top == paired(A.right[[0, 2]], B.right[[0, 2]])


def test_photographs_in_another_order_are_still_the_same() -> None:
    assert A.right[[0, 1]].tolist() == [True, False]
    assert compare(A, A.select(torch.tensor([1, 0]))).top == Paired(0, 0, of=2)


def test_versions_of_other_labels_are_refused_by_name() -> None:
    other = judged([[0.1, 0.9, 0.1]], [("food",)], labels=("ambiance", "food", "pets"))
    with pytest.raises(ConfigurationError, match=r"A alone has \['human'\], B alone \['pets'\]"):
        compare(A, other)


def test_versions_of_other_tasks_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="multi_label, B's is single_label"):
        compare(A, replace(B, task="single_label"))


def test_other_photographs_are_refused() -> None:
    other = judged([[0.1, 0.9, 0.1]], [("ambiance",)])
    with pytest.raises(ConfigurationError, match="different photographs"):
        compare(A, other)


def test_every_slice_is_compared() -> None:
    many = drawn(60, sources=3)
    found = compare(many, replace(many, probabilities=many.probabilities.flip(1)))
    assert set(found.slices["source"]) == {"site 0", "site 1", "site 2"}
    assert sum(part.top.of for part in found.slices["source"].values()) == 60
    document = json.loads(json.dumps(found.as_json(), allow_nan=False))
    assert document["slices"]["source"]["site 0"]["too_small"] is True
    assert document["top"]["p"] == round(found.top.p, 6)


def test_without_negatives_nothing_is_said_of_them() -> None:
    known = torch.tensor([0, 1, 2])
    found = compare(A.select(known), B.select(known))
    assert not found.figures["negatives_acted_on"].is_defined
    document = json.loads(json.dumps(found.as_json(), allow_nan=False))
    assert document["figures"]["negatives_acted_on"]["difference"] is None


def test_a_photograph_is_shown_with_its_faults_and_its_scores() -> None:
    card = shown(1, A)
    assert card.name == "1.jpg"
    assert card.faults == ("food too many", "top is food")
    assert [(score.label, score.tagged, score.true) for score in card.scores[0]] == [
        ("ambiance", False, False),
        ("food", True, False),
        ("human", True, True),
    ]


def test_what_one_alone_tags_right_is_shown_with_the_scores_of_both() -> None:
    (card,) = alone(B, A, order=(A, B))
    assert card.name == "1.jpg"
    assert [round(rows[1].probability, 2) for rows in card.scores] == [0.8, 0.2]
    assert [each.name for each in alone(A, B, order=(A, B))] == ["3.jpg"]


def test_the_gap_is_that_of_two_samples_and_favours_what_was_learned() -> None:
    learned = drawn(200, seed=1)
    better = replace(learned, probabilities=learned.probabilities + 2.0 * learned.targets.double())
    found = gap(drawn(200, seed=2), better)
    assert found["mean_average_precision"].b == pytest.approx(1.0)
    for each in found.values():
        assert not each.is_defined or each.interval[0] <= each.value <= each.interval[1]
    low, high = found["mean_average_precision"].interval
    assert 0 < low < found["mean_average_precision"].value < high
