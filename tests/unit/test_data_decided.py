"""What moderators decided, as labelled photographs; and photographs out of object storage."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from hashlib import sha256
from pathlib import Path

import pytest

from agents.bounded_times import ClockLimits
from model.data.entries import Entries, Entry
from operations import bulk_fetch, decision_dataset, import_data
from operations.decision_dataset import Stores
from schemas import topics, wire
from schemas.decisions import Decided, Decision, ModerationDecided
from schemas.errors import ConfigurationError, Unavailable
from schemas.records import Content, ImageHead, Kept, State
from schemas.uploads import Location
from streams.adapters.limits import Limits
from streams.adapters.memory import AwayImages, MemoryImages, MemoryScores
from streams.message import Message
from tests.unit.cli_builders import NOW, head, record, upload
from tests.unit.data_builders import causes, photo

LIMITS = Limits(buckets=("photos",))
CLOCK = ClockLimits(tolerance=86_400)
DATA = b"the bytes that Ann saw"


def word(
    action: str,
    labels: tuple[str, ...] | None = None,
    *,
    unsure: tuple[str, ...] | None = None,
    key: str = "lunch.jpg",
    minute: int = 5,
) -> ModerationDecided:
    facts: dict[str, object] = {"image_id": upload(key).image_id, "action": action, "decided_by": "ann"}
    facts |= {"labels": labels, "unsure": unsure}
    return ModerationDecided.model_validate(facts | {"decided_at": NOW + timedelta(minutes=minute)})


async def said(*values: bytes) -> AsyncIterator[Message]:
    for offset, value in enumerate(values):
        yield Message(topics.DECISIONS, 0, offset, None, value, (), NOW)


async def gathered(
    into: Path, *words: ModerationDecided, data: bytes = DATA, kept: ImageHead | None = None
) -> Entries:
    """What becomes of these decisions on `lunch.jpg`, of which the model says menu."""
    images, scores = MemoryImages(LIMITS), MemoryScores()
    await images.put(Location(bucket="photos", key="lunch.jpg"), data)
    content = Content(digest=sha256(DATA).hexdigest(), size=len(DATA))
    standing = kept or head(upload()).model_copy(update={"content": content, "restaurant_id": "r1"})
    await scores.apply(standing.image_id, lambda _: Kept(head=standing))
    spoken, spoiled = await decision_dataset.read(said(*map(wire.encode, words)), clock=CLOCK)
    assert not spoiled
    return await decision_dataset.labelled(spoken, Stores(scores, images), into=into)


def labels(found: Entries) -> list[tuple[str, ...]]:
    return [each.photograph.labels for each in found.found]


async def test_a_correction_names_all_true_labels(tmp_path: Path) -> None:
    found = await gathered(tmp_path, word("correct", ("food", "human")))
    assert labels(found) == [("food", "human")]
    (each,) = found.found
    assert each.by_person
    assert each.place == "s3://photos/lunch.jpg"
    assert each.photograph.source == "r1"
    assert each.photograph.path.read_bytes() == DATA


async def test_a_correction_to_nothing_is_a_negative(tmp_path: Path) -> None:
    assert labels(await gathered(tmp_path, word("correct", ()))) == [()]


def judged(found: Entries) -> tuple[tuple[str, ...], tuple[str, ...]]:
    (each,) = found.found
    return each.photograph.labels, each.photograph.maybe


async def test_an_approval_says_that_the_tags_are_right_and_nothing_of_the_model_s_other_labels(
    tmp_path: Path,
) -> None:
    assert judged(await gathered(tmp_path, word("approve"))) == (("menu",), ("food",))


async def test_an_approval_that_names_all_labels_leaves_none_in_doubt(tmp_path: Path) -> None:
    assert judged(await gathered(tmp_path, word("approve", ("menu",)))) == (("menu",), ())


async def test_what_a_moderator_is_unsure_of_is_a_maybe(tmp_path: Path) -> None:
    corrected = word("correct", ("food",), unsure=("menu", "human"))
    assert judged(await gathered(tmp_path, corrected)) == (("food",), ("menu", "human"))
    assert judged(await gathered(tmp_path, word("correct", (), unsure=("food",)))) == ((), ("food",))


async def test_a_tag_that_is_approved_and_in_doubt_is_a_maybe(tmp_path: Path) -> None:
    standing = head(upload())
    assert standing.verdict
    both = tuple(tag.model_copy(update={"tagged": True}) for tag in standing.verdict.tags)
    kept = standing.model_copy(update={"verdict": standing.verdict.model_copy(update={"tags": both})})
    approved = word("approve", unsure=("food",))
    assert judged(await gathered(tmp_path, approved, kept=kept)) == (("menu",), ("food",))


async def test_a_label_that_no_photograph_has_is_none_that_nobody_looked_for(tmp_path: Path) -> None:
    decided = await gathered(tmp_path, word("approve", unsure=("terrace",)))
    alone = import_data.decided_beside(Entries(), decided)
    assert judged(alone) == (("menu",), ())
    other = Entry(photo("a.jpg", "food"), "a.jpg")
    both = import_data.decided_beside(Entries((other,)), decided)
    assert [each.photograph.maybe for each in both.found] == [(), ("food",)]


async def test_an_approval_where_no_tag_holds_says_nothing(tmp_path: Path) -> None:
    standing = head(upload())
    assert standing.verdict
    untagged = standing.verdict.model_copy(update={"tags": standing.verdict.tags[1:]})
    kept = standing.model_copy(update={"verdict": untagged})
    found = await gathered(tmp_path, word("approve"), kept=kept)
    assert causes(found.refused) == [("s3://photos/lunch.jpg", "not_decided")]


async def test_an_approval_is_none_of_tags_that_were_made_later(tmp_path: Path) -> None:
    images, scores = MemoryImages(LIMITS), MemoryScores()
    await images.put(Location(bucket="photos", key="lunch.jpg"), DATA)
    standing = head(upload(minute=-60))
    await scores.apply(standing.image_id, lambda _: Kept(head=standing), record(standing))  # scored at NOW
    for minute, why in ((1, []), (-1, ["approved, but of another model's tags"])):
        approval = wire.encode(word("approve", minute=minute))
        spoken, _ = await decision_dataset.read(said(approval), clock=CLOCK)
        found = await decision_dataset.labelled(spoken, Stores(scores, images), into=tmp_path)
        assert [each.why.partition(":")[0] for each in found.refused] == why
        assert len(found.found) == 1 - len(why)


async def test_a_rejection_says_nothing_of_the_labels(tmp_path: Path) -> None:
    found = await gathered(tmp_path, word("reject"))
    assert "not to be shown" in found.refused[0].why


async def test_the_last_word_holds(tmp_path: Path) -> None:
    words = (word("correct", ("food",), minute=9), word("correct", ("human",), minute=7))
    assert labels(await gathered(tmp_path, *words)) == [("food",)]
    found = await gathered(tmp_path, *words, word("revoke", minute=10))
    assert found.refused[0].why == "the decision was revoked"


async def test_a_later_word_that_only_the_store_has_heard_holds(tmp_path: Path) -> None:
    later = Decision.of(word("revoke", minute=30), 1, 0)
    kept = head(upload()).model_copy(update={"decision": later})
    found = await gathered(tmp_path, word("correct", ("food",)), kept=kept)
    assert found.refused[0].why == "the decision was revoked"


async def test_a_word_on_other_bytes_than_those_that_stand_is_left_out(tmp_path: Path) -> None:
    found = await gathered(tmp_path, word("correct", ("food",)), data=b"other bytes")
    assert "other bytes stand there" in found.refused[0].why
    before = await gathered(tmp_path, word("correct", ("food",), minute=-5))
    assert "another photograph stands there since" in before.refused[0].why


async def test_what_was_removed_or_was_never_there_is_left_out(tmp_path: Path) -> None:
    gone = head(upload()).model_copy(update={"state": State.DELETED, "verdict": None})
    found = await gathered(tmp_path, word("approve"), word("approve", key="unknown.jpg"), kept=gone)
    assert sorted(each.why for each in found.refused) == [
        "the photograph was removed since",
        "the store does not know the image",
    ]


async def test_a_slip_of_one_moderator_does_not_end_the_import(tmp_path: Path) -> None:
    found = await gathered(tmp_path, word("correct", ("men/shoes",)))
    assert "a slash" in found.refused[0].why


async def test_what_is_no_decision_is_named_by_its_place() -> None:
    spoken, spoiled = await decision_dataset.read(said(b"{}", wire.encode(word("approve"))), clock=CLOCK)
    assert [[each.action for each in made] for made in spoken.values()] == [[Decided.APPROVE]]
    assert causes(spoiled) == [(f"{topics.DECISIONS}[0]@0", "not_decided")]


async def test_objects_become_files_and_what_is_gone_is_told(tmp_path: Path) -> None:
    images = MemoryImages(LIMITS)
    address = "s3://photos/a very/long name " + "x" * 300 + ".jpg"
    await images.put(bulk_fetch.location(address), DATA)
    brought = await bulk_fetch.bring(images, [address, "s3://photos/gone.jpg"], into=tmp_path)
    assert brought.files[address].read_bytes() == DATA
    assert "does not exist" in brought.refused["s3://photos/gone.jpg"]


async def test_a_bucket_that_is_not_allowed_is_a_wrong_setting(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"TAGSTREAM_S3__BUCKETS.*'other'"):
        await bulk_fetch.bring(MemoryImages(LIMITS), ["s3://other/a.jpg"], into=tmp_path)


async def test_storage_that_is_away_ends_the_import_as_what_it_is(tmp_path: Path) -> None:
    with pytest.raises(Unavailable):
        await bulk_fetch.bring(AwayImages(LIMITS, times=1), ["s3://photos/a.jpg"], into=tmp_path)


@pytest.mark.parametrize("address", ["s3://", "s3://photos", "s3:///key", "photos/a.csv"])
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(ConfigurationError, match="not the address of an object"):
        bulk_fetch.location(address)
