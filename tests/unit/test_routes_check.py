"""What other rules would change: told from kept scores, over a store that nothing is written to."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents import transitions
from agents.testing import LABELS, RULES
from agents.transitions import Transitions
from model.policy import Policy
from operations.routes_check import EXAMPLES, Outlook, redecided, scan, share_behind
from schemas import topics
from schemas.decisions import Decided
from schemas.records import ImageHead, State
from schemas.tags import RouteRule
from streams.adapters.memory import MemoryScores
from streams.adapters.sqlite.store import SqliteScores
from streams.ports import Change, ScoreStore
from streams.scanning import every_head

from .head_builders import (
    NOW,
    TAGGER,
    after,
    claim,
    decided,
    decision,
    outcome,
    removed,
    scored,
    scoring,
    told,
)

THRESHOLDS = dict.fromkeys(LABELS, 0.7)
INDOOR = "photos.indoor.v1"
ADDED = (*RULES, RouteRule(label="ambiance", topic=INDOOR, threshold=0.5))
STRICTER = (*RULES[:-1], RouteRule(label="ambiance", topic=topics.AMBIANCE, threshold=0.95))
AMBIANCE = (topics.AMBIANCE, "ambiance")
MENU = (topics.MODERATION, "menu")


def outlook(rules: Iterable[RouteRule], *looked_at: ImageHead) -> Outlook:
    made = Outlook(Policy(THRESHOLDS, tuple(rules)), TAGGER.model)
    for head in looked_at:
        made.look(head)
    return made


def test_the_rules_of_today_change_nothing() -> None:
    changes = [(scored(claim(1), **{label: 0.9}),) for label in LABELS]
    seen = outlook(RULES, *(told(after(*each)) for each in changes))
    assert (seen.looked, seen.judged, seen.changed) == (4, 4, 0)


def test_one_more_line_is_one_more_collection() -> None:
    seen = outlook(ADDED, after(scored(claim(1), ambiance=0.6, food=0.9)))
    change = seen.routes[INDOOR, "ambiance"]
    assert (change.added.count, change.added.examples) == (1, {"img_1": 0.6})
    assert (seen.changed, seen.routes[AMBIANCE].added.count) == (1, 0)


def test_an_image_of_no_restaurant_joins_no_collection_and_is_counted() -> None:
    seen = outlook(ADDED, after(scored(claim(1, restaurant=None), ambiance=0.6)))
    assert seen.routes[INDOOR, "ambiance"].without_restaurant == 1


def test_a_higher_threshold_takes_images_out() -> None:
    seen = outlook(STRICTER, after(scored(claim(1), ambiance=0.9)))
    assert seen.routes[AMBIANCE].removed.examples == {"img_1": 0.9}


def test_a_route_that_no_rule_leads_to_any_more_is_told_too() -> None:
    seen = outlook(RULES[:-1], after(scored(claim(1), ambiance=0.9)))
    assert seen.routes[AMBIANCE].removed.count == 1


def test_an_announced_route_stays_within_the_hysteresis_of_the_new_rule() -> None:
    patient = (*RULES[:-1], STRICTER[-1].model_copy(update={"hysteresis": 0.2}))
    head = after(scored(claim(1), ambiance=0.9))
    assert outlook(patient, head).routes[AMBIANCE].removed.count == 1
    assert outlook(patient, told(head)).routes[AMBIANCE].removed.count == 0


def test_what_is_moderated_no_more_becomes_visible_and_joins_its_collections() -> None:
    seen = outlook(RULES[1:], after(scored(claim(1), menu=0.9, ambiance=0.9)))
    assert seen.states[State.VISIBLE].examples == {"img_1": None}
    assert (seen.routes[AMBIANCE].added.count, seen.routes[MENU].removed.count) == (1, 1)


def test_what_is_moderated_from_now_on_becomes_hidden_and_leaves_its_collections() -> None:
    rules = (*RULES, RouteRule(label="food", topic=topics.MODERATION, threshold=0.2))
    seen = outlook(rules, after(scored(claim(1), food=0.3, ambiance=0.9)))
    assert seen.states[State.HIDDEN].count == 1
    assert seen.routes[AMBIANCE].removed.count == 1


@pytest.mark.parametrize("action", [Decided.APPROVE, Decided.REJECT])
def test_a_persons_decision_outranks_the_new_rules(action: Decided) -> None:
    rules = (*RULES, RouteRule(label="food", topic=topics.MODERATION))
    assert not outlook(rules, after(scored(claim(1), food=0.9), decided(2, action))).changed


def test_a_persons_labels_go_where_the_new_rules_say() -> None:
    head = after(scored(claim(1), menu=0.9), decided(2, Decided.CORRECT, "ambiance"))
    assert outlook(ADDED, head).routes[INDOOR, "ambiance"].added.count == 1


def test_scores_of_another_model_are_counted_and_not_judged() -> None:
    seen = outlook(ADDED, after(scored(claim(1), version="2", ambiance=0.9)))
    assert (seen.judged, seen.changed, list(seen.other_models.values())) == (0, 0, [1])
    assert next(iter(seen.other_models)).startswith("fake 2 (")


def test_deleted_images_stay_deleted() -> None:
    gone = after(scored(claim(1), ambiance=0.9), removed(claim(2, removal=True)))
    seen = outlook(ADDED, gone)
    assert (seen.deleted, seen.judged, seen.changed) == (1, 0, 0)


def test_examples_are_few_and_counts_are_whole() -> None:
    head = after(scored(claim(1), ambiance=0.9))
    seen = outlook(ADDED, *(head.model_copy(update={"image_id": f"img_{n}"}) for n in range(10)))
    change = seen.routes[INDOOR, "ambiance"].added
    assert (change.count, list(change.examples)) == (10, [f"img_{n}" for n in range(EXAMPLES)])


shares = st.sampled_from([0.0, 0.3, 0.55, 0.6, 0.7, 0.72, 0.9, 1.0])
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("score"), st.fixed_dictionaries(dict.fromkeys(LABELS, shares))),
        st.tuples(st.just("decide"), st.sampled_from(list(Decided))),
        st.tuples(st.just("tell"), st.none()),
    ),
    max_size=6,
)
HESITANT = tuple(rule.model_copy(update={"hysteresis": 0.2}) for rule in RULES)


@given(shares, STEPS)
def test_the_rules_that_decided_an_image_would_change_nothing_whatever_befell_it(
    first: float, steps: list[tuple[str, object]]
) -> None:
    policy = Policy(THRESHOLDS, HESITANT)
    head = outcome(None, Transitions("img_1", policy, NOW).scored(scoring(claim(1), ambiance=first))).head
    head = told(head)
    for minute, (what, how) in enumerate(steps, 2):
        changes = Transitions("img_1", policy, NOW)
        if what == "score":
            change = changes.scored(scoring(claim(minute), **how))  # type: ignore[arg-type]
        elif what == "decide":
            change = changes.decided(decision(minute, how, "menu"))  # type: ignore[arg-type]
        else:
            change = transitions.acknowledged(head)
        head = outcome(head, change).head
    head = told(head)
    again = redecided(head, policy)
    assert (again.state, again.verdict and again.verdict.routes) == (
        head.state,
        head.verdict and head.verdict.routes,
    )


@pytest.fixture(params=["memory", "sqlite"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[ScoreStore]:
    opened = MemoryScores() if request.param == "memory" else SqliteScores(tmp_path / "s.sqlite")
    async with opened as entered:
        yield entered


async def _kept(store: ScoreStore, images: int) -> dict[str, ImageHead]:
    for number in range(images):
        change: Change = Transitions(f"img_{number}", TAGGER, NOW).scored(
            scoring(claim(1), ambiance=0.6, food=0.9)
        )
        await store.apply(f"img_{number}", change)
    return {head.image_id: head async for head in every_head(store)}


async def test_a_scan_looks_at_every_image_and_writes_nothing(store: ScoreStore) -> None:
    before = await _kept(store, 7)
    seen = outlook(ADDED)
    ticks: list[ImageHead] = []
    assert await scan(every_head(store), seen, limit=None, tick=ticks.append)
    assert (seen.looked, seen.routes[INDOOR, "ambiance"].added.count, len(ticks)) == (7, 7, 7)
    assert {head.image_id: head async for head in every_head(store)} == before


@pytest.mark.parametrize(("limit", "is_whole"), [(3, False), (7, True), (8, True)])
async def test_a_scan_says_whether_its_limit_left_something_out(
    store: ScoreStore, limit: int, *, is_whole: bool
) -> None:
    await _kept(store, 7)
    seen = outlook(ADDED)
    assert await scan(every_head(store), seen, limit=limit, tick=lambda _: None) is is_whole
    assert seen.looked == min(limit, 7)


DIGEST = st.text("234567abcdefghijklmnopqrstuvwxyz", min_size=26, max_size=26)


@given(DIGEST, DIGEST)
def test_the_share_behind_an_id_grows_with_the_order_of_stores(one: str, other: str) -> None:
    first, second = sorted((f"img_{one}", f"img_{other}"))
    behind, further = share_behind(first), share_behind(second)
    assert behind is not None
    assert further is not None
    assert 0 <= behind <= further < 1


@pytest.mark.parametrize("image_id", ["my-own", "img_1", "img_", "img_ABCDEF", ""])
def test_of_ids_that_producers_made_up_no_share_is_told(image_id: str) -> None:
    assert share_behind(image_id) is None
