"""`tagstream scores`: which image is meant, and what holds of it, for people and for scripts."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from agents.erasure import erased
from model.policy import Policy
from operations import image_ids
from schemas import identity, topics
from schemas.decisions import Decided
from schemas.errors import ConfigurationError
from schemas.records import ImageHead, ScoreRecord
from schemas.tags import UNCERTAIN, RouteRule, Scores, Tag
from tagstream.render import heads, tags
from tests.unit.cli_builders import MODEL, head, record, upload
from tests.unit.head_builders import after, claim, decided, scored

ID = identity.image_id("photos", "lunch.jpg")


def _shown(told: ImageHead, history: list[ScoreRecord] | None = None) -> str:
    out = StringIO()
    Console(file=out, width=120).print(heads.shown(told, history))
    return out.getvalue()


def test_an_image_is_meant_by_id_by_object_or_by_an_uploaded_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "lunch.jpg").touch()
    for given in (ID, "s3://photos/lunch.jpg", "lunch.jpg", str(tmp_path / "lunch.jpg")):
        assert image_ids.image_id(given, buckets=("photos", "menus")) == ID
    assert image_ids.image_id("a-producer-s-own-id", buckets=()) == "a-producer-s-own-id"


def test_a_file_that_could_be_in_no_bucket_is_refused(tmp_path: Path) -> None:
    (tmp_path / "lunch.jpg").touch()
    with pytest.raises(ConfigurationError, match="names no bucket"):
        image_ids.image_id(str(tmp_path / "lunch.jpg"), buckets=())


def test_a_head_is_shown_with_state_tags_model_and_routes() -> None:
    shown = _shown(head(upload()))
    for expected in (
        "s3://photos/lunch.jpg",
        "hidden",
        "restaurant v9",
        "0.910",
        "moderation",
        "menu >= 0.5",
    ):
        assert expected in shown


def test_the_threshold_that_decided_is_told_where_it_is_not_the_label_s_own() -> None:
    policy = Policy({"menu": 0.5, "food": 0.5}, rules=(RouteRule(label=UNCERTAIN, topic=topics.MODERATION),))
    doubtful = Scores(probabilities={"menu": 0.79, "food": 0.6}, model=MODEL)
    told = head(upload())
    for refusal, is_told in ((0.83, True), (0.0, False)):
        verdict = replace(policy, refusal=refusal).decide(doubtful)
        shown = " ".join(_shown(told.model_copy(update={"verdict": verdict})).split())
        assert ("No label reached 0.83: this model then takes a picture for none" in shown) is is_told
        assert ("threshold 0.83" in shown) is is_told


def test_a_decision_that_does_nothing_says_so() -> None:
    approved = decided(2, Decided.APPROVE, content="other")
    assert "does nothing: of other bytes" in " ".join(
        _shown(after(scored(claim(1), menu=0.9), approved)).split()
    )
    assert "does nothing" not in _shown(after(scored(claim(1), menu=0.9), decided(2, Decided.APPROVE)))


def test_the_history_is_shown_where_it_was_asked_for() -> None:
    told = head(upload())
    assert "2026-01-01" not in _shown(told).split("uploaded")[0]
    assert "v9" in _shown(told, [record(told)]).split("Scored")[1]
    assert "No scores" in _shown(told, [])


def test_an_image_that_was_removed_says_so() -> None:
    told = head(upload()).model_copy(update={"verdict": None, "scores": None})
    assert "Removed: no tag holds of it any more" in _shown(told)


def test_an_image_that_was_erased_says_so_and_nothing_else() -> None:
    told = erased("img_1", at=datetime(2026, 1, 1, tzinfo=UTC))(head(upload())).head
    shown = _shown(told)
    assert "Erased: no upload of before brings it back" in shown
    assert "run `tagstream erase` again" in shown
    assert "s3://" not in shown


def test_a_document_holds_the_history_where_it_was_asked_for() -> None:
    told = head(upload())
    assert heads.document(told, None)["state"] == "hidden"
    assert "history" not in heads.document(told, None)
    assert heads.document(told, [record(told)])["history"][0]["seconds"] == {"fetch": 0.25, "forward": 0.5}


@pytest.mark.parametrize("probability", [0.0, 0.009, 0.5, 0.999, 1.0])
@pytest.mark.parametrize("threshold", [0.0, 0.5, 1.0])
def test_a_bar_has_one_width_and_one_mark(probability: float, threshold: float) -> None:
    tag = Tag(label="menu", probability=probability, threshold=threshold, tagged=probability >= threshold)
    bar = tags.bar(tag).plain
    assert len(bar) == tags.WIDTH
    assert bar.count("│") == 1
    assert abs(bar.count("█") - probability * tags.WIDTH) <= 1
