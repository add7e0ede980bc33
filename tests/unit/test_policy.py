from __future__ import annotations

from dataclasses import replace

import pytest

from model.manifest import Manifest
from model.policy import DEFAULT_ROUTES, Policy, fitting
from schemas.errors import ConfigurationError
from schemas.tags import UNCERTAIN, ModelRef, RouteRule, Scores, Verdict
from schemas.topics import AMBIANCE, MODERATION

REF = ModelRef(name="m", version="v1", digest="0" * 64)
THRESHOLDS = {"food": 0.5, "ambiance": 0.6, "menu": 0.5, "human": 0.4}
POLICY = Policy(THRESHOLDS)


def scores(**probabilities: float) -> Scores:
    return Scores(probabilities=dict.fromkeys(THRESHOLDS, 0.01) | probabilities, model=REF)


def routed(verdict: Verdict) -> set[tuple[str, str]]:
    return {(route.label, route.topic) for route in verdict.routes}


def decide(previous: Verdict | None = None, **probabilities: float) -> Verdict:
    return POLICY.decide(scores(**probabilities), previous)


def test_tags_come_highest_first_each_with_its_threshold() -> None:
    verdict = decide(menu=0.9, human=0.3, food=0.95)
    assert [tag.label for tag in verdict.tags][:3] == ["food", "menu", "human"]
    assert {tag.label: tag.threshold for tag in verdict.tags} == THRESHOLDS


def test_equal_probabilities_keep_the_order_of_the_model() -> None:
    assert [tag.label for tag in decide().tags] == list(THRESHOLDS)


@pytest.mark.parametrize(("probability", "tagged"), [(0.6, True), (0.599999, False), (1.0, True)])
def test_a_tag_holds_from_its_threshold_on(probability: float, *, tagged: bool) -> None:
    assert ("ambiance" in decide(ambiance=probability).tagged) is tagged


@pytest.mark.parametrize(
    ("label", "topic"), [("menu", MODERATION), ("human", MODERATION), ("ambiance", AMBIANCE)]
)
def test_each_label_goes_to_its_topic(label: str, topic: str) -> None:
    assert routed(decide(None, **{label: 0.9})) == {(label, topic)}


def test_food_goes_nowhere() -> None:
    assert not decide(food=0.99).routes


REFUSING = replace(POLICY, refusal=0.8)


def test_an_image_on_which_no_label_reaches_the_refusal_gets_no_tag_and_is_uncertain() -> None:
    verdict = REFUSING.decide(scores(menu=0.79, food=0.6))
    assert verdict.tagged == ()
    (route,) = verdict.routes
    assert (route.label, route.probability, route.threshold) == (UNCERTAIN, 0.79, 0.8)
    assert route.rule == "no label reached 0.8, below which this model refuses a picture; the nearest is menu"
    assert {tag.threshold for tag in verdict.tags} == {0.8}


def test_an_image_that_is_not_refused_has_every_tag_at_its_threshold() -> None:
    verdict = REFUSING.decide(scores(menu=0.8, food=0.5, human=0.39))
    assert verdict.tagged == ("menu", "food")
    assert {tag.label: tag.threshold for tag in verdict.tags} == THRESHOLDS


def test_refusal_has_the_hysteresis_of_the_route_too() -> None:
    announced = REFUSING.decide(scores(menu=0.9))
    assert routed(REFUSING.decide(scores(menu=0.71), announced)) == {
        ("menu", MODERATION),
        (UNCERTAIN, MODERATION),
    }
    assert routed(REFUSING.decide(scores(menu=0.69), announced)) == {(UNCERTAIN, MODERATION)}


def test_a_mixed_photograph_goes_to_every_topic_of_its_tags() -> None:
    assert routed(decide(human=0.9, ambiance=0.9)) == {("human", MODERATION), ("ambiance", AMBIANCE)}


def test_where_no_label_holds_a_person_looks_at_it() -> None:
    (route,) = decide(ambiance=0.55, food=0.3).routes
    assert (route.label, route.topic) == (UNCERTAIN, MODERATION)
    assert (route.probability, route.threshold) == (0.55, 0.6)
    assert "ambiance" in route.rule


def test_a_route_says_why_in_words() -> None:
    (route,) = decide(menu=0.9).routes
    assert route.rule == "menu at or above 0.5"


def test_an_announced_route_stays_until_below_threshold_less_hysteresis() -> None:
    before = decide(menu=0.9, food=0.9)
    assert routed(decide(before, menu=0.41, food=0.9)) == {("menu", MODERATION)}
    assert not routed(decide(before, menu=0.39, food=0.9))


def test_a_route_held_by_hysteresis_says_so_and_tags_nothing() -> None:
    verdict = decide(decide(menu=0.9), menu=0.45, food=0.9)
    assert "was announced" in verdict.routes[0].rule
    assert verdict.tagged == ("food",)


def test_a_route_that_was_not_announced_gets_no_hysteresis() -> None:
    assert not decide(decide(food=0.9), menu=0.45, food=0.9).routes


def test_a_rule_may_have_a_threshold_of_its_own() -> None:
    policy = Policy(THRESHOLDS, (RouteRule(label="food", topic="photos.food.v1", threshold=0.8),))
    assert not policy.decide(scores(food=0.7)).routes
    assert policy.decide(scores(food=0.8)).routes[0].threshold == 0.8


def test_a_rule_for_a_label_that_the_model_has_not_is_a_wrong_setting() -> None:
    with pytest.raises(ConfigurationError, match="drinks"):
        Policy(THRESHOLDS, (RouteRule(label="drinks", topic="photos.drinks.v1"),))


def test_a_persons_labels_replace_the_models_and_say_so() -> None:
    verdict = POLICY.correct(decide(menu=0.9, food=0.8), ("food", "human"))
    assert set(verdict.tagged) == {"food", "human"}
    assert {tag.source for tag in verdict.tags} == {"person"}


def test_a_correction_leaves_probabilities_thresholds_and_the_model_as_they_were() -> None:
    judged = decide(menu=0.9, food=0.8)
    corrected = POLICY.correct(judged, ("ambiance",))
    figures = {(tag.label, tag.probability, tag.threshold) for tag in judged.tags}
    assert {(tag.label, tag.probability, tag.threshold) for tag in corrected.tags} == figures
    assert corrected.model == REF


def test_the_tags_that_a_person_says_come_first() -> None:
    tags = POLICY.correct(decide(menu=0.9, food=0.8), ("ambiance", "human")).tags
    assert [tag.tagged for tag in tags] == [True, True, False, False]


def test_corrected_labels_go_where_the_rules_say_whatever_their_probability() -> None:
    verdict = POLICY.correct(decide(menu=0.9), ("ambiance", "human"))
    assert routed(verdict) == {("ambiance", AMBIANCE), ("human", MODERATION)}
    assert {route.rule for route in verdict.routes} == {"a person says ambiance", "a person says human"}


def test_a_label_that_the_model_has_not_is_held_at_a_persons_word() -> None:
    verdict = POLICY.correct(decide(menu=0.9), ("terrace",))
    assert verdict.tagged == ("terrace",)
    assert (verdict.tags[0].probability, verdict.tags[0].threshold) == (0.0, 1.0)
    assert not verdict.routes


def test_a_correction_to_no_label_is_no_doubt() -> None:
    verdict = POLICY.correct(decide(), ())
    assert (verdict.tagged, verdict.routes) == ((), ())


def test_a_correction_made_twice_is_made_once() -> None:
    once = POLICY.correct(decide(menu=0.9), ("food", "terrace"))
    assert POLICY.correct(once, ("food", "terrace")) == once


def test_the_verdict_names_the_model_that_made_the_scores() -> None:
    assert decide(food=1.0).model == REF


def test_the_default_routes_are_those_of_the_restaurant() -> None:
    assert {(rule.label, rule.topic) for rule in DEFAULT_ROUTES} == {
        ("menu", MODERATION),
        ("human", MODERATION),
        (UNCERTAIN, MODERATION),
        ("ambiance", AMBIANCE),
    }


EXCLUSIVE = Policy(dict.fromkeys(THRESHOLDS, 0.3), DEFAULT_ROUTES, task="single_label")


def test_of_labels_that_exclude_each_other_the_highest_alone_is_tagged() -> None:
    verdict = EXCLUSIVE.decide(scores(menu=0.45, human=0.4))
    assert verdict.tagged == ("menu",)
    assert routed(verdict) == {("menu", MODERATION)}
    assert [tag.probability for tag in verdict.tags][:2] == [0.45, 0.4]


def test_of_labels_that_exclude_each_other_none_is_tagged_where_the_highest_is_not_sure() -> None:
    verdict = EXCLUSIVE.decide(scores(menu=0.29, human=0.28))
    assert not verdict.tagged
    assert routed(verdict) == {(UNCERTAIN, MODERATION)}


def test_of_labels_that_exclude_each_other_an_equal_one_is_not_tagged_twice() -> None:
    assert len(EXCLUSIVE.decide(scores(menu=0.4, human=0.4)).tagged) == 1


def test_a_rules_own_threshold_holds_for_a_label_that_is_not_the_highest() -> None:
    policy = replace(EXCLUSIVE, rules=(RouteRule(label="human", topic=MODERATION, threshold=0.2),))
    assert routed(policy.decide(scores(menu=0.45, human=0.25))) == {("human", MODERATION)}


def test_an_announced_route_stays_though_another_label_is_the_highest_now() -> None:
    before = EXCLUSIVE.decide(scores(menu=0.9))
    assert ("menu", MODERATION) in routed(EXCLUSIVE.decide(scores(menu=0.4, human=0.45), before))
    assert ("menu", MODERATION) not in routed(EXCLUSIVE.decide(scores(menu=0.19, human=0.6), before))


def test_a_versions_rules_are_of_its_task() -> None:
    manifest = Manifest(
        name="m",
        version="v1",
        task="single_label",
        labels=tuple(THRESHOLDS),
        architecture="tiny",
        thresholds=THRESHOLDS,
    )
    assert Policy.of(manifest).task == "single_label"


def test_a_low_threshold_gets_a_hysteresis_that_can_be_taken_back() -> None:
    thresholds = {"menu": 0.5, "human": 0.3, "ambiance": 0.05}
    rules = fitting(DEFAULT_ROUTES, thresholds)
    assert {rule.label: rule.hysteresis for rule in rules} == pytest.approx(
        {"menu": 0.1, "human": 0.1, "ambiance": 0.025, UNCERTAIN: 0.0}
    )
    Policy(thresholds, rules)  # accepts them


def test_a_rule_s_own_threshold_bounds_its_hysteresis() -> None:
    rule = RouteRule(label="menu", topic="t", threshold=0.08, hysteresis=0.1)
    assert fitting([rule], {"menu": 0.9})[0].hysteresis == pytest.approx(0.04)
