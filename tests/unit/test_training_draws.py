"""What a network is shown: drawn by seed and step, balanced, changed by presets, targets by task."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from model.data.dataset import Photograph
from model.manifest import Task
from model.training.augment import Augment
from model.training.objective import YIELDING, Objective, positive_weights
from model.training.pictures import Pictures
from model.training.prefetch import prefetch
from model.training.presets import PRESETS, mixed, mixing_share, preset
from model.training.randomness import Seeded, derived
from model.training.rates import Schedule
from model.training.recipe import Recipe
from model.training.sampling import Sampler, draws
from model.training.supervision import Supervision
from schemas.errors import ConfigurationError
from tests.unit.training_builders import RECIPE

LABELS = ("ambiance", "food", "human")


def pictures(
    *tags: tuple[str, ...], labels: tuple[str, ...] = LABELS, maybe: tuple[tuple[str, ...], ...] = ()
) -> Pictures:
    doubts = maybe or ((),) * len(tags)
    photos = tuple(
        Photograph(Path(f"{i}"), labels=each, maybe=doubt)
        for i, (each, doubt) in enumerate(zip(tags, doubts, strict=True))
    )
    noise = torch.Generator().manual_seed(1)
    return Pictures(
        torch.randint(256, (len(tags), 3, 40, 40), dtype=torch.uint8, generator=noise),
        torch.tensor([[float(label in each) for label in labels] for each in tags]),
        torch.tensor([[label not in doubt for label in labels] for doubt in doubts]),
        photographs=photos,
        labels=labels,
    )


MIXED = pictures(*[("food",)] * 6, ("human", "food"), ("ambiance",), (), ())


def test_a_batch_is_a_function_of_seed_and_step_and_not_of_what_was_drawn_before() -> None:
    one, other = Sampler(MIXED, recipe=RECIPE), Sampler(MIXED, recipe=RECIPE)
    torch.manual_seed(3)
    other.draw(0)
    assert torch.equal(one.draw(5).images, other.draw(5).images)
    assert not torch.equal(one.draw(5).images, one.draw(6).images)
    reseeded = Sampler(MIXED, recipe=replace(RECIPE, seed=1))
    assert not torch.equal(one.draw(5).images, reseeded.draw(5).images)


def test_threads_make_the_same_batches_in_the_same_order() -> None:
    sampler = Sampler(MIXED, recipe=RECIPE)
    alone = [sampler.draw(step) for step in range(6)]
    together = list(sampler.batches(range(6), threads=4))
    assert all(torch.equal(a.images, b.images) for a, b in zip(alone, together, strict=True))
    assert all(torch.equal(a.taught.targets, b.taught.targets) for a, b in zip(alone, together, strict=True))


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_gives_the_asked_size_and_draws_nothing_from_the_global_generator(name: str) -> None:
    change = preset(name).build(32)
    image = MIXED.images[0]
    before = torch.get_rng_state()
    shown: list[list[Tensor]] = []
    for _ in range(2):
        with Seeded(7, name):
            shown.append([change(image) for _ in range(25)])
    assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(a, b) for a, b in zip(*shown, strict=True))
    assert {(tuple(each.shape), each.dtype) for each in shown[0]} == {((3, 32, 32), torch.uint8)}
    variants = {each.numpy().tobytes() for each in shown[0]}
    assert len(variants) == 1 if name == "none" else len(variants) > 10


def test_a_preset_that_is_not_there_is_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"--augment.*'wild'.*standard"):
        Recipe(augment="wild")


def test_two_photographs_in_one_come_with_several_tags_alone() -> None:
    certain = replace(RECIPE, composites=1.0)
    assert certain.composed == 1.0
    assert replace(certain, task="single_label").composed == 0.0
    assert replace(certain, augment="strong").composed == 0.0


def test_the_partner_of_a_composite_has_another_label_and_is_no_negative() -> None:
    data = pictures(("food",), ("food",), ("human",), ("ambiance",), ())
    sampler = Sampler(data, recipe=RECIPE)
    with Seeded(0, "test"):
        partners = [sampler._partner(0) for _ in range(50)]
    assert {data.photographs[partner].labels for partner in partners} == {("human",), ("ambiance",)}


def test_an_inset_is_a_part_of_the_page_and_sometimes_round() -> None:
    page, other = (
        torch.zeros(3, 128, 128, dtype=torch.uint8),
        torch.full((3, 192, 192), 255, dtype=torch.uint8),
    )
    shares = []
    with Seeded(0, "test"):
        for _ in range(40):
            fresh = page.clone()
            Augment(128)._inset(fresh, other=other)
            rows, columns = (fresh[0] > 0).any(1), (fresh[0] > 0).any(0)
            shares.append(float((fresh[0] > 0).sum() / (rows.sum() * columns.sum())))
    assert 0.2 < sum(share < 0.9 for share in shares) / len(shares) < 0.8
    assert all(share > 0.7 for share in shares)


def test_weights_do_not_lose_for_being_too_sure_of_themselves() -> None:
    data = pictures(("human",), ("food",))
    right = torch.tensor([[-1.0, -1.0, 1.0], [-1.0, 1.0, -1.0]])
    objective = Objective("multi_label")
    losses = [objective.weighted(logits, data) for logits in (right, 2 * right)]
    assert losses[1] <= losses[0]
    assert objective.weighted(-right, data) > losses[0]


def test_mixup_blends_pictures_and_targets_alike() -> None:
    black, white = torch.zeros(3, 2, 2, dtype=torch.uint8), torch.full((3, 2, 2), 200, dtype=torch.uint8)
    assert mixed(white, black, share=0.25).unique().tolist() == [50]
    with Seeded(0, "shares"):
        shares = torch.tensor([mixing_share(0.2) for _ in range(4000)])
    assert shares.mean() == pytest.approx(0.5, abs=0.03)
    assert shares.var() == pytest.approx(0.25 / 1.4, abs=0.01)  # of Beta(a, a): 1 / (4 (2 a + 1))


def test_labels_are_drawn_alike_however_rare_and_negatives_have_their_share() -> None:
    sampler = Sampler(MIXED, recipe=replace(RECIPE, composites=0.0, negatives=0.1))
    with Seeded(0, "drawing"):
        drawn = Counter(sampler._indices(8000))
    groups = [sum(drawn[i] for i in places) / 8000 for places in (range(6), (6,), (7,), (8, 9))]
    assert groups == pytest.approx([0.3, 0.3, 0.3, 0.1], abs=0.03)


def test_the_draws_are_stated_a_line_a_label() -> None:
    found = draws(MIXED, recipe=replace(RECIPE, negatives=0.1))
    assert {name: drawn.photographs for name, drawn in found.items()} == {
        "ambiance": 1,
        "food": 6,
        "human": 1,
        "none": 2,
    }
    assert found["ambiance"].share == pytest.approx(0.3)
    assert found["none"].share == pytest.approx(0.1)


def test_of_a_binary_task_both_answers_are_drawn_alike() -> None:
    data = pictures(("food",), *[("human",)] * 4, (), labels=("food",))
    found = draws(data, recipe=replace(RECIPE, task="binary", negatives=0.1))
    assert [(name, drawn.photographs) for name, drawn in found.items()] == [
        ("food", 1),
        ("not food", 4),
        ("none", 1),
    ]
    assert [drawn.share for drawn in found.values()] == pytest.approx([0.45, 0.45, 0.1])


def test_a_recipe_says_what_tags_beside_the_main_one_are_taught() -> None:
    recipe = replace(RECIPE, composites=1.0, negatives=0.0, smoothing=0.0, yielding=0.6)
    sampler = Sampler(MIXED, recipe=recipe)
    taught = torch.cat([sampler.draw(step).taught.targets for step in range(8)])
    assert {round(each, 2) for each in taught.flatten().tolist()} == {0.0, 0.6, 1.0}
    assert {round(each, 2) for each in sampler.taught.targets.flatten().tolist()} == {0.0, 0.6, 1.0}


@pytest.mark.parametrize(
    ("task", "targets"),
    [
        ("multi_label", [[0, YIELDING, 1], [0, 1, 0], [0, 0, 0]]),
        ("single_label", [[0, 0, 1], [0, 1, 0], [1 / 3, 1 / 3, 1 / 3]]),
        ("binary", [[0.0, 1, 1], [0, 1, 0], [0, 0, 0]]),
    ],
)
def test_targets_are_those_of_the_task(task: Task, targets: list[list[float]]) -> None:
    data = pictures(("human", "food"), ("food",), ())
    found = Objective(task).targets(data)
    assert torch.allclose(found, torch.tensor(targets))


def test_smoothed_targets_of_a_softmax_still_add_up_to_one() -> None:
    targets = torch.eye(3)
    assert Objective("single_label", smoothing=0.3).smoothed(targets).sum(1).tolist() == pytest.approx(
        [1.0] * 3
    )
    assert Objective("multi_label", smoothing=0.3).smoothed(targets).max() == pytest.approx(0.85)


def test_the_loss_of_one_label_of_several_is_the_cross_entropy() -> None:
    logits = torch.tensor([[2.0, 0.0], [0.0, 1.0]])
    found = Objective("single_label").each(logits, torch.eye(2), torch.ones(2, 2))
    assert found.tolist() == pytest.approx(
        [float(torch.log1p(torch.exp(torch.tensor(-x)))) for x in (2.0, 1.0)]
    )


def test_rare_tags_count_more_where_that_is_asked_for() -> None:
    weights = positive_weights(torch.tensor([[1.0, 1], [0, 1], [0, 1], [0, 1]]), chances=torch.ones(4))
    assert weights.tolist() == pytest.approx([3.0, 1.0])
    even, heavier = (
        Objective("multi_label", positive_weights=each).loss(
            torch.zeros(1, 2), Supervision.unordered(torch.tensor([[1.0, 0]]), torch.ones(1, 2))
        )
        for each in (None, weights)
    )
    assert heavier > even


def test_the_main_tag_is_pushed_above_the_further_ones_and_nothing_else_is_moved() -> None:
    data = pictures(("human", "food"), ("food",), ())
    plain, ordered = (
        torch.zeros(3, 3, requires_grad=True),
        torch.zeros(3, 3, requires_grad=True),
    )
    for logits, weight in ((plain, 0.0), (ordered, 1.0)):
        objective = Objective("multi_label", yielding=1.0, ordering=weight)
        taught = objective.supervision(data)
        taught = replace(taught, targets=objective.smoothed(taught.targets))
        objective.loss(logits, taught).backward()
    assert plain.grad is not None
    assert ordered.grad is not None
    moved = ordered.grad - plain.grad
    assert moved[0, 2] < 0 < moved[0, 1]
    assert moved[0, 0] == 0
    assert moved[1:].count_nonzero() == 0


@pytest.mark.parametrize(("task", "labels"), [("single_label", LABELS), ("binary", ("food",))])
def test_one_label_at_most_has_no_order(task: Task, labels: tuple[str, ...]) -> None:
    data = pictures(("human", "food"), ("food",), (), labels=labels)
    logits = torch.randn(3, len(labels), generator=torch.Generator().manual_seed(0))
    plain, ordered = (
        objective.loss(logits, objective.supervision(data))
        for objective in (Objective(task), Objective(task, ordering=1.0))
    )
    assert plain == ordered


@pytest.mark.parametrize(
    ("augment", "composites"), [("photographs", 1.0), ("strong", 0.0)], ids=["composed", "blended"]
)
def test_two_photographs_in_one_have_no_main_tag(augment: str, composites: float) -> None:
    data = pictures(("human", "food"), ("food",), ("ambiance",))
    recipe = replace(RECIPE, augment=augment, composites=composites, negatives=0.0)
    assert set(Sampler(data, recipe=recipe).draw(0).taught.mains.tolist()) == {-1}


def test_a_photograph_by_itself_keeps_its_main_tag() -> None:
    data = pictures(("human", "food"), ("human",))
    recipe = replace(RECIPE, augment="light", composites=0.0, negatives=0.0)
    assert set(Sampler(data, recipe=recipe).draw(0).taught.mains.tolist()) == {2}


def test_accuracy_is_of_the_top_label_and_of_a_binary_task_of_both_answers() -> None:
    data = pictures(("human", "food"), ("food",), ())
    logits = torch.tensor([[0.0, 1, 2], [3, 1, 0], [9, 9, 9]])
    assert Objective("multi_label").accuracy(logits, data) == pytest.approx(0.5)
    one = pictures(("food",), ("human",), (), labels=("food",))
    assert Objective("binary").accuracy(torch.tensor([[2.0], [3], [-1]]), one) == pytest.approx(2 / 3)


def test_rates_rise_in_a_line_and_fall_in_a_cosine_and_the_body_s_after_the_head_s() -> None:
    schedule = Schedule(total=100, warm_up=0.1, frozen=50)
    assert [schedule.factor(step, body=False) for step in (0, 9, 10)] == pytest.approx([0.1, 1.0, 1.0])
    assert schedule.factor(55, body=False) == pytest.approx(0.5)
    assert schedule.factor(49, body=True) == 0
    assert schedule.factor(50, body=True) == pytest.approx(0.2)
    assert schedule.factor(99, body=True) < 0.01


def test_seeds_differ_by_any_of_what_they_are_derived_from() -> None:
    seeds = {
        derived(*where) for where in ((0, "batch", 1), (0, "batch", 11), (0, "step", 1), (1, "batch", 1))
    }
    assert len(seeds) == 4
    assert all(0 <= seed < 2**63 for seed in seeds)


def test_work_ahead_is_bounded_and_its_error_comes_at_its_place() -> None:
    begun: list[int] = []

    def work(item: int) -> int:
        begun.append(item)
        if item == 5:
            raise ValueError("five")
        return item

    results = prefetch(work, range(100), threads=2, depth=3)
    assert [next(results) for _ in range(5)] == [0, 1, 2, 3, 4]
    with pytest.raises(ValueError, match="five"):
        next(results)
    assert max(begun) < 10
