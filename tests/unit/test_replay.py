"""Replay: what is read, what is chosen, what is sent, and what it has changed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest

from operations.rescore import Replay, ReplayJob
from operations.rescore_latest import TOGETHER, LatestClaims
from operations.rescore_selection import RescoreSelection, SentImages, Start
from operations.rescore_summary import Plan
from schemas import topics, wire
from schemas.claims import Claims
from schemas.errors import ConfigurationError
from schemas.events import RescoreRequested
from schemas.uploads import ImageUploaded
from streams.message import Message

from .head_builders import claim
from .straight_path import (
    SpokenTagger,
    World,
    decision_message,
    message_of,
    raw_message,
    s3_message,
    upload_of,
)


class Log:
    """An uploads topic of one partition, by what was published to it."""

    def __init__(self, *messages: Message) -> None:
        self.messages = messages
        self.ranges: list[tuple[dict[int, int], dict[int, int]]] = []

    async def oldest(self) -> dict[int, int]:
        return {3: 0}

    async def ends(self) -> dict[int, int]:
        return {3: len(self.messages)}

    async def offsets_for(self, moment: datetime) -> dict[int, int]:
        return {3: 1 if moment.year > 2000 else 0}

    async def read(self, start: Mapping[int, int], until: Mapping[int, int]) -> AsyncIterator[Message]:
        self.ranges.append((dict(start), dict(until)))
        for message in self.messages[start[3] : until[3]]:
            yield message


class Lane:
    def __init__(self) -> None:
        self.sent: list[RescoreRequested] = []

    async def publish(self, *events: RescoreRequested) -> None:
        self.sent.extend(events)

    @property
    def images(self) -> list[str]:
        return [event.image_id for event in self.sent]


class Rig:
    """A world that was tagged by version 1, and a replay that wants version 2."""

    def __init__(self, folder: Path) -> None:
        self.world = World()
        self.world.now = datetime.now(UTC)  # a request says when it was made
        self.lane = Lane()
        self.folder = folder
        self.told: list[tuple[str, int, int | None]] = []
        self.messages: list[Message] = []
        self.runs = 0

    async def tagged(self, *uploads: ImageUploaded, seen: str = "menu=0.9") -> None:
        for upload in uploads:
            await self.world.put(upload, seen)
            await self.publish(upload)
            await self.world.deliver(self.messages[-1])

    async def publish(self, upload: ImageUploaded) -> None:
        self.messages.append(message_of(upload, offset=len(self.messages)))

    async def replay(
        self,
        *,
        start: str = "earliest",
        dry: bool = False,
        version: str = "2",
        together: int = TOGETHER,
        **wanted: object,
    ) -> tuple[Replay, Plan]:
        self.runs += 1
        scratch = self.folder / str(self.runs)
        scratch.mkdir()
        selection = RescoreSelection(version, **wanted)  # type: ignore[arg-type]
        job = ReplayJob("job-1", Start.parse(start), selection, together=together)
        replay = Replay(job, self.world.scores, scratch=scratch, tell=lambda *said: self.told.append(said))
        return replay, await replay.send(Log(*self.messages), None if dry else self.lane)

    async def work(self) -> None:
        """Workers with version 2 serve the lane."""
        self.world.tagger = SpokenTagger(self.world.faults, version="2")
        for offset, event in enumerate(self.lane.sent):
            message = Message(topics.RESCORE, 0, offset, key=None, value=wire.encode(event))
            await self.world.deliver(message)


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    return Rig(tmp_path)


A, B = upload_of("r1/a.jpg"), upload_of("r2/b.jpg", restaurant="r2")


async def test_an_upload_of_2099_that_workers_refused_is_left_out_of_a_replay(rig: Rig) -> None:
    await rig.tagged(A)
    await rig.publish(upload_of("r1/a.jpg", minute=60 * 24 * 365 * 73))
    _, plan = await rig.replay()
    assert (plan.read, plan.images, plan.unreadable, plan.choices) == (2, 1, 1, {"send": 1})
    assert [event.claim.position.uploaded_at for event in rig.lane.sent] == [A.uploaded_at]


async def test_every_image_that_lacks_the_version_is_sent(rig: Rig) -> None:
    await rig.tagged(A, B)
    _, plan = await rig.replay()
    assert set(rig.lane.images) == {A.image_id, B.image_id}
    assert (plan.read, plan.images, plan.choices) == (2, 2, {"send": 2})


async def test_what_has_the_version_is_not_sent_again(rig: Rig) -> None:
    await rig.tagged(A, B)
    await rig.replay()
    await rig.work()
    sent = len(rig.lane.sent)
    _, plan = await rig.replay()
    assert len(rig.lane.sent) == sent
    assert plan.choices == {"scored": 2}


async def test_what_has_the_version_is_decided_on_anew_where_that_is_asked_for(rig: Rig) -> None:
    await rig.tagged(A)
    _, plan = await rig.replay(version="1", decide_again=True)
    assert plan.choices == {"decide": 1}
    assert [event.decide_again for event in rig.lane.sent] == [True]


async def test_a_dry_run_counts_and_sends_nothing(rig: Rig) -> None:
    await rig.tagged(A)
    _, plan = await rig.replay(dry=True)
    assert rig.lane.sent == []
    assert plan.choices == {"send": 1}


async def test_the_latest_event_of_an_image_wins(rig: Rig) -> None:
    newer = upload_of("r1/a.jpg", minute=5)
    await rig.publish(newer)
    await rig.publish(A)
    await rig.replay()
    (wanted,) = rig.lane.sent
    assert wanted.claim.location == newer.location


async def test_a_head_that_knows_something_newer_than_the_topic_wins(rig: Rig) -> None:
    newer = upload_of("r1/a.jpg", minute=5)
    await rig.tagged(A, newer)
    rig.messages = rig.messages[:1]  # the newer one has expired, or lies before the start
    await rig.replay()
    (wanted,) = rig.lane.sent
    assert wanted.claim.location == newer.location


async def test_a_removed_image_is_left_alone(rig: Rig) -> None:
    await rig.tagged(A)
    removal = s3_message("ObjectRemoved:Delete", A.location.key, minute=50, sequencer="B", offset=1)
    rig.messages.append(removal)
    _, plan = await rig.replay()
    assert plan.choices == {"removed": 1}


async def test_one_restaurant_s_photographs_alone(rig: Rig) -> None:
    await rig.tagged(A, B)
    _, plan = await rig.replay(restaurant_id="r2")
    assert rig.lane.images == [B.image_id]
    assert plan.choices == {"elsewhere": 1, "send": 1}


async def test_only_what_was_never_scored(rig: Rig) -> None:
    await rig.tagged(A)
    await rig.publish(B)
    _, plan = await rig.replay(only_missing=True)
    assert rig.lane.images == [B.image_id]
    assert plan.choices == {"send": 1, "tagged": 1}


async def test_a_message_that_is_no_event_is_counted(rig: Rig) -> None:
    rig.messages.append(raw_message(b"?", offset=0))
    await rig.publish(A)
    _, plan = await rig.replay()
    assert (plan.read, plan.unreadable, plan.images) == (2, 1, 1)


async def test_the_same_request_has_the_same_id_whenever_it_is_sent(rig: Rig) -> None:
    await rig.publish(A)
    await rig.replay()
    await rig.replay()
    first, second = rig.lane.sent
    assert first.event_id == second.event_id


async def test_the_summary_says_what_changed_label_by_label(rig: Rig) -> None:
    await rig.tagged(A, B)
    replay, _ = await rig.replay()
    await rig.world.put(B, "ambiance=0.9")
    await rig.work()
    summary = await replay.summary()
    assert (summary.rescored, summary.changed, summary.unfinished) == (2, 1, 0)
    menu, ambiance = summary.labels["menu"], summary.labels["ambiance"]
    assert (menu.before, menu.after, menu.gained, menu.lost) == (2, 1, 0, 1)
    assert (ambiance.before, ambiance.after, ambiance.gained, ambiance.lost) == (0, 1, 1, 0)


async def test_what_never_got_its_scores_is_said(rig: Rig) -> None:
    await rig.tagged(A, B)
    replay, _ = await rig.replay()
    rig.lane.sent.pop()
    await rig.work()
    assert (await replay.summary()).unfinished == 1


async def test_the_wait_ends_when_the_workers_have_committed_the_lane(rig: Rig) -> None:
    replay, _ = await rig.replay()
    left = iter([0, 0])

    async def remaining() -> int:
        return next(left)

    await replay.wait(remaining)
    assert rig.told[-1] == ("rescore", 0, 0)


async def test_more_images_than_a_page_and_than_the_memory_holds_are_all_sent(rig: Rig) -> None:
    uploads = [upload_of(f"r1/{number}.jpg", minute=minute) for minute in (1, 2) for number in range(620)]
    for upload in uploads:
        await rig.publish(upload)
    _, plan = await rig.replay(together=7)
    assert plan.images == len(rig.lane.sent) == 620
    assert {event.claim.position.uploaded_at.minute for event in rig.lane.sent} == {2}


@pytest.mark.parametrize(
    ("said", "begin"), [("earliest", {3: 0}), ("3:1", {3: 1}), ("2026-01-01T00:00Z", {3: 1})]
)
async def test_it_begins_where_it_is_told_to(said: str, begin: dict[int, int]) -> None:
    log = Log()
    assert await Start.parse(said).places(log) == begin


def test_a_moment_is_read_as_utc() -> None:
    assert Start.parse("2026-05-01").moment == datetime(2026, 5, 1, tzinfo=UTC)


@pytest.mark.parametrize("said", ["latest", "", "0:", "0:1,", "a:b", "yesterday"])
def test_a_start_that_is_none_is_refused_with_what_is_wanted(said: str) -> None:
    with pytest.raises(ConfigurationError, match="earliest"):
        Start.parse(said)


async def test_a_request_for_another_version_is_another_request(rig: Rig) -> None:
    await rig.publish(A)
    await rig.replay(version="2")
    await rig.replay(version="3")
    assert len({event.event_id for event in rig.lane.sent}) == 2


async def test_the_removal_of_one_version_removes_nothing_from_a_replay(rig: Rig) -> None:
    await rig.tagged(A)
    key = A.location.key
    rig.messages.append(
        s3_message("ObjectRemoved:Delete", key, minute=50, sequencer="B", offset=1, version="v")
    )
    _, plan = await rig.replay()
    assert plan.choices == {"send": 1}


async def test_the_summary_is_of_what_the_models_said_whatever_a_person_decided(rig: Rig) -> None:
    await rig.tagged(A)
    await rig.world.deliver(decision_message(A.image_id, "correct", minute=60, labels=["food"]))
    replay, _ = await rig.replay()
    await rig.work()
    summary = await replay.summary()
    assert (summary.rescored, summary.changed) == (1, 0)
    assert set(summary.labels) == {"menu"}


async def test_what_was_removed_since_it_was_sent_is_unfinished(rig: Rig) -> None:
    await rig.tagged(A)
    replay, _ = await rig.replay()
    await rig.world.deliver(
        s3_message("ObjectRemoved:Delete", A.location.key, minute=50, sequencer="B", offset=1)
    )
    assert (await replay.summary()).unfinished == 1


async def test_progress_is_told_while_it_reads_and_chooses(rig: Rig) -> None:
    await rig.tagged(A, B)
    await rig.replay(start="3:0,7:5")  # of which the topic has no partition 7
    assert rig.told == [("read", 1, 2), ("read", 2, 2), ("choose", 2, 2)]


async def test_progress_is_told_while_the_lane_is_worked_off(rig: Rig) -> None:
    replay, _ = await rig.replay()
    left = iter([2, 2, 3, 1, 0])

    async def remaining() -> int:
        return next(left)

    rig.told.clear()
    await replay.wait(remaining, every=0)
    assert rig.told == [("rescore", 0, 2), ("rescore", 0, 3), ("rescore", 2, 3), ("rescore", 3, 3)]


def test_claims_that_come_in_any_order_are_joined_with_what_was_written_before(tmp_path: Path) -> None:
    older, newer = (Claims.of(claim(minute)) for minute in (1, 2))
    with LatestClaims(tmp_path / "latest.sqlite") as latest:
        latest.add("img_1", newer)
        assert list(latest.pages(10)) == [{"img_1": newer}]
        latest.add("img_1", older)
        assert list(latest.pages(10)) == [{"img_1": newer}]


def test_what_was_sent_is_remembered_page_by_page(tmp_path: Path) -> None:
    sent = SentImages(tmp_path / "sent.jsonl")
    assert list(sent.pages(2)) == []
    sent.add([("a", ("menu",)), ("b", ())])
    sent.add([("c", ("food",))])
    assert [list(page) for page in sent.pages(2)] == [["a", "b"], ["c"]]
