"""The soak's account finds what is lost, doubled and wrongly condemned: each is brought about on purpose."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from schemas import topics
from schemas.wire import headers as wire_headers
from streams.message import Message
from tests.soak.account import Fault, unread
from tests.soak.announced import unannounced
from tests.soak.contents import RandomBytes
from tests.soak.evidence import Evidence
from tests.soak.ledger import Ledger

from .soak_builders import AMBIANCE, MENU, NOTHING, SmallSoak, busy
from .straight_path import upload_of

A, B, C, D, STREET = (
    upload_of(key).image_id for key in ("r1/a.jpg", "r1/b.jpg", "r1/c.jpg", "r1/d.jpg", "street.jpg")
)


def changed(evidence: Evidence, topic: str, messages: list[Message]) -> Evidence:
    return replace(evidence, messages={**evidence.messages, topic: tuple(messages)})


def without(evidence: Evidence, image_id: str) -> Evidence:
    return replace(evidence, heads={name: head for name, head in evidence.heads.items() if name != image_id})


def events(evidence: Evidence, topic: str, image_id: str) -> list[Message]:
    return [
        each for each in evidence.on(topic) if each.value and json.loads(each.value)["image_id"] == image_id
    ]


def said(message: Message, **facts: Any) -> Message:
    return replace(message, value=json.dumps(json.loads(message.value or b"{}") | facts).encode())


def found(soak: SmallSoak, evidence: Evidence) -> set[tuple[Fault, str]]:
    return {(finding.fault, finding.what) for finding in soak.account(evidence).findings}


def letter_about(message: Message, code: str) -> Message:
    topic, partition, offset = message.source
    said = {"topic": topic, "partition": str(partition), "offset": str(offset), "code": code}
    headers = tuple((wire_headers.PREFIX + name, value.encode()) for name, value in said.items())
    return Message(topics.DEAD_LETTERS, 0, 99, key=None, value=b"", headers=headers)


def test_the_builders_contents_are_seen_as_their_names_say() -> None:
    seen = [RandomBytes().labels(data) for data in (MENU, AMBIANCE, NOTHING)]
    assert seen == [{"menu"}, {"ambiance"}, set()]


async def test_a_run_in_which_nothing_goes_wrong_is_clean() -> None:
    soak = await busy()
    account = soak.account(await soak.evidence())
    assert account.findings == []
    assert account.events_in == account.accounted == len(soak.published)
    assert account.images == 5
    assert account.letters == {"malformed": 1}
    assert account.kinds["upload, said by a producer again"] == 1


async def test_an_image_without_a_head_is_lost() -> None:
    soak = await busy()
    assert (Fault.LOST, A) in found(soak, without(await soak.evidence(), A))


async def test_an_image_that_answers_an_older_word_is_lost() -> None:
    soak = await busy()
    before = await soak.evidence()
    await soak.put("r1/a.jpg", NOTHING, minute=9)
    after = await soak.evidence()
    old = replace(after, heads={**after.heads, A: before.heads[A]})
    assert found(soak, after) == set()
    assert (Fault.LOST, A) in found(soak, old)


async def test_a_message_of_a_lost_image_is_not_accounted_for() -> None:
    soak = await busy()
    account = soak.account(without(await soak.evidence(), A))
    assert account.accounted == account.events_in - 2  # it was put twice


async def test_a_verdict_that_was_never_announced_is_lost() -> None:
    soak = await busy()
    evidence = await soak.evidence()
    silent = evidence.heads[A].model_copy(update={"announced": None})
    assert (Fault.LOST, A) in found(soak, replace(evidence, heads={**evidence.heads, A: silent}))


async def test_a_decision_that_was_forgotten_is_a_loss() -> None:
    soak = await busy()
    evidence = await soak.evidence()
    undecided = evidence.heads[D].model_copy(update={"state": "hidden"})
    assert found(soak, replace(evidence, heads={**evidence.heads, D: undecided})) == {(Fault.LOST, D)}


@pytest.mark.parametrize("topic", [topics.TAGGED, topics.LATEST, topics.MODERATION, topics.AMBIANCE])
async def test_an_event_that_never_went_out_is_a_loss(topic: str) -> None:
    soak = await busy()
    evidence = await soak.evidence()
    image_id = STREET if topic == topics.MODERATION else B
    gone = events(evidence, topic, image_id)
    assert gone
    missing = changed(evidence, topic, [each for each in evidence.on(topic) if each not in gone])
    assert (Fault.LOST, image_id) in found(soak, missing)


async def test_one_fact_under_two_event_ids_is_a_second_effect() -> None:
    soak = await busy()
    evidence = await soak.evidence()
    again = said(events(evidence, topics.MODERATION, STREET)[-1], event_id="another")
    doubled = changed(evidence, topics.MODERATION, [*evidence.on(topics.MODERATION), again])
    assert found(soak, doubled) == {(Fault.DOUBLED, STREET)}


async def test_the_same_event_published_again_is_counted_and_no_second_effect() -> None:
    soak = await busy()
    evidence = await soak.evidence()
    again = events(evidence, topics.TAGGED, STREET)[-1]
    account = soak.account(changed(evidence, topics.TAGGED, [*evidence.on(topics.TAGGED), again]))
    assert account.is_clean
    assert account.repeated[topics.TAGGED] == 1


async def test_more_revisions_than_events_are_a_second_effect() -> None:
    soak = await busy()
    evidence = await soak.evidence()
    more = said(events(evidence, topics.TAGGED, STREET)[-1], event_id="another", revision=0)
    doubled = changed(evidence, topics.TAGGED, [more, *evidence.on(topics.TAGGED)])
    assert found(soak, doubled) == {(Fault.DOUBLED, STREET)}


async def test_a_score_document_that_stands_twice_is_a_second_effect() -> None:
    soak = await busy()
    evidence = await soak.evidence()
    (record,) = evidence.records[STREET]
    other = record.model_copy(update={"content_version": "another"})
    assert found(soak, replace(evidence, records={**evidence.records, STREET: (record, other)})) == {
        (Fault.DOUBLED, STREET)
    }


async def test_a_head_of_which_nobody_spoke_is_a_second_effect() -> None:
    soak = await busy()
    evidence = await soak.evidence()
    stranger = replace(evidence, heads={**evidence.heads, "img_stranger": evidence.heads[A]})
    assert found(soak, stranger) == {(Fault.DOUBLED, "img_stranger")}


async def test_an_event_of_a_zombie_behind_a_newer_one_is_dropped_and_counted() -> None:
    soak = await busy()
    evidence = await soak.evidence()
    zombie = events(evidence, topics.MODERATION, A)[0]  # it was a menu once
    account = soak.account(changed(evidence, topics.MODERATION, [*evidence.on(topics.MODERATION), zombie]))
    assert account.is_clean
    assert account.overtaken == 1


async def test_an_event_of_a_zombie_that_a_consumer_would_believe_is_a_second_effect() -> None:
    soak = await busy()
    evidence = await soak.evidence()
    zombie = said(events(evidence, topics.MODERATION, A)[0], event_id="zombie", revision=9)
    believed = changed(evidence, topics.MODERATION, [*evidence.on(topics.MODERATION), zombie])
    assert (Fault.DOUBLED, A) in found(soak, believed)


async def test_an_event_of_a_zombie_that_compaction_would_keep_is_a_loss() -> None:
    soak = await busy()
    evidence = await soak.evidence()
    zombie = events(evidence, topics.LATEST, A)[0]
    kept = changed(evidence, topics.LATEST, [*evidence.on(topics.LATEST), zombie])
    assert found(soak, kept) == {(Fault.LOST, A)}


async def test_a_removed_image_without_its_tombstone_is_a_loss() -> None:
    soak = await busy()
    evidence = await soak.evidence()
    kept = [each for each in evidence.on(topics.LATEST) if each.value is not None]
    assert (Fault.LOST, C) in found(soak, changed(evidence, topics.LATEST, kept))


async def test_a_letter_that_nothing_justifies_is_found() -> None:
    soak = await busy()
    evidence = await soak.evidence()
    wrong = letter_about(soak.published[0], "undecodable")
    condemned = changed(evidence, topics.DEAD_LETTERS, [*evidence.on(topics.DEAD_LETTERS), wrong])
    assert {fault for fault, _ in found(soak, condemned)} == {Fault.CONDEMNED}


async def test_a_letter_of_the_wrong_cause_is_found() -> None:
    soak = await busy()
    evidence = await soak.evidence()
    wrong = changed(evidence, topics.DEAD_LETTERS, [letter_about(soak.published[-1], "gone")])
    assert {fault for fault, _ in found(soak, wrong)} == {Fault.CONDEMNED}


async def test_a_bad_message_without_its_letter_is_lost() -> None:
    soak = await busy()
    evidence = await soak.evidence()
    silent = changed(evidence, topics.DEAD_LETTERS, [])
    assert {fault for fault, _ in found(soak, silent)} == {Fault.LOST}


async def test_a_letter_written_twice_is_counted_and_allowed() -> None:
    soak = await busy()
    evidence = await soak.evidence()
    twice = changed(evidence, topics.DEAD_LETTERS, [*evidence.on(topics.DEAD_LETTERS)] * 2)
    account = soak.account(twice)
    assert account.is_clean
    assert account.repeated_letters == 1


@pytest.mark.parametrize(("place", "allowed"), [(4, True), (1, False)], ids=["removed behind it", "stands"])
async def test_gone_is_a_cause_where_the_photograph_was_removed_behind_the_message(
    place: int, *, allowed: bool
) -> None:
    soak = await busy()
    evidence = await soak.evidence()
    letters = [*evidence.on(topics.DEAD_LETTERS), letter_about(soak.published[place], "gone")]
    assert soak.account(changed(evidence, topics.DEAD_LETTERS, letters)).is_clean is allowed


@pytest.mark.parametrize("key", ["r4/060.jpg.jpg", "bad/large-7.jp"], ids=["any", "begins as an accident's"])
async def test_a_key_that_storage_mixed_up_must_end_as_a_letter(key: str) -> None:
    soak = await busy()
    await soak.mix_up(key, minute=30)
    evidence = await soak.evidence()
    assert soak.account(evidence).is_clean
    letters = [each for each in evidence.on(topics.DEAD_LETTERS) if key.encode() not in (each.value or b"")]
    assert {fault for fault, _ in found(soak, changed(evidence, topics.DEAD_LETTERS, letters))} == {
        Fault.LOST
    }


async def test_a_good_message_in_parking_is_wrongly_condemned() -> None:
    soak = await busy()
    evidence = await soak.evidence()
    parked = replace(letter_about(soak.published[0], "keeps_failing"), topic=topics.PARKING)
    assert {fault for fault, _ in found(soak, changed(evidence, topics.PARKING, [parked]))} == {
        Fault.CONDEMNED
    }


async def test_an_acknowledged_message_that_is_not_on_its_topic_is_lost() -> None:
    soak = await busy()
    evidence = await soak.evidence()
    there = {message.source for message in soak.published}
    assert list(unread(there, evidence)) == []
    (lost,) = unread({*there, (topics.UPLOADED, 0, 999)}, evidence)
    assert lost.fault is Fault.LOST


async def test_what_storage_never_announced_is_known_by_its_key() -> None:
    soak = await busy()
    assert unannounced(soak.ledger, soak.published) == (0, [])
    soak.has("r1/a.jpg", NOTHING, began=datetime.now(UTC))
    soak.ledger.was_removed("r1/b.jpg", began=datetime.now(UTC))
    assert unannounced(soak.ledger, soak.published) == (2, ["r1/a.jpg", "r1/b.jpg"])


def test_who_looks_after_the_last_put_never_misses_the_photograph() -> None:
    ledger = Ledger()
    photograph = ledger.at("r1/a.jpg")
    ledger.was_put("r1/a.jpg", b"one", began=datetime.now(UTC))
    assert not photograph.may_be_missed_after(datetime.now(UTC))
    before = datetime.now(UTC)
    ledger.was_removed("r1/a.jpg", began=datetime.now(UTC))
    assert photograph.may_be_missed_after(datetime.now(UTC))
    ledger.was_put("r1/a.jpg", b"two", began=datetime.now(UTC))
    assert photograph.may_be_missed_after(before)
    assert not photograph.may_be_missed_after(datetime.now(UTC))


async def test_a_hidden_image_whose_reasons_are_not_stated_is_lost() -> None:
    soak = await busy()
    await soak.put("r1/e.jpg", MENU, minute=6)
    evidence = await soak.evidence()
    hidden = upload_of("r1/e.jpg").image_id
    assert found(soak, evidence) == set()
    others = [each for each in evidence.on(topics.STATEMENTS) if each.key != hidden.encode()]
    assert found(soak, changed(evidence, topics.STATEMENTS, others)) == {(Fault.LOST, hidden)}


async def test_reasons_stated_under_two_ids_are_a_second_effect() -> None:
    soak = await busy()
    evidence = await soak.evidence()
    stated = evidence.on(topics.STATEMENTS)
    again = said(stated[0], event_id="another")
    assert (Fault.DOUBLED, (stated[0].key or b"").decode()) in found(
        soak, changed(evidence, topics.STATEMENTS, [again, *stated])
    )
