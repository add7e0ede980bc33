"""Each picture once, under labels that nobody disputes."""

from __future__ import annotations

from model.data.inspecting import Seen
from model.data.selection import Selected, select
from tests.unit.data_builders import causes, photo, seen


def kept(selected: Selected) -> list[tuple[str, tuple[str, ...]]]:
    return [(each.found.place, each.found.photograph.labels) for each in selected.kept]


def copy(
    place: str,
    *labels: str,
    by_person: bool = False,
    split: str = "",
    source: str = "",
    digest: str = "d",
    maybe: tuple[str, ...] = (),
) -> Seen:
    photograph = photo(place, *labels, split=split, source=source, maybe=maybe)
    return seen(place, digest, photograph, by_person=by_person)


def test_a_copy_under_the_same_labels_is_left_out_and_named() -> None:
    selected = select([copy("b", "food"), copy("a", "food"), copy("c", "menu", digest="e")])
    assert kept(selected) == [("a", ("food",)), ("c", ("menu",))]
    assert causes(selected.refused) == [("b", "duplicate")]
    assert selected.refused[0].why == "the same picture as a"


def test_the_order_of_labels_is_no_conflict() -> None:
    assert kept(select([copy("a", "food", "menu"), copy("b", "menu", "food")])) == [("a", ("food", "menu"))]


def test_one_picture_under_two_labels_is_left_out_whole() -> None:
    selected = select([copy("a", "food"), copy("b", "menu"), copy("c", "food")])
    assert kept(selected) == []
    assert causes(selected.refused) == [("a", "conflict"), ("b", "conflict"), ("c", "conflict")]
    assert selected.refused[0].why == "a says food; b says menu; c says food"


def test_a_negative_that_shows_a_label_is_a_conflict_too() -> None:
    assert select([copy("a", "food"), copy("n")]).refused[0].why == "a says food; n says none of the labels"


def test_where_it_is_wanted_it_has_all_its_labels() -> None:
    selected = select([copy("a", "food"), copy("b", "menu")], merge=True)
    assert kept(selected) == [("a", ("food", "menu"))]
    assert causes(selected.refused) == [("b", "duplicate")]
    assert selected.merged == ("a = b: food, menu",)


def test_a_person_s_word_outranks_a_folder_s() -> None:
    selected = select([copy("a", "food"), copy("z", "menu", by_person=True), copy("b", "menu")])
    assert kept(selected) == [("z", ("menu",))]
    assert causes(selected.refused) == [("a", "outranked"), ("b", "duplicate")]


def test_two_people_may_disagree() -> None:
    selected = select([copy("a", "food", by_person=True), copy("b", "menu", by_person=True), copy("c", "x")])
    assert [cause for _, cause in causes(selected.refused)] == ["conflict"] * 3


def test_what_is_kept_has_its_copies_source_and_the_side_nearest_to_training() -> None:
    copies = [copy("a", "food", split="test"), copy("b", "food", split="val", source="x")]
    word = copy("z", "menu", by_person=True)
    for every, split in ((copies, "val"), ([*copies, word], "val")):
        photograph = select(every).kept[0].found.photograph
        assert (photograph.split, photograph.source) == (split, "x")


def test_labels_that_are_left_out_are_forgotten_before_anything_is_compared() -> None:
    selected = select([copy("a", "food", "menu"), copy("b", "menu"), copy("c", "food")], leave_out={"food"})
    assert kept(selected) == [("a", ("menu",))]
    assert causes(selected.refused) == [("c", "left_out"), ("b", "duplicate")]


def test_the_order_of_the_sources_changes_nothing() -> None:
    copies = [copy("a", "food"), copy("b", "food"), copy("c", "menu", digest="e")]
    assert select(copies).kept == select(copies[::-1]).kept


def judged(selected: Selected) -> list[tuple[tuple[str, ...], tuple[str, ...]]]:
    return [(each.found.photograph.labels, each.found.photograph.maybe) for each in selected.kept]


def test_a_yes_or_a_no_beside_a_maybe_is_a_maybe_and_no_conflict() -> None:
    doubtful = copy("a", "food", maybe=("menu", "human"))
    selected = select([doubtful, copy("b", "food", "menu")])
    assert judged(selected) == [(("food",), ("menu", "human"))]
    assert causes(selected.refused) == [("b", "duplicate")]
    assert selected.merged == ()


def test_a_maybe_of_one_label_settles_no_dispute_of_another() -> None:
    selected = select([copy("a", "food", maybe=("menu",)), copy("b", "human", "menu")])
    assert [cause for _, cause in causes(selected.refused)] == ["conflict"] * 2
    assert selected.refused[0].why == "a says food and maybe menu; b says human and menu"


def test_where_all_is_wanted_a_yes_wins_over_a_maybe() -> None:
    selected = select([copy("a", "food", maybe=("menu", "human")), copy("b", "menu")], merge=True)
    assert judged(selected) == [(("food", "menu"), ("human",))]


def test_a_person_s_word_outranks_a_maybe_too() -> None:
    person = copy("z", "menu", by_person=True)
    assert judged(select([copy("a", maybe=("menu", "food")), person])) == [(("menu",), ())]
    doubtful = copy("z", maybe=("menu",), by_person=True)
    selected = select([copy("a", "menu"), doubtful])
    assert judged(selected) == [((), ("menu",))]
    assert causes(selected.refused) == [("a", "outranked")]


def test_a_label_that_is_left_out_is_forgotten_under_maybe_too() -> None:
    both, alone = copy("a", "food", maybe=("menu",)), copy("b", digest="e", maybe=("menu",))
    main = copy("c", "menu", digest="f", maybe=("food",))
    selected = select([both, alone, main], leave_out={"menu"})
    assert judged(selected) == [(("food",), ())]
    assert causes(selected.refused) == [("b", "left_out"), ("c", "left_out")]
