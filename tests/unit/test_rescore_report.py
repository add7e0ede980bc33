"""What a shadow would change, folded image by image, and reported with intervals."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.testing import LABELS, RULES
from agents.version_comparison import ComparedImage, folded
from model.policy import Policy
from operations import rescore_report
from schemas.decisions import Decided, Decision
from schemas.errors import ConfigurationError
from schemas.events import RescoreMode
from schemas.records import Content, ImageHead, ScoreRecord, State
from schemas.rescore_jobs import FromStore, RescoreJob
from schemas.tags import ModelRef, Scores
from schemas.uploads import Location, Position
from schemas.version_diff import MOVERS, Agreement, VersionDiff

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
POLICY = Policy(thresholds=dict.fromkeys(LABELS, 0.7), rules=RULES)
CONTENT = Content(digest="ab" * 32, size=10)


def scores(version: str, **said: float) -> Scores:
    model = ModelRef(name="fake", version=version, digest=version * 64)
    return Scores(probabilities={label: said.get(label, 0.0) for label in LABELS}, model=model)


def compared(
    name: str, before: dict[str, float] | None, after: dict[str, float], *, corrected: str | None = None
) -> ComparedImage:
    position = Position(uploaded_at=EPOCH, partition=0, offset=0, event_id=name)
    old = scores("1", **before) if before is not None else None
    judged = POLICY.decide(old) if old else None
    head = ImageHead(
        image_id=name,
        location=Location(bucket="photos", key=f"{name}.jpg"),
        position=position,
        state=State.VISIBLE,
        content=CONTENT,
        scores=old,
        judged=judged,
        verdict=judged,
    )
    if corrected is not None and judged is not None:
        said = {"event_id": "d", "action": Decided.CORRECT, "decided_at": EPOCH, "decided_by": "ann"}
        decision = Decision.model_validate({**said, "labels": (corrected,), "partition": 0, "offset": 0})
        verdict = POLICY.correct(judged, (corrected,))
        head = head.model_copy(update={"decision": decision, "decisions": (decision,), "verdict": verdict})
    new = scores("2", **after)
    record = ScoreRecord(
        image_id=name,
        content_version="v",
        scores=new,
        position=position,
        scored_at=EPOCH,
        seconds={},
        content=CONTENT,
    )
    return ComparedImage.of_shadow(head, record, POLICY.decide(new))


def shadow(diff: VersionDiff | None, **said: Any) -> RescoreJob:
    facts = {"mode": RescoreMode.SHADOW, "diff": diff} | said
    return RescoreJob(
        id="replay-1",
        created_at=EPOCH,
        updated_at=EPOCH,
        created_by="ann",
        model_version="2",
        source=FromStore(),
        **facts,
    )


def test_each_tag_is_kept_added_removed_or_neither() -> None:
    diff = folded(
        VersionDiff(),
        [
            compared("a", {"menu": 0.9}, {"menu": 0.8}),
            compared("b", {"menu": 0.9}, {"menu": 0.6}),
            compared("c", {"menu": 0.6}, {"menu": 0.9}),
            compared("d", {"menu": 0.1}, {"menu": 0.2}),
        ],
    )
    menu = diff.labels["menu"]
    assert (menu.kept, menu.removed, menu.added, menu.neither) == (1, 1, 1, 1)
    assert menu.shift == pytest.approx(0.0)
    assert menu.distance == pytest.approx(0.8)
    assert (diff.images, diff.changed) == (4, 2)
    assert diff.flips == {"menu -> none": 1, "none -> menu": 1}


def test_an_image_without_scores_before_has_its_first_ones() -> None:
    diff = folded(VersionDiff(), [compared("a", None, {"menu": 0.8})])
    assert (diff.images, diff.first, diff.labels) == (0, 1, {})


def test_the_largest_moves_are_kept_the_farthest_first() -> None:
    images = [compared(f"i{n:03}", {"food": 0.5}, {"food": 0.5 + n / 1000}) for n in range(2 * MOVERS)]
    diff = folded(folded(VersionDiff(), images[:10]), images[10:])
    assert [each.image_id for each in diff.movers] == [
        f"i{n:03}" for n in range(2 * MOVERS - 1, MOVERS - 1, -1)
    ]
    first = diff.movers[0]
    assert (first.label, first.before, first.tags_after) == ("food", 0.5, ())


def test_people_are_asked_only_of_images_that_would_change() -> None:
    diff = folded(
        VersionDiff(),
        [
            compared("a", {"menu": 0.9}, {"human": 0.9}, corrected="human"),
            compared("b", {"menu": 0.9}, {"human": 0.9}, corrected="menu"),
            compared("c", {"menu": 0.9}, {"human": 0.9}, corrected="food"),
            compared("d", {"menu": 0.9}, {"menu": 0.8}, corrected="menu"),
            compared("e", {"menu": 0.9}, {"human": 0.9}),
        ],
    )
    assert diff.people == Agreement(with_before=1, with_after=1, with_neither=1)


values = st.fixed_dictionaries({label: st.floats(0, 1) for label in LABELS})


@given(st.lists(st.tuples(values, values), max_size=12), st.integers(0, 12))
def test_it_does_not_matter_where_pages_end(pairs: list[tuple[Any, Any]], cut: int) -> None:
    images = [compared(f"i{n}", before, after) for n, (before, after) in enumerate(pairs)]
    whole, parts = folded(VersionDiff(), images), folded(folded(VersionDiff(), images[:cut]), images[cut:])
    assert whole.model_dump(exclude={"labels"}) == parts.model_dump(exclude={"labels"})
    assert whole.labels.keys() == parts.labels.keys()
    for label, diff in whole.labels.items():
        assert diff.images == len(images)
        assert diff.model_dump() == pytest.approx(parts.labels[label].model_dump())


def test_a_report_has_every_label_with_its_interval_the_most_flipped_first() -> None:
    images = [compared(f"i{n}", {"menu": 0.9}, {"menu": 0.6 if n < 10 else 0.9}) for n in range(100)]
    report = rescore_report.of(shadow(folded(VersionDiff(), images)))
    assert report.rows[0].label == "menu"
    low, high = report.rows[0].flips.interval
    assert low < report.rows[0].flips.value == 0.1 < high
    assert [row.label for row in report.over] == ["menu"]
    assert not report.document()["may_be_published"]


def test_a_tag_that_flips_too_often_wants_somebody_to_have_looked() -> None:
    images = [compared(f"i{n}", {"menu": 0.9}, {"menu": 0.6 if n < 10 else 0.9}) for n in range(100)]
    job = shadow(folded(VersionDiff(), images))
    with pytest.raises(ConfigurationError, match=r"menu on 10\.0%.*--accept"):
        rescore_report.of(job).refuse_flips()
    rescore_report.of(job, most=0.1).refuse_flips()


def test_a_replay_that_is_no_shadow_has_no_report() -> None:
    with pytest.raises(ConfigurationError, match="--shadow"):
        rescore_report.of(shadow(None))
