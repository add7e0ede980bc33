"""One decision is in force for each digest, in whatever order decisions and bytes come."""

from __future__ import annotations

from datetime import timedelta
from hashlib import sha256

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from agents import moderation_policy
from agents.moderation_policy import Unapplied
from schemas import topics
from schemas.decisions import MOST_DECISIONS, Decided, Decision, ModerationDecided, remembered
from schemas.records import ImageHead, State
from streams.ports import Change

from .head_builders import NOW, after, at, changes, claim, decided, decision, outcome, removed, scored, told
from .straight_path import World, decision_message, s3_message, upload_of

APPROVE, REJECT, CORRECT, REVOKE = Decided.APPROVE, Decided.REJECT, Decided.CORRECT, Decided.REVOKE
FIRST, SECOND = upload_of(minute=0), upload_of(minute=5)
SEEN = {0: "food=0.9", 5: "food=0.95"}


def digest(minute: int) -> str:
    return sha256(SEEN[minute].encode()).hexdigest()


async def overwritten() -> World:
    """A photograph whose first bytes were overwritten by others; both are fine to the model."""
    world = World()
    for minute, upload in ((0, FIRST), (5, SECOND)):
        await world.tag(upload, SEEN[minute], offset=minute)
    return world


async def state(world: World) -> State:
    return (await world.head_of(FIRST)).state


async def test_an_approval_of_the_bytes_before_lifts_no_rejection_of_those_that_stand() -> None:
    world = await overwritten()
    await world.deliver(decision_message(FIRST.image_id, "reject", minute=6, digest=digest(5)))
    told = len(world.tags.announced)
    with capture_logs() as logs:
        late = decision_message(FIRST.image_id, "approve", minute=7, offset=1, digest=digest(0))
        await world.deliver(late)
    assert await state(world) is State.HIDDEN
    assert len(world.tags.announced) == told
    (line,) = [each for each in logs if each["log_level"] == "warning"]
    assert (line["event"], line["why"], line["image_id"]) == (
        "decision.outdated",
        "other_bytes",
        FIRST.image_id,
    )
    read = world.metrics.registry.get_sample_value
    assert read("tagstream_decisions_unapplied_total", {"why": "other_bytes"}) == 1
    assert world.counted("unapplied") == 1


async def test_what_was_decided_of_bytes_that_come_back_holds_of_them() -> None:
    world = await overwritten()
    await world.deliver(
        decision_message(FIRST.image_id, "reject", minute=6, digest=digest(0)),
        decision_message(FIRST.image_id, "approve", minute=7, offset=1, digest=digest(5)),
    )
    assert await state(world) is State.VISIBLE
    await world.tag(upload_of(minute=9), SEEN[0], offset=9)
    assert await state(world) is State.HIDDEN
    await world.tag(upload_of(minute=12), SEEN[5], offset=12)
    assert await state(world) is State.VISIBLE


async def test_a_second_rejection_after_a_removal_does_not_lift_the_first() -> None:
    world = await overwritten()
    await world.deliver(
        decision_message(FIRST.image_id, "reject", minute=6),
        s3_message("ObjectRemoved:Delete", "r1/a.jpg", minute=7, sequencer="B", offset=6),
        decision_message(FIRST.image_id, "reject", minute=8, offset=1),
    )
    assert await state(world) is State.DELETED
    await world.tag(upload_of(minute=9), SEEN[5], offset=9)
    assert await state(world) is State.HIDDEN


async def test_a_decision_on_a_removed_image_is_told_and_says_nothing() -> None:
    world = await overwritten()
    await world.deliver(s3_message("ObjectRemoved:Delete", "r1/a.jpg", minute=7, sequencer="B", offset=6))
    told = len(world.tags.announced)
    await world.deliver(decision_message(FIRST.image_id, "approve", minute=8))
    assert len(world.tags.announced) == told
    read = world.metrics.registry.get_sample_value
    assert read("tagstream_decisions_unapplied_total", {"why": "removed"}) == 1


async def test_a_decision_that_was_outranked_is_told_once_and_says_nothing() -> None:
    world = await overwritten()
    late = decision_message(FIRST.image_id, "approve", minute=6, offset=1)
    await world.deliver(decision_message(FIRST.image_id, "reject", minute=7), late)
    told = len(world.tags.announced)
    await world.deliver(late)
    assert len(world.tags.announced) == told
    read = world.metrics.registry.get_sample_value
    assert read("tagstream_decisions_unapplied_total", {"why": "outranked"}) == 1


async def test_a_revocation_of_nothing_publishes_no_correction() -> None:
    world = await overwritten()
    told = len(world.tags.announced)
    await world.deliver(decision_message(FIRST.image_id, "revoke", minute=7))
    assert len(world.tags.announced) == told


async def test_another_person_s_same_word_is_told_since_somebody_else_answers_for_it() -> None:
    world = await overwritten()
    await world.deliver(decision_message(FIRST.image_id, "approve", minute=6))
    told = len(world.tags.on(topics.LATEST))
    await world.deliver(decision_message(FIRST.image_id, "approve", minute=7, offset=1))
    assert len(world.tags.on(topics.LATEST)) == told + 1


async def test_a_late_decision_that_names_no_bytes_is_not_of_those_that_came_after_its_successor() -> None:
    world = World()
    await world.tag(FIRST, SEEN[0])
    reject = decision_message(FIRST.image_id, "reject", minute=6)
    approve = decision_message(FIRST.image_id, "approve", minute=7, offset=1)
    # Storage was away: the second bytes were put before both decisions, and are read behind them.
    await world.deliver(approve)
    await world.tag(SECOND, SEEN[5], offset=5)
    await world.deliver(reject, approve)
    assert await state(world) is State.VISIBLE
    assert moderation_policy.in_force(await world.head_of(FIRST)) is None


def test_one_person_s_words_of_one_time_on_two_contents_are_two_decisions() -> None:
    said = {
        "image_id": "img_1",
        "action": "reject",
        "decided_by": "ann",
        "decided_at": "2026-01-01T10:00:00Z",
    }
    digests = (digest(0), digest(5), f"sha256:{digest(5).upper()}")
    first, second, again = (
        ModerationDecided.model_validate(said | {"content_digest": each}) for each in digests
    )
    assert first.event_id != second.event_id == again.event_id


def test_a_revoked_decision_is_that_of_its_bytes_alone() -> None:
    head = after(
        scored(claim(1), content="a", food=0.9),
        decided(2, REJECT, content="b"),
        decided(3, REVOKE, content="a"),
        scored(claim(5), content="b", food=0.9),
    )
    assert head.state is State.HIDDEN


@pytest.mark.parametrize("action", [APPROVE, REJECT])
def test_what_an_earlier_version_kept_of_2099_outranks_nothing_that_comes_now(action: Decided) -> None:
    far = 60 * 24 * 365 * 73
    kept = after(scored(claim(1), food=0.9), decided(far, action)).model_copy(update={"decisions": ()})
    assert kept.all_decisions == (kept.decision,)
    head = outcome(kept, decided(3, REJECT if action is APPROVE else APPROVE)).head
    assert head.state is (State.HIDDEN if action is APPROVE else State.VISIBLE)
    assert [each.decided_at for each in head.decisions] == [at(3)]


def test_what_an_earlier_version_kept_of_2099_of_other_bytes_stays_as_it_is() -> None:
    far = 60 * 24 * 365 * 73
    head = after(
        scored(claim(1), content="a", food=0.9),
        decided(far, REJECT, content="b"),
        decided(3, APPROVE, content="a"),
        scored(claim(5), content="b", food=0.9),
    )
    assert head.state is State.HIDDEN


def test_a_decision_within_the_tolerance_is_not_taken_for_one_of_2099() -> None:
    ahead = (NOW - at(0) + timedelta(seconds=900)).total_seconds() / 60
    head = after(scored(claim(1), food=0.9), decided(ahead, REJECT), decided(3, APPROVE))
    assert head.state is State.HIDDEN


def test_a_head_of_an_earlier_version_means_what_it_meant() -> None:
    of_now = after(scored(claim(1), content="a", menu=0.9), decided(2, APPROVE))
    kept = of_now.model_copy(update={"decisions": ()})
    assert moderation_policy.in_force(kept) == of_now.decision
    assert outcome(kept, decided(1.5, REJECT)).head.state is State.VISIBLE
    later = outcome(kept, scored(claim(5), content="b", food=0.9), decided(6, REJECT)).head
    assert [each.action for each in later.decisions] == [APPROVE, REJECT]


def test_an_earlier_version_is_given_the_decision_of_the_present_bytes() -> None:
    head = after(
        scored(claim(1), content="a", food=0.9),
        decided(2, REJECT, content="a"),
        decided(3, APPROVE, content="b"),
    )
    assert head.decision is not None
    assert (head.decision.action, head.decision.content_digest) == (REJECT, "a")
    other = outcome(head, scored(claim(5), content="b", food=0.9)).head
    assert other.decision is not None
    assert (other.decision.action, other.decision.content_digest) == (APPROVE, "b")


CONTENTS = ("a", "b", "c")
DECISIONS = st.lists(
    st.tuples(st.integers(0, 30), st.sampled_from([APPROVE, REJECT, REVOKE]), st.sampled_from(CONTENTS)),
    min_size=1,
    max_size=8,
    unique_by=lambda each: each[0],
)
UPLOADS = st.lists(
    st.tuples(st.integers(0, 30), st.sampled_from(CONTENTS)),
    min_size=1,
    max_size=4,
    unique_by=lambda each: each[0],
)


@settings(max_examples=200, deadline=None)
@given(made=DECISIONS, uploads=UPLOADS, data=st.data())
def test_in_whatever_order_decisions_and_bytes_come_each_digest_has_its_last_word(
    made: list[tuple[int, Decided, str]], uploads: list[tuple[int, str]], data: st.DataObject
) -> None:
    """And however often each comes; what holds is what a clerk would say who had all of it on the desk."""
    decisions = [decided(minute, action, content=content) for minute, action, content in made]
    first, *others = [scored(claim(minute), content=content, menu=0.9) for minute, content in uploads]
    again = data.draw(st.lists(st.sampled_from([*decisions, *others, first]), max_size=4))
    heard = data.draw(st.permutations([*decisions, *others, *again]))
    head = after(first, *heard)
    standing = max(uploads)[1]
    of_bytes = [(minute, action) for minute, action, content in made if content == standing]
    last = max(of_bytes)[1] if of_bytes else REVOKE
    assert head.digest == standing
    assert head.state is (State.VISIBLE if last is APPROVE else State.HIDDEN)
    assert {each.event_id for each in head.decisions} == {f"{action}-{minute}" for minute, action, _ in made}
    for each in head.decisions:
        assert (moderation_policy.unapplied(head, each) is None) == (
            each.content_digest == standing and each.decided_at == at(max(of_bytes)[0])
        )


@settings(max_examples=100, deadline=None)
@given(made=DECISIONS, data=st.data())
def test_nothing_is_announced_where_nothing_that_holds_changes(
    made: list[tuple[int, Decided, str]], data: st.DataObject
) -> None:
    head = told(after(scored(claim(1), content="a", menu=0.9)))
    for minute, action, content in data.draw(st.permutations(made)):
        before, head = head, outcome(head, decided(minute, action, content=content)).head
        changed = moderation_policy.in_force(before) != moderation_policy.in_force(head)
        assert (head.revision > before.revision) == changed
        head = told(head)


@given(st.permutations([(2, APPROVE, "a"), (3, REJECT, "b"), (4, CORRECT, "a"), (5, REVOKE, "c")]))
def test_what_is_remembered_is_the_union_in_one_order(made: list[tuple[int, Decided, str]]) -> None:
    union: tuple[Decision, ...] = ()
    for minute, action, content in made:
        union = remembered((*union, decision(minute, action, content=content)), standing="a")
    assert [each.decided_at for each in union] == [at(minute) for minute in (2, 3, 4, 5)]


def crowded(standing: str = "standing") -> list[Decision]:
    """A decision of the bytes that stand, older than those of as many others as are remembered."""
    return [
        decision(0, APPROVE, content=standing),
        *(decision(1 + n, REJECT if n % 2 else APPROVE, content=f"{n}") for n in range(MOST_DECISIONS)),
    ]


def test_what_is_too_much_to_remember_is_forgotten_where_it_matters_least() -> None:
    kept = remembered(crowded(), standing="standing")
    assert len(kept) == MOST_DECISIONS
    gone = [each for each in crowded() if each not in kept]
    assert [(each.action, each.content_digest) for each in gone] == [(APPROVE, "0")]
    fewer = remembered(crowded(), standing="standing", most=MOST_DECISIONS // 2 + 1)
    assert {each.action for each in fewer if each.content_digest != "standing"} == {REJECT}
    assert "standing" in {each.content_digest for each in fewer}


def test_what_was_outranked_is_forgotten_before_what_holds() -> None:
    superseded = [decision(100 + n, REJECT, content="same") for n in range(5)]
    kept = remembered([*crowded()[:-4], *superseded], standing="standing", most=MOST_DECISIONS - 2)
    assert [each.decided_at for each in kept if each.content_digest == "same"] == [at(104)]


async def test_a_decision_that_is_forgotten_is_said_in_the_log() -> None:
    world = World()
    await world.tag(FIRST, SEEN[0])
    with capture_logs() as logs:
        for number in range(MOST_DECISIONS + 1):
            await world.deliver(
                decision_message(
                    FIRST.image_id, "approve", minute=9 + number, offset=number, digest=f"{number:064x}"
                )
            )
    forgotten = [line["content_digest"] for line in logs if line["event"] == "decision.forgotten"]
    assert forgotten == [f"{0:064x}"]


def test_why_a_decision_does_nothing() -> None:
    made = [
        decision(9, APPROVE, content="other"),
        decision(3, APPROVE, content="bytes"),
        decision(4, REJECT, content="bytes"),
    ]
    head: ImageHead = after(scored(claim(1), menu=0.9), *(changes().decided(each) for each in made))
    whys = [moderation_policy.unapplied(head, each) for each in made]
    assert whys == [Unapplied.OTHER_BYTES, Unapplied.OUTRANKED, None]
    gone = outcome(head, removed(claim(20, removal=True))).head
    assert moderation_policy.unapplied(gone, made[2]) is Unapplied.REMOVED


async def test_a_decision_is_remembered_by_whoever_reads_its_head_again() -> None:
    world = await overwritten()
    await world.deliver(decision_message(FIRST.image_id, "reject", minute=6, digest=digest(0)))
    head = await world.head_of(FIRST)
    assert ImageHead.model_validate_json(head.model_dump_json()) == head
    assert [each.content_digest for each in head.decisions] == [digest(0)]


EVENTS = st.lists(
    st.tuples(st.sampled_from("ud"), st.integers(0, 12), st.sampled_from([APPROVE, REJECT, REVOKE])),
    min_size=2,
    max_size=8,
    unique_by=lambda each: each[:2],
)
"""Uploads, and decisions that name no bytes, of any minute."""


@settings(max_examples=300, deadline=None)
@given(events=EVENTS, data=st.data())
def test_decisions_that_come_again_are_of_the_bytes_that_they_were_of(
    events: list[tuple[str, int, Decided]], data: st.DataObject
) -> None:
    """A worker dies and reads decisions again behind uploads that came between them."""
    first = scored(claim(0), content="first", food=0.9)
    calm = faulted = after(first)
    delivered: list[Change] = []
    for kind, minute, action in events:
        uploaded = scored(claim(minute + 1), content=f"{minute % 3}", food=0.9)
        change = decided(minute, action) if kind == "d" else uploaded
        calm, faulted = outcome(calm, change).head, outcome(faulted, change).head
        if kind == "d":
            delivered.append(change)
            for again in delivered[data.draw(st.integers(0, len(delivered))) :]:
                faulted = outcome(faulted, again).head
    for again in delivered[data.draw(st.integers(0, len(delivered))) :]:
        faulted = outcome(faulted, again).head
    assert faulted == calm
