"""Where the figures of a capacity plan come from, and that no figure is made of nothing."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from agents.wiring.settings import Settings
from benchmarks.suite.measurement import Sample
from operations import capacity_sources as sources
from operations.capacity_sample import TOGETHER, CapacitySample, read_sample, sample
from schemas.errors import ConfigurationError
from schemas.records import Content, ImageHead, ScoreRecord
from streams.adapters.sqlite.store import SqliteScores

from .bench_builders import results
from .head_builders import NOW, after, claim, removed, scored, scoring, told
from .test_audit_trail import record

SETTINGS = Settings()
NOWHERE = Path("nowhere/bench.json")


def head() -> ImageHead:
    return told(after(scored(claim(1), menu=0.9)))


def score(at: float, *, took: float, size: int = 1000) -> ScoreRecord:
    """Of an image that was scored so many seconds after noon, and in the worker for so many."""
    seconds = {"fetch": took / 2, "forward": took / 2}
    content = Content(digest="d", size=size)
    update = {"scored_at": NOW + timedelta(seconds=at), "seconds": seconds, "content": content}
    return record(scoring(claim(1), menu=0.9)).model_copy(update=update)


def scores(per_second: float, *, took: float, number: int = 300) -> list[ScoreRecord]:
    return [score(each / per_second, took=took) for each in range(number)]


def rate(
    of: CapacitySample | None, *, asked: str = "measured", bench: Path = NOWHERE
) -> sources.CapacityFigure:
    return sources.rate(asked, of, SETTINGS, renditions=False, bench=bench)


def test_a_rate_that_is_given_is_taken() -> None:
    assert rate(None, asked="39.5") == sources.CapacityFigure(39.5, "--rate")


@pytest.mark.parametrize("asked", ["0", "-1", "nan", "inf", "quick"])
def test_a_rate_that_is_none_is_refused(asked: str) -> None:
    with pytest.raises(ConfigurationError, match="--rate"):
        rate(None, asked=asked)


def test_a_busy_worker_is_measured_by_the_scores_closest_together() -> None:
    slow, busy = scores(2.0, took=1.0, number=150), scores(50.0, took=1.0)
    later = [each.model_copy(update={"scored_at": each.scored_at + timedelta(hours=1)}) for each in busy]
    found = rate(sample([head()], [*slow, *later]))
    assert found.value == pytest.approx(50.0, rel=0.02)
    assert "50.0 a second with 50 images at once, by 1 worker at least" in found.source


def test_more_images_at_once_than_a_window_holds_were_of_several_workers() -> None:
    found = rate(sample([head()], scores(100.0, took=1.2)))
    assert found.value == pytest.approx(50.0, rel=0.02)
    assert "by 2 workers at least" in found.source


def test_what_a_worker_with_room_has_done_is_no_measure() -> None:
    with pytest.raises(
        ConfigurationError, match=r"10\.0 images a second with 2\.0 in the workers.*--rate 40"
    ):
        rate(sample([head()], scores(10.0, took=0.2)))


@pytest.mark.parametrize(
    "of", [None, sample([], []), sample([head()], scores(50, took=1, number=TOGETHER - 1))]
)
def test_without_scores_there_is_nothing_to_measure_by(of: CapacitySample | None) -> None:
    with pytest.raises(ConfigurationError, match="nothing to measure by"):
        rate(of)


def test_the_figures_of_the_benches_stand_in_for_a_store_that_says_nothing(tmp_path: Path) -> None:
    ran = [
        Sample("Tagstream", kind, 100, 20.0, seconds, 3.0, 3.0, 600.0, {})
        for kind, seconds in (("renditions", 1.0), ("full-size", 2.0))
    ]
    place = tmp_path / "bench.json"
    place.write_text(replace(results(), rounds=[ran]).as_json())
    found = rate(None, bench=place)
    assert found.value == pytest.approx(50.0)
    assert "full-size, a processor, 2 cores" in found.source
    assert sources.rate("measured", None, SETTINGS, renditions=True, bench=place).value == pytest.approx(
        100.0
    )


@pytest.mark.parametrize("text", ["{}", "[]", "no JSON", results().as_json()])
def test_a_file_that_holds_no_such_figures_is_named(tmp_path: Path, text: str) -> None:
    place = tmp_path / "bench.json"
    place.write_text(text)
    with pytest.raises(ConfigurationError, match=r"bench\.json.*--rate"):
        rate(None, bench=place)


def test_sizes_are_those_of_the_store_and_else_assumed() -> None:
    of = sample([head()], [score(0, took=1, size=1000), score(1, took=1, size=1500)])
    assert sources.image_bytes(None, of, renditions=False).value == 1250
    assert sources.head_bytes(of).value == len(head().model_dump_json())
    assert sources.record_bytes(of).value == len(score(0, took=1).model_dump_json())
    for found in (sources.image_bytes(None, None, renditions=False), sources.head_bytes(None)):
        assert found.source.startswith("assumed")


def test_what_is_left_of_a_removed_image_is_no_measure_of_a_document() -> None:
    gone = after(removed(claim(9, removal=True)))
    assert sample([gone], []).head_bytes is None
    assert sample([gone, head()], []).head_bytes == len(head().model_dump_json())


def test_a_size_that_is_given_goes_before_renditions_and_these_before_the_store() -> None:
    of = sample([head()], [score(0, took=1)])
    assert sources.image_bytes(7.0, of, renditions=True).value == 7
    assert sources.image_bytes(None, of, renditions=True).value == sources.RENDITION_BYTES


def test_messages_are_as_long_as_the_published_examples() -> None:
    assert 1500 < sources.message_bytes().value < 5000


async def test_the_store_is_read_and_none_is_made(tmp_path: Path) -> None:
    place = tmp_path / "kept.sqlite"
    settings = SETTINGS.model_copy(update={"store": SETTINGS.store.model_copy(update={"path": place})})
    assert await read_sample(settings) is None
    assert not place.exists()
    of = scoring(claim(1), menu=0.9)
    async with SqliteScores(place) as store:
        await store.apply("img_1", scored(claim(1), menu=0.9), record(of))
    found = await read_sample(settings)
    assert found is not None
    assert (found.images, found.scores, found.rate) == (1, 1, None)
