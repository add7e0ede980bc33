"""What a model proposes, how sure it is of it, and the way back into a snapshot."""

from __future__ import annotations

from pathlib import Path

import pytest

from model.data import review, sources
from model.data.review import Proposal
from model.manifest import Manifest, Task
from tests.unit.data_builders import causes, put


def manifest(task: Task = "multi_label", **thresholds: float) -> Manifest:
    labels = tuple(sorted(thresholds))
    return Manifest(
        name="m", version="v1", task=task, labels=labels, architecture="tiny", thresholds=thresholds
    )


def proposed(of: Manifest, **chances: float) -> Proposal:
    return review.propose(Path("a.jpg"), "a.jpg", chances, of)


BOTH = manifest(food=0.5, menu=0.8)


def test_every_label_above_its_threshold_is_suggested_the_surest_first() -> None:
    assert proposed(BOTH, food=0.7, menu=0.9).suggested == ("menu", "food")
    assert proposed(BOTH, food=0.3, menu=0.5).suggested == ()


@pytest.mark.parametrize(
    ("food", "menu", "suggested", "maybe"),
    [
        pytest.param(0.66, 0.0, (), ("food",), id="less than a third of the way to 1"),
        pytest.param(0.67, 0.0, ("food",), (), id="more than a third of the way to 1"),
        pytest.param(0.34, 0.0, (), ("food",), id="less than a third of the way to 0"),
        pytest.param(0.33, 0.0, (), (), id="more than a third of the way to 0"),
        pytest.param(0.5, 0.86, (), ("menu", "food"), id="by each label's own threshold"),
        pytest.param(0.9, 0.6, ("food",), ("menu",), id="beside one that is sure"),
    ],
)
def test_a_label_near_its_threshold_is_a_maybe(
    food: float, menu: float, suggested: tuple[str, ...], maybe: tuple[str, ...]
) -> None:
    made = proposed(BOTH, food=food, menu=menu)
    assert (made.suggested, made.maybe) == (suggested, maybe)


def test_of_a_photograph_that_the_model_refuses_no_label_is_suggested() -> None:
    refusing = BOTH.model_copy(update={"refusal": 0.9})
    assert proposed(refusing, food=0.6, menu=0.89).suggested == ()
    assert proposed(refusing, food=0.7, menu=0.95).suggested == ("menu", "food")
    assert (
        proposed(refusing, food=0.7, menu=0.95).uncertainty == proposed(BOTH, food=0.7, menu=0.95).uncertainty
    )


@pytest.mark.parametrize(
    ("food", "menu", "uncertainty"),
    [
        pytest.param(0.5, 0.0, 1.0, id="at a threshold"),
        pytest.param(1.0, 0.0, 0.0, id="sure of all"),
        pytest.param(0.75, 0.0, 0.5, id="half the way to 1"),
        pytest.param(1.0, 0.4, 0.5, id="half the way to 0"),
        pytest.param(0.75, 0.8, 1.0, id="the least sure label counts"),
    ],
)
def test_uncertainty_is_how_near_the_nearest_threshold_is(
    food: float, menu: float, uncertainty: float
) -> None:
    assert proposed(BOTH, food=food, menu=menu).uncertainty == uncertainty


def test_of_one_label_alone_the_top_one_is_suggested_and_its_lead_counts_too() -> None:
    single = manifest("single_label", food=0.3, menu=0.3)
    made = proposed(single, food=0.55, menu=0.45)
    assert made.suggested == ("food",)
    assert made.uncertainty == pytest.approx(0.9)
    assert proposed(manifest("single_label", food=0.6, menu=0.3), food=0.55, menu=0.45).suggested == ()


def test_a_threshold_that_is_never_or_always_reached_divides_by_nothing() -> None:
    assert proposed(manifest(food=1.0, menu=0.0), food=1.0, menu=0.0).uncertainty == 1.0


def test_the_least_sure_come_first_and_equals_by_name() -> None:
    every = [Proposal(Path(n), n, {}, (), u) for n, u in (("a", 0.1), ("c", 0.9), ("b", 0.9))]
    assert [each.place for each in review.least_sure_first(every)] == ["b", "c", "a"]


def test_a_corrected_batch_is_a_source_that_may_move_with_its_photographs(tmp_path: Path) -> None:
    proposals = [
        Proposal(
            put(tmp_path / f"all/photos/{name}.jpg", b"x"),
            name,
            {"food": 0.6, "menu": 0.1},
            ("food",),
            0.8,
            ("menu",),
        )
        for name in ("right", "wrong", "settled", "left")
    ]
    batch = tmp_path / "all/batch"
    text = review.as_csv(proposals, ("food", "menu"), folder=batch)
    head, right, wrong, settled, left = text.splitlines()
    assert head == "path,labels,maybe,reviewed,suggested,suggested_maybe,uncertainty,p_food,p_menu"
    assert right == "../photos/right.jpg,food,menu,,food,menu,0.8000,0.6000,0.1000"
    corrected = [
        head,
        right.replace("food,menu,,", "food,menu,yes,"),
        wrong.replace("food,menu,,", "human;food,menu,,"),
        settled.replace("food,menu,,", "food,,,"),
        left,
    ]
    put(batch / "review.csv", "\n".join(corrected).encode())
    (tmp_path / "all").rename(tmp_path / "elsewhere")
    gathered = sources.gather(tmp_path / "elsewhere/batch")
    found = {each.place.rpartition("/")[2]: each.photograph for each in gathered.found}
    assert {name: (photo.labels, photo.maybe) for name, photo in found.items()} == {
        "right.jpg": (("food",), ("menu",)),
        "wrong.jpg": (("human", "food"), ("menu",)),
        "settled.jpg": (("food",), ()),
    }
    assert all(each.by_person for each in gathered.found)
    assert causes(gathered.refused) == [("../photos/left.jpg", "unreviewed")]
