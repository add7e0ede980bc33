"""`tagstream dev` as a user lives with it: left running in one terminal, everything else from another."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import time
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer

from schemas import identity, topics
from tagstream.child_process import WORKER
from tagstream.dev.state import FILE, FOLDER
from tests.e2e.dev_process import MENU, Dev, command, said_by

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(400)]


def _are_gone(pids: list[int]) -> bool:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        if not any(Path(f"/proc/{pid}").exists() and not _is_zombie(pid) for pid in pids):
            return True
        time.sleep(0.1)
    return False


def _is_zombie(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except OSError:
        return True


def test_a_day_with_it(dev: Dev) -> None:
    here = dev.where
    broken = here / "broken.jpg"
    broken.write_bytes(MENU.read_bytes()[:2000])

    tagged, dead = sorted(
        said_by(here, "upload", str(MENU), str(broken), "--restaurant", "lucia", "--wait", code=1),
        key=lambda line: line["name"] == str(broken),
    )
    assert tagged["image_id"] == identity.image_id("photos", MENU.name)
    assert tagged["tags"][0]["label"] == "menu"
    assert tagged["state"] == "hidden"
    assert dead["error"]["code"] == "undecodable"
    photographs_told = dev.wait_until_it_says("photograph", 2)
    assert {each["topic"] for each in photographs_told} == {topics.TAGGED, topics.DEAD_LETTERS}

    for beginning in ("earliest", "0", "2026-01-01"):
        (event,) = said_by(here, "tail", "tagged", "--from", beginning, "--limit", "1")
        assert event["value"]["image_id"] == tagged["image_id"]
    (asked,) = said_by(here, "tail", "moderation", "--from", "earliest", "--limit", "1")
    assert (asked["value"]["action"], asked["value"]["label"]) == ("added", "menu")
    (head,) = said_by(here, "scores", tagged["image_id"], "--history")
    assert (head["state"], len(head["history"])) == ("hidden", 1)

    said_by(here, "decide", f"s3://photos/{MENU.name}", "approve", "--by", "ann")
    (withdrawn, *_) = said_by(here, "tail", "moderation", "--from", "earliest", "--limit", "2")[1:]
    assert (withdrawn["value"]["action"], withdrawn["value"]["label"]) == ("removed", "menu")
    assert said_by(here, "scores", tagged["image_id"])[0]["decision"]["decided_by"] == "ann"

    assert {line["topic"] for line in said_by(here, "topics", "list") if line["exists"]} == set(topics.ALL)
    assert [check["check"] for check in said_by(here, "doctor") if not check["ok"]] == []

    (group,) = said_by(here, "dlq", "list")
    assert (group["cause"], group["count"], group["redriven"]) == ("undecodable", 1, 0)
    place = f"{group['example']['partition']}:{group['example']['offset']}"
    assert said_by(here, "dlq", "show", place)[0]["value"]["location"]["key"] == broken.name
    (redriven,) = said_by(here, "dlq", "redrive", "--cause", "undecodable", "--yes")
    assert (redriven["redriven"], redriven["refused"]) == (1, [])
    (again,) = said_by(here, "dlq", "redrive", "--offset", place, "--yes")
    assert (again["redriven"], again["redriven_before"]) == (0, 1)
    dev.wait_until_it_says("photograph", 4)  # approved, and buried a second time
    (group,) = said_by(here, "dlq", "list")
    assert (group["count"], group["redriven"]) == (2, 1)

    second = command(here, "dev")
    assert (second.returncode, second.stderr.count("\n")) == (1, 1)
    assert f"process {dev.process.pid}" in second.stderr

    children = dev.children()
    assert len(children) == 3
    dev.process.send_signal(signal.SIGINT)
    assert dev.process.wait(60) == 0
    assert _are_gone(children)
    assert not (here / FOLDER / FILE).exists()


def test_killed_it_leaves_nothing_behind_and_the_next_one_starts(dev: Dev) -> None:
    dev.wait_until_it_says("log")  # the worker lives
    children = dev.children()
    assert len(children) == 3
    dev.process.kill()
    dev.process.wait()
    assert _are_gone(children)
    next_one = Dev(dev.where)
    next_one.wait_until_it_says("started")
    next_one.process.send_signal(signal.SIGTERM)
    assert next_one.process.wait(60) == 0


def test_a_worker_that_is_killed_is_replaced_and_goes_on(dev_without_api: Dev) -> None:
    dev = dev_without_api
    dev.wait_until_it_says("log")
    os.kill(dev.child(WORKER), signal.SIGKILL)
    (death,) = dev.wait_until_it_says("said")
    assert "Worker 1 died (exit code -9); another one starts" in death["text"]
    (told,) = said_by(dev.where, "upload", str(MENU), "--wait")
    assert told["tags"][0]["label"] == "menu"
    dev.process.send_signal(signal.SIGINT)
    assert dev.process.wait(60) == 0


def test_uploads_wait_for_the_workers_and_what_others_publish_too_fast_is_told(dev_without_api: Dev) -> None:
    """Forty photographs behind forty thousand notifications; the broker keeps less than half of those."""
    dev = dev_without_api
    folder = dev.where / "photographs"
    folder.mkdir()
    for number in range(40):
        (folder / f"{number}.jpg").write_bytes(MENU.read_bytes() + bytes([number]))
    (started,) = dev.wait_until_it_says("started")
    asyncio.run(_flood(started["broker"], 40_000))
    ran = command(dev.where, "upload", str(folder), "--wait", "--timeout", "200", "--json")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "Waiting for the workers: partition" in ran.stderr
    assert len(ran.stdout.splitlines()) == 40
    assert any("Publish slower" in each["text"] for each in dev.said("said"))
    told = [each for each in dev.said("log") if each["event"] == "records.unread"]
    (group,) = said_by(dev.where, "dlq", "list")
    assert (group["cause"], group["count"]) == ("expired", len(told))
    (unread,) = (each for each in said_by(dev.where, "doctor", code=1) if not each["ok"])
    assert unread["check"] == "unread"


async def _flood(broker: str, count: int) -> None:
    """Notifications that ask for nothing."""
    asks = json.dumps({"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "b" * 700}).encode()
    async with AIOKafkaProducer(bootstrap_servers=broker, linger_ms=20) as producer:
        sent = [
            await producer.send(topics.UPLOADED, asks, key=str(number).encode()) for number in range(count)
        ]
        await asyncio.gather(*sent)
