"""What the gate allows and what it refuses, on how many photographs."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from math import isclose
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.evaluation import figures
from model.evaluation.comparison import compare
from model.evaluation.differences import Paired, unpaired
from model.evaluation.predictions import Predictions
from model.evaluation.speed import seconds_an_image
from model.manifest import Manifest, decisive_digest
from model.preprocess import Pixels, Preprocess
from model.registry import floors, gate, gate_row, recorded_figures
from model.registry.floors import FIRST, Floors
from model.registry.gate_row import GateRow, GateVerdict
from model.registry.recorded_figures import Pairs
from model.registry.tolerances import Tolerances
from model.serving.classifier import Classifier
from schemas.errors import ConfigurationError
from tests.unit.prediction_builders import judged

LIMITS = Tolerances()


def share(hits: int, of: int) -> dict[str, Any]:
    return {"value": hits / of, "hits": hits, "of": of}


def report(hits: int, of: int, **more: Any) -> dict[str, Any]:
    """A report in which everything has the same share."""
    found = share(hits, of)
    each = {"food": found, "menu": found}
    return {
        "photographs": of,
        "top_accuracy": found,
        "f1_samples": found,
        "mixed_all_found": found,
        "singles_with_extra": share(of - hits, of),
        "negatives_acted_on": share(of - hits, of),
        "ece": {"value": 0.02, "of": of},
        **dict.fromkeys((*gate.TAGS, *gate.MAIN_TAGS), each),
        **{name: {label: {"value": 0.02, "of": of} for label in each} for name in gate.ERRORS},
        "slices": {"source": {"yelp": {"of": of, "top_accuracy": found, "f1_samples": hits / of}}},
        **more,
    }


def rows(
    champion: dict[str, Any], candidate: dict[str, Any], pairs: Pairs | None = None
) -> dict[str, GateRow]:
    return {row.name: row for row in gate.rows(champion, candidate, LIMITS, pairs=pairs or {})}


def refused(found: Iterable[GateRow]) -> set[str]:
    return {row.name for row in found if row.verdict is GateVerdict.REFUSED}


@given(of=st.integers(1, 5000), share_of_hits=st.floats(0, 1), better=st.floats(0, 1))
def test_what_is_as_good_or_better_is_never_refused(of: int, share_of_hits: float, better: float) -> None:
    hits = int(of * share_of_hits)
    more = hits + int((of - hits) * better)
    assert refused(rows(report(hits, of), report(more, of)).values()) == set()


@given(of=st.integers(1, 5000), before=st.floats(0, 1))
def test_one_photograph_less_is_never_refused(of: int, before: float) -> None:
    hits = int(of * before)
    less = max(0, hits - 1)
    assert refused(rows(report(hits, of), report(less, of)).values()) == set()


@given(of=st.integers(200, 5000), before=st.floats(0.2, 1), lost=st.floats(0, 0.2), more=st.integers(0, 50))
def test_whoever_is_refused_is_refused_still_when_it_is_worse(
    of: int, before: float, lost: float, more: int
) -> None:
    hits = int(of * before)
    some = max(0, hits - int(of * lost))
    worse = max(0, some - more)
    assert refused(rows(report(hits, of), report(some, of)).values()) <= refused(
        rows(report(hits, of), report(worse, of)).values()
    )


def test_every_group_of_figures_can_refuse() -> None:
    found = refused(rows(report(950, 1000), report(700, 1000)).values())
    assert found == {
        "top_accuracy",
        "f1_samples",
        "mixed_all_found",
        "singles_with_extra",
        "negatives_acted_on",
        *(f"{label}: {name}" for label in ("food", "menu") for name in (*gate.TAGS, *gate.MAIN_TAGS)),
        "source yelp: top_accuracy",
        "source yelp: f1_samples",
    }


def test_a_fall_beyond_the_tolerance_is_allowed_while_it_may_be_chance() -> None:
    row = rows(report(970, 1000), report(955, 1000))["top_accuracy"]
    assert (row.champion, row.candidate, row.allowed) == (0.97, 0.955, 0.965)
    assert row.verdict is GateVerdict.PASSED
    assert "may be chance" in row.why


def test_the_same_fall_on_more_photographs_is_no_chance() -> None:
    row = rows(report(9700, 10_000), report(9550, 10_000))["top_accuracy"]
    assert row.verdict is GateVerdict.REFUSED
    assert "hardly by chance" in row.why


def test_the_same_fall_is_no_chance_where_it_is_known_that_nothing_was_gained_by_it() -> None:
    both = report(970, 1000), report(955, 1000)
    assert rows(*both, {"top_accuracy": Paired(15, 0, of=100)})["top_accuracy"].verdict is GateVerdict.REFUSED
    assert rows(*both, {"top_accuracy": Paired(55, 40, of=100)})["top_accuracy"].verdict is GateVerdict.PASSED


def test_a_fall_beyond_the_hard_limit_is_refused_whatever_chance_says() -> None:
    row = rows(report(97, 100), report(94, 100), {"top_accuracy": Paired(10, 7, of=100)})["top_accuracy"]
    assert row.verdict is GateVerdict.REFUSED
    assert "worse by more than 2.0%" in row.why


def test_a_rise_of_what_should_be_low_is_a_fall() -> None:
    row = rows(report(95, 100), report(95, 100, negatives_acted_on=share(30, 100)))["negatives_acted_on"]
    assert (row.champion, row.candidate, row.allowed) == (0.05, 0.3, 0.07)
    assert row.verdict is GateVerdict.REFUSED


def test_a_small_slice_is_not_looked_at() -> None:
    assert "source yelp: top_accuracy" in rows(report(30, 30), report(0, 30))
    assert "source yelp: top_accuracy" not in rows(report(29, 29), report(0, 29))


def test_probabilities_that_are_off_are_refused_by_more_on_fewer_photographs() -> None:
    def ece(of: int, value: float) -> GateVerdict:
        return rows(report(of, of), report(of, of, ece={"value": value, "of": of}))["ece"].verdict

    assert ece(10_000, 0.042) is GateVerdict.PASSED
    assert ece(10_000, 0.05) is GateVerdict.REFUSED
    assert ece(100, 0.06) is GateVerdict.PASSED
    assert ece(100, 0.08) is GateVerdict.REFUSED


@pytest.mark.parametrize("name", ["ece_label", "ece_label_mixed"])
def test_a_label_s_probabilities_that_are_off_are_refused_though_all_together_are_not(name: str) -> None:
    good = {label: {"value": 0.02, "of": 400} for label in ("food", "menu")}
    found = rows(report(400, 400), report(400, 400, **{name: good | {"menu": {"value": 0.06, "of": 400}}}))
    assert found[f"menu: {name}"].verdict is GateVerdict.REFUSED
    assert found[f"food: {name}"].verdict is found["ece"].verdict is GateVerdict.PASSED


def test_figures_of_the_tags_stand_first_and_of_the_main_tag_below() -> None:
    names = list(rows(report(95, 100), report(95, 100)))
    assert names[0] == "food: tag_recall"
    order = [names.index(each) for each in ("menu: f1", "mixed_all_found", "top_accuracy", "food: recall")]
    assert order == sorted(order)


def test_precision_at_a_fixed_recall_may_move_by_more_than_a_figure_of_all_photographs() -> None:
    lower = {"food": share(88, 100), "menu": share(75, 100)}
    found = rows(report(96, 100), report(96, 100, precision_at_recall=lower, tag_precision=lower))
    assert found["food: precision_at_recall"].verdict is GateVerdict.PASSED
    assert found["food: tag_precision"].verdict is GateVerdict.REFUSED
    assert found["menu: precision_at_recall"].verdict is GateVerdict.REFUSED


def test_what_an_older_champion_s_report_does_not_say_is_shown_of_the_candidate() -> None:
    older = report(95, 100)
    del older["ece_label"], older["precision_at_recall"]
    found = rows(older, report(95, 100))
    for name in ("menu: ece_label", "menu: precision_at_recall"):
        assert found[name].verdict is GateVerdict.SHOWN
        assert (found[name].champion, found[name].candidate is None) == (None, False)
        assert "champion's report does not say" in found[name].why


def test_a_label_that_its_report_leaves_out_is_refused() -> None:
    row = rows(report(95, 100), report(95, 100, tag_recall={"food": share(95, 100)}))["menu: tag_recall"]
    assert row.verdict is GateVerdict.REFUSED


@pytest.mark.parametrize("name", ["top_accuracy", "negatives_acted_on", "ece", "recall", "slices"])
def test_a_report_that_does_not_say_what_the_champion_s_says_is_refused(name: str) -> None:
    short = report(95, 100)
    del short[name]
    row = rows(report(95, 100), short)[name]
    assert row.verdict is GateVerdict.REFUSED
    assert "--data" in row.why


NONE_AT_ALL = {"value": None, "hits": 0, "of": 0}


@pytest.mark.parametrize("side", ["champion", "candidate", "both"])
def test_a_figure_of_no_photographs_is_shown_and_held_against_nobody(side: str) -> None:
    without = report(
        95,
        100,
        negatives_acted_on=NONE_AT_ALL,
        tag_precision={"food": NONE_AT_ALL, "menu": share(95, 100)},
        ece_label_mixed={"food": {"value": None, "of": 0}, "menu": {"value": 0.02, "of": 5}},
    )
    whole = report(95, 100)
    found = rows(whole if side == "candidate" else without, whole if side == "champion" else without)
    for name in ("negatives_acted_on", "food: tag_precision", "food: ece_label_mixed"):
        assert found[name].verdict is GateVerdict.SHOWN
        assert (found[name].champion is None) is (side != "candidate")
        assert (found[name].candidate is None) is (side != "champion")
        assert found[name].why == "there is no photograph to judge it by"
    assert refused(found.values()) == set()


def test_a_share_of_no_photographs_that_an_older_report_calls_0_is_shown() -> None:
    older = {"value": 0.0, "hits": 0, "of": 0}
    row = rows(report(95, 100), report(95, 100, mixed_all_found=older))["mixed_all_found"]
    assert (row.verdict, row.candidate) == (GateVerdict.SHOWN, None)


def first(candidate: dict[str, Any], wanted: Floors = FIRST) -> dict[str, GateRow]:
    return {row.name: row for row in floors.rows(wanted, candidate)}


def test_the_floors_of_a_first_champion_are_of_every_tag_of_nothing_tagged_and_of_the_main_tag() -> None:
    assert set(first(report(95, 100))) == {
        "food: tag_recall, at least",
        "menu: tag_recall, at least",
        "food: tag_precision, at least",
        "menu: tag_precision, at least",
        "negatives_acted_on, at most",
        "top_accuracy, at least",
    }
    assert refused(first(report(95, 100)).values()) == set()


def test_one_tag_below_its_floor_refuses_alone() -> None:
    found = first(report(95, 100, tag_recall={"food": share(95, 100), "menu": share(79, 100)}))
    assert refused(found.values()) == {"menu: tag_recall, at least"}
    row = found["menu: tag_recall, at least"]
    assert (row.candidate, row.allowed, row.why) == (0.79, 0.8, "below the floor")


def test_too_much_tagged_of_nothing_is_above_a_ceiling() -> None:
    row = first(report(95, 100, negatives_acted_on=share(21, 100)))["negatives_acted_on, at most"]
    assert (row.verdict, row.allowed, row.why) == (GateVerdict.REFUSED, 0.2, "above the ceiling")


def test_a_floor_for_a_figure_of_no_photographs_is_shown_and_one_that_is_not_said_refuses() -> None:
    found = first(report(95, 100, negatives_acted_on=NONE_AT_ALL))
    assert found["negatives_acted_on, at most"].verdict is GateVerdict.SHOWN
    silent = report(95, 100)
    del silent["tag_recall"], silent["negatives_acted_on"]
    assert refused(first(silent).values()) == {"tag_recall, at least", "negatives_acted_on, at most"}


def test_floors_that_are_said_outrank_those_by_default_and_no_other() -> None:
    wanted = Floors(recall=0.97).else_by(FIRST)
    assert wanted == Floors(recall=0.97, precision=0.8, top=0.9, none_tagged=0.2)
    assert refused(first(report(95, 100), wanted).values()) == {
        "food: tag_recall, at least",
        "menu: tag_recall, at least",
    }
    assert floors.rows(Floors(), report(0, 100)) == ()


def test_every_other_figure_of_a_first_champion_is_shown() -> None:
    judged = floors.rows(FIRST, report(95, 100))
    others = floors.shown(report(95, 100), beside=judged)
    assert {row.verdict for row in others} == {GateVerdict.SHOWN}
    names = {row.name for row in others}
    assert {"menu: precision_at_recall", "menu: ece_label", "mixed_all_found", "food: recall"} <= names
    assert names.isdisjoint({"top_accuracy", "menu: tag_recall", "negatives_acted_on"})


def sides(*said: float) -> tuple[Predictions, Predictions]:
    """Two versions on 40 photographs of food, on each of which `human` is a maybe, then on what is sure."""
    doubtful, sure = [("food",)] * 40, [("food", "human")] * 30
    one, other = (
        judged(
            [[0.1, 0.9, each]] * 40 + [[0.1, 0.9, each if each == said[0] else said[2]]] * 30,
            [*doubtful, *sure],
            maybe=[("human",)] * 40 + [()] * 30,
        )
        for each in said[:2]
    )
    return one, other


def of_both(one: Predictions, other: Predictions) -> dict[str, GateRow]:
    before, after = (figures.report(each, resamples=20).as_json() for each in (one, other))
    return rows(before, after, compare(one, other, resamples=20).pairs)


def test_versions_that_differ_on_maybes_alone_are_equal_to_the_gate() -> None:
    one, other = sides(0.6, 0.05, 0.6)
    found = of_both(one, other)
    assert {name for name, row in found.items() if row.champion != row.candidate} == set()
    pairs = compare(one, other, resamples=20).pairs
    assert {(pair.only_a, pair.only_b) for pair in pairs.values()} == {(0, 0)}


def test_what_differs_beside_the_maybes_is_what_the_paired_test_counts() -> None:
    one, other = sides(0.6, 0.05, 0.05)
    pair = compare(one, other, resamples=20).pairs["human: tag_recall"]
    assert (pair.only_a, pair.only_b, pair.of) == (30, 0, 30)
    assert of_both(one, other)["human: tag_recall"].verdict is GateVerdict.REFUSED


def test_a_photograph_whose_top_label_is_a_maybe_weighs_in_the_test_of_its_tags() -> None:
    tags, maybe = [("food",)] * 40, [("human",)] * 40
    one = judged([[0.1, 0.9, 0.95]] * 40, tags, maybe=maybe)
    other = judged([[0.1, 0.4, 0.95]] * 40, tags, maybe=maybe)
    pair = compare(one, other, resamples=20).pairs["f1_samples"]
    assert (pair.only_a, pair.only_b, pair.of) == (40, 0, 40)
    assert of_both(one, other)["f1_samples"].verdict is GateVerdict.REFUSED


def test_slower_counts_from_a_quarter_on_and_from_a_thousandth_of_a_second_on() -> None:
    def verdict(before: float, after: float) -> GateVerdict:
        return gate_row.slower("ms an image", before, after, LIMITS).verdict

    assert verdict(0.020, 0.024) is GateVerdict.PASSED
    assert verdict(0.020, 0.026) is GateVerdict.REFUSED
    assert verdict(0.0005, 0.0014) is GateVerdict.PASSED
    assert verdict(0.0005, 0.0016) is GateVerdict.REFUSED


def test_other_labels_and_the_same_in_another_order_are_refused() -> None:
    assert gate_row.same("labels", "a, b", "a, b", why="-").verdict is GateVerdict.PASSED
    assert gate_row.same("labels", "a, b", "b, a", why="-").verdict is GateVerdict.REFUSED
    assert gate_row.same("labels", "a, b", "a, c", why="-").verdict is GateVerdict.REFUSED


@pytest.mark.parametrize(
    ("pair", "chance"),
    [
        (Paired(0, 0, of=100), 1),
        (Paired(5, 0, of=100), 1 / 32),
        (Paired(1, 1, of=100), 0.75),
        (Paired(9, 1, of=100), 11 / 1024),
    ],
)
def test_the_paired_test_is_mcnemar_s_exact_one(pair: Paired, chance: float) -> None:
    assert isclose(pair.p_worse, chance)


def test_the_paired_test_goes_on_as_it_was_beyond_what_is_summed() -> None:
    exact, normal = Paired(540, 460, of=1001).p_worse, Paired(541, 460, of=1001).p_worse
    assert isclose(exact, normal, rel_tol=0.1)


def test_the_unpaired_test_knows_a_fall_from_chance() -> None:
    # 90 of 100 and 80 of 100: z = 1.9803 by the textbook's formula.
    assert isclose(unpaired((0.9, 100), (0.8, 100)), 0.02384, rel_tol=0.01)
    assert unpaired((0.9, 100), (0.9, 100)) == 0.5
    assert unpaired((1.0, 100), (1.0, 100)) == 1.0


def manifest(version: str = "v1", **more: Any) -> Manifest:
    made = {
        "name": "m",
        "version": version,
        "labels": ["a"],
        "architecture": "tiny",
        "thresholds": {"a": 0.5},
    }
    return Manifest.model_validate(made | more)


def with_figures(made: Manifest, *, data: str = "d", hits: int = 95) -> Manifest:
    figures = report(hits, 100, judged=decisive_digest(made), data=data)
    return made.model_copy(update={"metrics": {"test": figures}})


def test_figures_that_were_recorded_of_both_on_the_same_photographs_are_taken() -> None:
    found = recorded_figures.recorded(
        with_figures(manifest()), with_figures(manifest("v2"), hits=90), split="test"
    )
    assert found.champion is not None
    assert (found.champion["top_accuracy"]["hits"], found.candidate["top_accuracy"]["hits"]) == (95, 90)
    assert found.data == "d"


def test_figures_of_other_photographs_or_of_none_are_not_compared() -> None:
    with pytest.raises(ConfigurationError, match=r"different photographs of 'test': .*--data DATA"):
        recorded_figures.recorded(
            with_figures(manifest(), data="e"), with_figures(manifest("v2")), split="test"
        )
    with pytest.raises(ConfigurationError, match="m/v2 carries no figures of 'test'; give --data DATA"):
        recorded_figures.recorded(with_figures(manifest()), manifest("v2"), split="test")
    with pytest.raises(ConfigurationError, match="m/v1 carries no figures of 'val'"):
        recorded_figures.recorded(None, with_figures(manifest()), split="val")
    unknown = with_figures(manifest(), data=""), with_figures(manifest("v2"), data="")
    with pytest.raises(ConfigurationError, match="different photographs"):
        recorded_figures.recorded(*unknown, split="test")


@pytest.mark.parametrize(
    "change", [{"thresholds": {"a": 0.0}}, {"temperature": 2.0}, {"sha256": "1" * 64}, {"labels": ("b",)}]
)
def test_figures_that_were_taken_with_other_thresholds_or_weights_are_not_believed(change: Any) -> None:
    tampered = with_figures(manifest("v2")).model_copy(update=change)
    with pytest.raises(ConfigurationError, match="were not taken with these weights, labels and thresholds"):
        recorded_figures.recorded(with_figures(manifest()), tampered, split="test")


@dataclass(frozen=True)
class Waiting:
    """A version that computes nothing and waits, as one does whose machine works for others."""

    seconds: float
    device: str = "cpu"
    preprocess: Preprocess = field(default_factory=lambda: Preprocess(size=32))

    def forward(self, images: Sequence[Pixels]) -> None:
        del images
        time.sleep(self.seconds)


def test_a_machine_that_works_for_others_refuses_nobody() -> None:
    versions = (cast("Classifier", Waiting(seconds)) for seconds in (0.001, 0.1))
    for _, ours, theirs in seconds_an_image(*versions):
        assert gate_row.slower("CPU ms an image", ours, theirs, LIMITS).verdict is GateVerdict.PASSED
