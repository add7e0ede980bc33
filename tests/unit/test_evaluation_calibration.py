"""Temperatures, and thresholds for a stated recall or precision."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from model.evaluation.calibration import decide, logits_of, probabilities, temperature
from model.evaluation.predictions import Predictions
from model.evaluation.refusing import REFUSED
from model.evaluation.threshold_targets import (
    DEFAULT,
    HIGHEST,
    LOWEST,
    Fixed,
    HighestF1,
    Precision,
    Recall,
)
from model.evaluation.thresholds import choose
from model.manifest import Task
from schemas.errors import ConfigurationError
from tests.unit.prediction_builders import drawn, judged


def column(*scores: float) -> Tensor:
    return torch.tensor(scores, dtype=torch.float64)


def test_a_threshold_is_as_high_as_the_recall_target_allows() -> None:
    scores = column(0.25, 0.25, *[0.405] * 98, 0.9)
    truth = torch.tensor([True] * 100 + [False])
    choice = choose(scores, truth, target=DEFAULT)
    assert (choice.threshold, choice.reached, choice.of) == (0.4, 0.98, 100)


def test_by_itself_a_threshold_stays_below_the_extreme_and_asked_for_it_does_not() -> None:
    scores, truth = column(0.99, 0.98, 0.97), torch.tensor([True, True, True])
    assert choose(scores, truth, target=DEFAULT).threshold == HIGHEST
    assert choose(scores, truth, target=Recall(1.0)).threshold == 0.97


def test_a_recall_that_its_bounds_do_not_allow_is_said_to_be_missed() -> None:
    scores, truth = column(0.1, 0.15, 0.9), torch.tensor([True, True, True])
    choice = choose(scores, truth, target=DEFAULT)
    assert choice.threshold == LOWEST
    assert choice.missed("menu", DEFAULT).startswith(
        "menu: no threshold from 0.20 to 0.50 has a recall of 98.0%"
    )
    assert choose(scores, truth, target=Recall(1.0)).threshold == 0.1


def test_a_threshold_is_as_low_as_the_precision_target_allows() -> None:
    scores = column(0.9, 0.8, 0.7, 0.6, 0.5, 0.4)
    truth = torch.tensor([True, True, False, True, True, False])
    choice = choose(scores, truth, target=Precision(0.8))
    assert (choice.threshold, choice.reached) == (0.41, 0.8)
    assert choose(scores, truth, target=Precision(1.0)).threshold == 0.71


def test_a_precision_that_no_threshold_has_gets_the_best_there_is() -> None:
    scores, truth = column(0.9, 0.8, 0.3), torch.tensor([False, True, True])
    choice = choose(scores, truth, target=Precision(0.95))
    assert choice.reached == pytest.approx(2 / 3)
    assert choice.threshold <= 0.3
    assert "precision of 95.0%; at" in choice.missed("human", Precision(0.95))


@given(
    st.lists(st.tuples(st.integers(0, 1000), st.booleans()), min_size=1, max_size=60),
    st.sampled_from([0.5, 0.8, 0.95, 1.0]),
)
def test_no_higher_threshold_has_the_recall_and_the_chosen_one_has(
    pairs: list[tuple[int, bool]], share: float
) -> None:
    scores = column(*(score / 1000 for score, _ in pairs))
    truth = torch.tensor([true for _, true in pairs])
    choice = choose(scores, truth, target=Recall(share))
    if not truth.any() or choice.reached < share:
        return
    kept = [int((scores[truth] >= at).sum()) for at in (choice.threshold, choice.threshold + 0.01)]
    assert kept[0] >= share * int(truth.sum()) - 1e-6
    assert kept[1] < share * int(truth.sum()) or choice.threshold == 0.99


def test_a_threshold_of_the_highest_f1_is_in_the_middle_of_those_that_have_it() -> None:
    scores = column(0.9, 0.8, 0.6, 0.7, 0.3, 0.2)
    truth = torch.tensor([True, True, True, False, False, False])
    choice = choose(scores, truth, target=HighestF1())
    assert choice.reached == pytest.approx(6 / 7)
    assert choice.threshold == 0.46  # of 0.31 to 0.60


@given(st.lists(st.tuples(st.integers(0, 1000), st.booleans()), min_size=1, max_size=60))
def test_no_threshold_has_a_higher_f1_than_the_one_that_is_chosen_for_it(
    pairs: list[tuple[int, bool]],
) -> None:
    scores = column(*(score / 1000 for score, _ in pairs))
    truth = torch.tensor([true for _, true in pairs])
    choice = choose(scores, truth, target=HighestF1())
    if not truth.any():
        return

    def f1(at: float) -> float:
        tagged = scores >= at
        return 2 * int((tagged & truth).sum()) / (int(tagged.sum()) + int(truth.sum()))

    assert f1(choice.threshold) == pytest.approx(choice.reached)
    assert max(f1(step / 100) for step in range(1, 100)) <= choice.reached + 1e-9


def test_a_maybe_and_a_picture_of_nothing_weigh_in_the_highest_f1_as_they_should() -> None:
    rows = [[0.8, 0.01, 0.01]] * 4 + [[0.6, 0.01, 0.01]] * 3
    sure = judged(rows, [("ambiance",)] * 4 + [()] * 3)
    doubtful = judged(rows, [("ambiance",)] * 4 + [()] * 3, maybe=[()] * 4 + [("ambiance",)] * 3)
    wish = {"ambiance": HighestF1()}
    chosen = [
        decide(logits_of(each, temperature=1.0), each, targets=wish, refusal=0.0) for each in (sure, doubtful)
    ]
    assert [each.chosen_for["ambiance"] for each in chosen] == [{"f1": 1.0, "reached": 1.0}] * 2
    assert chosen[0].thresholds["ambiance"] > chosen[1].thresholds["ambiance"]
    assert "ambiance" not in "".join(chosen[0].missed)


def test_the_negatives_count_for_a_precision() -> None:
    rows = [[0.9, 0.1, 0.1], [0.8, 0.1, 0.1]]
    both = judged(rows, [("ambiance",), ()])
    logits = logits_of(both, temperature=1.0)
    decision = decide(logits, both, targets={"ambiance": Precision(1.0)}, refusal=0.0)
    right, negative = probabilities(logits, temperature=decision.temperature, task="multi_label")[
        :, 0
    ].tolist()
    assert negative < decision.thresholds["ambiance"] <= right


def test_a_decision_keeps_what_each_threshold_was_chosen_for_and_what_it_reached() -> None:
    many = drawn(300)
    logits = logits_of(many, temperature=1.0)
    decision = decide(logits, many, targets={"food": Recall(0.9), "human": Precision(0.999)})
    assert decision.chosen_for["food"]["recall"] == 0.9
    assert decision.chosen_for["food"]["reached"] >= 0.9
    assert decision.chosen_for["human"]["precision"] == 0.999
    assert decision.chosen_for["ambiance"]["recall"] == DEFAULT.share
    seen = probabilities(logits, temperature=decision.temperature, task="multi_label")[:, 1]
    found = (seen >= decision.thresholds["food"])[many.targets[:, 1]].double().mean()
    assert float(found) == pytest.approx(decision.chosen_for["food"]["reached"], abs=1e-4)


def test_a_label_without_photographs_keeps_a_half_and_is_said() -> None:
    some = judged([[0.9, 0.1, 0.2], [0.2, 0.7, 0.3]], [("ambiance",), ("food",)])
    decision = decide(logits_of(some, temperature=1.0), some, targets=Recall(0.9))
    assert decision.thresholds["human"] == 0.5
    assert "human" not in decision.chosen_for
    assert decision.missed == ("human: there is no photograph of it, its threshold is 0.50",)


def test_of_a_single_label_task_a_label_that_is_not_the_highest_cannot_be_found() -> None:
    rows = [[0.1, 0.8, 0.1], [0.5, 0.4, 0.1], [0.1, 0.7, 0.2]]
    some = judged(rows, [("food",)] * 3, task="single_label")
    logits = logits_of(some, temperature=1.0)
    decision = decide(logits, some, task="single_label", targets=Recall(0.9))
    assert decision.chosen_for["food"]["reached"] == pytest.approx(2 / 3, abs=1e-4)
    assert decision.missed[1].startswith("food: no threshold")


@pytest.mark.parametrize("target", [Recall(0.0), Recall(1.2), Precision(98)])
def test_a_share_that_cannot_be_is_refused(target: Recall | Precision) -> None:
    many = drawn(10)
    with pytest.raises(ConfigurationError, match="cannot be"):
        decide(many.probabilities, many, targets=target)


def test_a_target_of_a_label_that_is_not_there_is_refused() -> None:
    many = drawn(10)
    with pytest.raises(ConfigurationError, match="no label 'pets'"):
        decide(many.probabilities, many, targets={"pets": Recall(0.9)})


def test_overconfident_logits_get_a_temperature_above_one() -> None:
    torch.manual_seed(0)
    logits = torch.randn(2000, 3)
    true = torch.bernoulli(torch.sigmoid(logits)) > 0
    labels = ("ambiance", "food", "human")
    tags = [
        tuple(label for label, is_true in zip(labels, row, strict=True) if is_true) for row in true.tolist()
    ]
    known = judged(torch.sigmoid(logits).tolist(), tags)
    assert temperature(logits * 2, known) == pytest.approx(2.0, abs=0.25)


def test_overconfident_softmaxes_get_a_temperature_above_one() -> None:
    torch.manual_seed(0)
    logits = torch.randn(2000, 3)
    mains = torch.distributions.Categorical(logits=logits).sample()
    labels = ("ambiance", "food", "human")
    known = judged(logits.softmax(1).tolist(), [(labels[i],) for i in mains.tolist()], task="single_label")
    assert temperature(logits * 2, known, task="single_label") == pytest.approx(2.0, abs=0.25)


def test_the_logits_of_what_was_judged_make_its_probabilities_again() -> None:
    for task in ("multi_label", "single_label"):
        many = drawn(50)
        rows = many.probabilities if task == "multi_label" else many.probabilities.softmax(1)
        seen = judged(rows.tolist(), [photo.labels for photo in many.photographs], task=task)
        again = probabilities(logits_of(seen, temperature=1.7), temperature=1.7, task=task)
        assert torch.allclose(again, seen.probabilities, atol=1e-6)


def seen(known: list[float], nothing: list[float], *, task: Task = "multi_label") -> Predictions:
    """Photographs of one tag with these probabilities, and pictures of nothing with those."""
    rows = [[score, 0.01, 0.01] for score in (*known, *nothing)]
    return judged(rows, [("ambiance",)] * len(known) + [()] * len(nothing), task=task)


def refusal(truth: Predictions) -> tuple[float, list[float]]:
    """What is chosen, and the probabilities that it is held against."""
    logits = logits_of(truth, temperature=1.0)
    decision = decide(logits, truth, task=truth.task)
    scores = probabilities(logits, temperature=decision.temperature, task=truth.task)
    return decision.refusal, scores.amax(1).tolist()


def test_the_refusal_is_the_lowest_that_leaves_pictures_of_nothing_without_tags() -> None:
    found, (known, nothing) = refusal(seen([0.7], [0.6]))
    assert nothing < found <= nothing + 0.01 < known


def test_no_more_labelled_photographs_are_refused_than_may_be() -> None:
    known = [i / 200 for i in range(100, 200)]
    # To refuse all of that is nothing would cost most of the others; two of a hundred are too many already.
    found, scores = refusal(seen(known, [0.502, 0.95]))
    assert scores[0] < found <= scores[2]
    assert sum(score < found for score in scores[:100]) <= REFUSED * 100


def test_without_pictures_of_nothing_or_with_one_answer_alone_none_is_refused() -> None:
    assert refusal(seen([0.9] * 50, []))[0] == 0.0
    assert refusal(seen([0.9] * 50, [0.4] * 5, task="single_label"))[0] == 0.0


def some_below(refusals: int) -> Predictions:
    """A hundred photographs, `refusals` of them at 0.4, the others at 0.9; pictures of nothing at 0.45."""
    rows = [[0.9, 0.01, 0.01]] * (100 - refusals) + [[0.4, 0.01, 0.01]] * refusals + [[0.45, 0.01, 0.01]] * 10
    return judged(rows, [("ambiance",)] * 100 + [()] * 10)


def test_a_threshold_by_default_is_chosen_for_what_is_reached_beside_the_refusal() -> None:
    truth = some_below(40)
    logits = logits_of(truth, temperature=1.0)
    refusing = decide(logits, truth, refusal=0.99)
    assert decide(logits, truth, refusal=0.0).chosen_for["ambiance"]["reached"] == 1.0
    assert refusing.chosen_for["ambiance"]["reached"] < 0.9
    assert refusing.missed


def test_a_recall_that_the_given_refusal_makes_impossible_is_an_error_that_says_what_is_left() -> None:
    truth = some_below(40)
    logits = logits_of(truth, temperature=1.0)
    with pytest.raises(ConfigurationError) as refused:
        decide(logits, truth, targets={"ambiance": Recall(0.9)}, refusal=0.6)
    said = str(refused.value)
    assert said.startswith("ambiance: a recall of 90.0% cannot be reached with a refusal of 0.6")
    assert "leaves 60.0% of its 100 photographs" in said
    assert "--recall ambiance=0.6 or a --refusal of" in said
    highest = float(said.removesuffix(" at most").rpartition(" ")[2])
    mended = decide(logits, truth, targets={"ambiance": Recall(0.9)}, refusal=highest)
    assert mended.chosen_for["ambiance"]["reached"] >= 0.9
    eased = decide(logits, truth, targets={"ambiance": Recall(0.6)}, refusal=0.6)
    assert eased.chosen_for["ambiance"]["reached"] == 0.6


def test_a_refusal_that_is_chosen_leaves_every_recall_that_was_asked_for_within_reach() -> None:
    truth = some_below(1)
    logits = logits_of(truth, temperature=1.0)
    alone = decide(logits, truth)
    beside = decide(logits, truth, targets={"ambiance": Recall(1.0)})
    assert beside.refusal < alone.refusal
    assert beside.chosen_for["ambiance"]["reached"] == 1.0
    assert alone.chosen_for["ambiance"]["reached"] == 0.99


def test_a_refusal_that_would_press_a_threshold_down_to_what_is_not_true_is_lower() -> None:
    rows = [
        *[[0.01, 0.01, 0.9]] * 50,
        [0.01, 0.01, 0.4],  # a refusal of the pictures of nothing costs this one ...
        [0.9, 0.01, 0.3],  # ... so that only by this one is the recall reached,
        *[[0.9, 0.01, 0.32]] * 40,  # before which all of these get the tag
        *[[0.45, 0.01, 0.01]] * 10,
    ]
    tags = [*[("human",)] * 51, ("ambiance", "human"), *[("ambiance",)] * 40, *[()] * 10]
    truth = judged(rows, tags)
    logits = logits_of(truth, temperature=1.0)
    highest = decide(logits, truth, targets={"human": Fixed(0.3)}).refusal
    found = decide(logits, truth, targets={"human": Recall(0.98)})
    assert found.chosen_for["human"]["reached"] >= 0.98
    assert found.refusal < highest
    pressed = decide(logits, truth, targets={"human": Recall(0.98)}, refusal=highest)
    scores = probabilities(logits, temperature=found.temperature, task="multi_label")[:, 2]
    not_true = [int((scores[52:] >= each.thresholds["human"]).sum()) for each in (found, pressed)]
    assert not_true == [0, 40]


def test_a_threshold_that_somebody_sets_is_kept_with_the_recall_that_it_has() -> None:
    truth = some_below(40)
    wish = {"ambiance": Fixed(0.85), "food": Fixed(0.33)}
    decision = decide(truth.probabilities.logit(), truth, targets=wish, refusal=0.0)
    assert (decision.thresholds["ambiance"], decision.thresholds["food"]) == (0.85, 0.33)
    assert decision.chosen_for["ambiance"]["threshold"] == 0.85
    assert decision.chosen_for["ambiance"]["reached"] in {0.6, 1.0}
    assert decision.chosen_for["food"] == {"threshold": 0.33}
    assert [line.partition(":")[0] for line in decision.missed] == ["human"]
