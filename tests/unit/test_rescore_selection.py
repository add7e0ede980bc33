"""Selection: which images a job asks for, by what is claimed of them, stored of them and filtered."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from agents.bounded_times import ClockLimits
from operations.rescore_pages import RescorePages
from operations.rescore_plan import measured_speed, plan
from operations.rescore_selection import RescoreSelection
from operations.rescore_sources import StoreSource
from schemas.claims import Claim, Claims
from schemas.rescore_jobs import RescoreCounts, RescoreFilters, ScoreBand
from schemas.uploads import ImageUploaded, Position

from .rescore_rig import Rig
from .straight_path import EPOCH, decision_message, s3_message, upload_of

A, B = upload_of("r1/a.jpg"), upload_of("r2/b.jpg", minute=30, restaurant="r2")


@pytest.fixture
async def rig(tmp_path: Path) -> Rig:
    made = Rig(tmp_path)
    await made.tagged(A, B, seen="menu=0.9 food=0.5")
    return made


async def chosen(rig: Rig, upload: ImageUploaded = A, *, version: str = "2", **said: Any) -> str:
    """What becomes of an image that the store alone knows."""
    selection = RescoreSelection("job-2", version, RescoreFilters(**said))
    choice, _ = selection.choose(None, await rig.world.scores.head(upload.image_id))
    return str(choice)


def claims_of(upload: ImageUploaded) -> Claims:
    place = Position(uploaded_at=upload.uploaded_at, partition=3, offset=9, event_id=upload.event_id)
    return Claims.of(Claim.of(upload, place))


async def test_an_image_that_lacks_the_version_is_sent(rig: Rig) -> None:
    assert await chosen(rig) == "send"


async def test_one_that_has_the_version_is_not(rig: Rig) -> None:
    assert await chosen(rig, version="1") == "scored"


async def test_one_that_has_it_is_decided_on_anew_where_that_is_asked_for(rig: Rig) -> None:
    assert await chosen(rig, version="1", decide_again=True) == "decide"


async def test_one_that_nobody_knows_is_unknown(rig: Rig) -> None:
    assert await chosen(rig, upload_of("r1/never.jpg")) == "unknown"


async def test_one_that_was_removed_is_left_alone(rig: Rig) -> None:
    await rig.world.deliver(
        s3_message("ObjectRemoved:Delete", A.location.key, minute=50, sequencer="B", offset=1)
    )
    assert await chosen(rig) == "removed"


async def test_one_restaurant_s_photographs_alone(rig: Rig) -> None:
    assert [await chosen(rig, each, restaurant_id="r2") for each in (A, B)] == ["elsewhere", "send"]


async def test_only_what_was_never_scored(rig: Rig) -> None:
    assert await chosen(rig, only_missing=True) == "tagged"
    selection = RescoreSelection("job-2", "2", RescoreFilters(only_missing=True))
    assert selection.choose(claims_of(upload_of("r1/new.jpg")), None)[0] == "send"


async def test_a_newer_claim_than_the_store_s_stands_and_is_sent(rig: Rig) -> None:
    newer = upload_of("r1/a.jpg", minute=5)
    selection = RescoreSelection("job-2", "1", RescoreFilters())
    choice, standing = selection.choose(claims_of(newer), await rig.world.scores.head(A.image_id))
    assert (choice, standing and standing.location) == ("send", newer.location)


async def test_a_head_that_knows_something_newer_than_the_source_wins(rig: Rig) -> None:
    newer = upload_of("r1/a.jpg", minute=5)
    await rig.tagged(newer)
    selection = RescoreSelection("job-2", "2", RescoreFilters())
    _, standing = selection.choose(claims_of(A), await rig.world.scores.head(A.image_id))
    assert standing is not None
    assert standing.location == newer.location


NOON = EPOCH + timedelta(minutes=10)


@pytest.mark.parametrize(
    ("filters", "left"),
    [
        ({"since": NOON}, [B]),
        ({"until": NOON}, [A]),
        ({"since": EPOCH, "until": EPOCH + timedelta(minutes=31)}, [A, B]),
        ({"since": B.uploaded_at}, [B]),
        ({"until": B.uploaded_at}, [A]),
        ({"label": "menu"}, [A, B]),
        ({"label": "food"}, []),
        ({"scored_by": "1"}, [A, B]),
        ({"scored_by": "0"}, []),
        ({"bands": (ScoreBand(label="food", low=0.3, high=0.7),)}, [A, B]),
        ({"bands": (ScoreBand(label="food", low=0.6, high=0.7),)}, []),
        (
            {"bands": (ScoreBand(label="food", low=0, high=0.1), ScoreBand(label="menu", low=0.9, high=1))},
            [A, B],
        ),
        ({"bands": (ScoreBand(label="wine", low=0, high=1),)}, []),
    ],
)
async def test_filters_leave_what_all_that_is_said_applies_to(
    rig: Rig, filters: dict[str, Any], left: list[ImageUploaded]
) -> None:
    assert [each for each in (A, B) if await chosen(rig, each, **filters) == "send"] == left


async def test_a_label_is_what_is_tagged_now_whoever_said_so(rig: Rig) -> None:
    await rig.world.deliver(decision_message(A.image_id, "correct", minute=60, labels=["food"]))
    assert [await chosen(rig, label=label) for label in ("food", "menu")] == ["send", "unasked"]


async def test_what_the_job_itself_has_scored_is_told_from_what_others_have(rig: Rig) -> None:
    rig.serve("2")
    await rig.world.put(A, "ambiance=0.9")
    await rig.started(filters=RescoreFilters(scored_by="1", label="menu"))
    await rig.run()
    assert (await chosen(rig, scored_by="1"), await chosen(rig, label="menu")) == ("done", "done")
    selection = RescoreSelection("job-3", "2", RescoreFilters())
    choice, _ = selection.choose(None, await rig.world.scores.head(A.image_id))
    assert choice == "scored"


async def test_the_same_request_has_the_same_id_whenever_it_is_sent(rig: Rig) -> None:
    asked = [await request(rig), await request(rig), await request(rig, model_version="3")]
    assert asked[0].event_id == asked[1].event_id != asked[2].event_id


async def test_a_job_that_decides_again_has_requests_of_its_own(rig: Rig) -> None:
    again = RescoreFilters(decide_again=True)
    ids = [(await request(rig, id=name, filters=again)).event_id for name in ("job-5", "job-6")]
    assert ids[0] != ids[1]


async def request(rig: Rig, **said: Any) -> Any:
    job = await rig.started(**said)
    pages = RescorePages(job, rig.world.scores, ClockLimits())
    return (await pages.chosen({A.image_id: None}, after="")).requests[0]


async def test_a_plan_says_how_many_how_large_and_what_scores_have_cost(rig: Rig) -> None:
    selection = RescoreSelection("job-2", "2", RescoreFilters(restaurant_id="r1"))
    made = await plan(StoreSource(rig.world.scores), selection, rig.world.scores, limits=ClockLimits())
    size = len(b"menu=0.9 food=0.5")
    assert (made.looked_at, made.wanted, made.done, made.bytes) == (2, 1, 0, size)
    assert made.sample is not None
    assert (made.sample.records, made.sample.seconds["forward"], dict(made.sample.versions)) == (
        2,
        0.25,
        {"1": 2},
    )
    assert (made.device_seconds, made.hours) == (0.25, None)


async def test_a_plan_that_looks_at_some_speaks_of_all_in_proportion(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("operations.rescore_plan.PAGE", 1)
    source = StoreSource(rig.world.scores)
    monkeypatch.setattr(StoreSource, "total", 2000)
    selection = RescoreSelection("job-2", "2", RescoreFilters())
    made = await plan(source, selection, rig.world.scores, limits=ClockLimits(), most=1)
    assert (made.is_whole, made.looked_at, made.wanted) == (False, 1, 2000)


async def test_a_plan_of_a_store_without_history_has_no_sample(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    selection = RescoreSelection("job-2", "2", RescoreFilters())
    made = await plan(StoreSource(rig.world.scores), selection, rig.world.scores, limits=ClockLimits())
    assert (made.sample, made.bytes, made.device_seconds, made.wanted) == (None, None, None, 0)


async def test_the_speed_is_that_of_the_last_job_of_the_version_that_did_enough(rig: Rig) -> None:
    fast = RescoreCounts(rescored=1000, seconds=10)
    jobs = [
        await rig.started(id="a", model_version="2", counts=fast),
        await rig.started(id="b", model_version="3", counts=RescoreCounts(rescored=500, seconds=10)),
        await rig.started(id="c", model_version="2", counts=RescoreCounts(rescored=5, seconds=10)),
    ]
    assert [measured_speed(jobs, version=version).rate for version in ("2", "3")] == [100, 50]  # type: ignore[union-attr]
    assert measured_speed(jobs[2:], version="2") is None
