"""What people ask on the command line, answered by the real servers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from schemas import topics
from tests.e2e.fleet import Fleet
from tests.real.bucket import Bucket
from tests.real.findings import Findings
from tests.real.pictures import picture
from tests.real.premises import PARTITIONS, Premises
from tests.real.processes import documents, tagstream

pytestmark = [pytest.mark.real, pytest.mark.timeout(300)]

MENU = "r1/the menu.jpg"
WHERE = f"s3://photos/{MENU}"


@pytest.fixture(scope="module", autouse=True)
def worker(fleet: Fleet, bucket: Bucket) -> Iterator[None]:
    fleet.start()
    bucket.put(MENU, picture("menu", of="the menu"))
    yield
    assert fleet.workers[0].stop(40) == 0


def asked(premises: Premises, *arguments: str) -> list[Any]:
    return documents(tagstream(premises, *arguments, "--json"))


def test_everything_that_is_applied_is_there_already_or_afterwards(premises: Premises) -> None:
    applied = {
        each["topic"]: each["outcome"] for each in asked(premises, "topics", "apply", "--partitions", "4")
    }
    assert applied.pop(topics.CONTROL) in {"created", "there"}  # a promotion may have been told before
    assert applied == dict.fromkeys(topics.ALL, "there") | {topics.REDRIVEN: "created"}
    for standing in ("created", "there"):
        answer = json.loads(tagstream(premises, "store", "apply", "--json"))
        assert {index["standing"] for index in answer["indexes"]} == {standing}


def test_the_doctor_finds_nothing_to_mend(premises: Premises) -> None:
    tagstream(premises, "store", "apply")
    checks = asked(premises, "doctor")
    assert [each for each in checks if not each["ok"]] == []
    assert {"broker", "topics", "store", "bucket photos", "model"} <= {each["check"] for each in checks}


def test_the_topics_are_listed_with_what_the_broker_keeps(premises: Premises) -> None:
    listed = {each["topic"]: each for each in asked(premises, "topics", "list")}
    assert set(topics.ALL) <= listed.keys()
    assert {listed[name]["partitions"] for name in topics.ALL} == {PARTITIONS}
    assert [name for name in topics.ALL if listed[name]["compacted"]] == [topics.LATEST]
    assert listed[topics.TAGGED]["retention_seconds"] == 7 * 86_400
    assert listed[topics.UPLOADED]["records"] > 0


async def test_scores_and_why_tell_of_an_object_by_its_name(premises: Premises, findings: Findings) -> None:
    head = await findings.until(MENU)
    (scores,) = asked(premises, "scores", WHERE)
    assert scores["image_id"] == head.image_id
    assert scores["state"] == "hidden"
    (why,) = asked(premises, "why", WHERE)
    assert why["image_id"] == head.image_id
    assert [route["label"] for route in why["routes"]] == ["menu"]
    assert any("menu" in sentence for sentence in why["in_words"])


@pytest.mark.parametrize("command", ["scores", "why"])
def test_what_the_store_does_not_know_is_exit_1(premises: Premises, command: str) -> None:
    assert tagstream(premises, command, "s3://photos/nobody.jpg", exits=1) == ""


async def test_a_topic_is_told_from_its_beginning_and_from_a_moment(
    premises: Premises, findings: Findings, bucket: Bucket
) -> None:
    first = (await findings.until(MENU)).image_id
    moment = datetime.now(UTC).isoformat()
    bucket.put("r1/later.jpg", picture("human", of="later"))
    second = (await findings.until("r1/later.jpg")).image_id
    for start, keys in (("earliest", {first, second}), (moment, {second})):
        told = asked(premises, "tail", "moderation", "--from", start, "--limit", str(len(keys)))
        assert {each["key"] for each in told} == keys
        assert {each["value"]["action"] for each in told} == {"added"}


async def test_a_file_that_is_uploaded_and_announced_by_us_is_one_image(
    premises: Premises, findings: Findings, tmp_path: Path
) -> None:
    file = tmp_path / "ours.jpg"
    file.write_bytes(picture("menu", of="ours"))
    answers = asked(premises, "upload", str(file), "--wait", "--restaurant", "r7")
    assert {each["image_id"] for each in answers} == {findings.image("ours.jpg")}
    both = await findings.until(
        "ours.jpg", lambda head: None not in (head.claims.storage, head.claims.producer)
    )
    assert both.restaurant_id == "r7"
    assert len(await findings.history("ours.jpg")) == 1
    routes = [each["action"] for each in await findings.said(topics.MODERATION, "ours.jpg") if each]
    assert routes == ["added"]
