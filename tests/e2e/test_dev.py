"""`tagstream dev` as a user lives with it: left running in one terminal, everything else from another."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import Request, urlopen

import pytest
from aiokafka import AIOKafkaProducer

from schemas import identity, topics
from tagstream.child_process import API, WORKER
from tagstream.dev.state import FILE, FOLDER
from tagstream.samples import photographs

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(400)]

MENU = next(path for path in photographs() if path.name == "menu-trattoria.jpg")
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith("TAGSTREAM_")}


def _tagstream(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "tagstream", *arguments]


def _ran(where: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A command in another terminal: nothing is set, it stands in the same folder."""
    return subprocess.run(
        _tagstream(*arguments), cwd=where, env=ENVIRONMENT, capture_output=True, text=True, check=False
    )


def _said(where: Path, *arguments: str, code: int = 0) -> list[dict[str, Any]]:
    """The JSON lines that the command says."""
    ran = _ran(where, *arguments, "--json")
    assert ran.returncode == code, ran.stderr + ran.stdout
    return [json.loads(line) for line in ran.stdout.splitlines()]


class Dev:
    """One `tagstream dev`, and what it has said so far."""

    def __init__(self, where: Path, *options: str) -> None:
        self.where = where
        self._out = where / "dev.out"
        with self._out.open("wb") as out:
            self.process = subprocess.Popen(
                _tagstream("dev", "--json", *options),
                cwd=where,
                env=ENVIRONMENT,
                stdout=out,
                stderr=subprocess.STDOUT,
            )

    def said(self, what: str) -> list[dict[str, Any]]:
        lines = [json.loads(line) for line in self._out.read_text().splitlines() if line.startswith("{")]
        return [line for line in lines if line["what"] == what]

    def wait_until_it_says(self, what: str, count: int = 1) -> list[dict[str, Any]]:
        while len(said := self.said(what)) < count:
            assert self.process.poll() is None, self._out.read_text()
            time.sleep(0.2)
        return said

    def children(self) -> list[int]:
        """The S3 endpoint, the workers and the API."""
        listed = subprocess.run(
            ["ps", "-o", "pid=", "--ppid", str(self.process.pid)], capture_output=True, text=True, check=False
        )
        return [int(pid) for pid in listed.stdout.split()]

    def child(self, kind: str) -> int:
        """The one process of that kind."""
        said = {pid: Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0") for pid in self.children()}
        (found,) = (pid for pid, words in said.items() if kind.encode() in words)
        return found

    def wait_until_the_api_is_ready(self, count: int = 1) -> None:
        """Return when it has become so as often."""
        while sum(each["event"] == "api.serving" for each in self.said("log")) < count:
            assert self.process.poll() is None, self._out.read_text()
            time.sleep(0.2)


@pytest.fixture
def dev(tmp_path: Path) -> Iterator[Dev]:
    running = Dev(tmp_path)
    try:
        running.wait_until_it_says("started")
        yield running
    finally:
        running.process.kill()
        running.process.wait()


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
        _said(here, "upload", str(MENU), str(broken), "--restaurant", "lucia", "--wait", code=1),
        key=lambda line: line["name"] == str(broken),
    )
    assert tagged["image_id"] == identity.image_id("photos", MENU.name)
    assert tagged["tags"][0]["label"] == "menu"
    assert tagged["state"] == "hidden"
    assert dead["error"]["code"] == "undecodable"
    photographs_told = dev.wait_until_it_says("photograph", 2)
    assert {each["topic"] for each in photographs_told} == {topics.TAGGED, topics.DEAD_LETTERS}

    for beginning in ("earliest", "0", "2026-01-01"):
        (event,) = _said(here, "tail", "tagged", "--from", beginning, "--limit", "1")
        assert event["value"]["image_id"] == tagged["image_id"]
    (asked,) = _said(here, "tail", "moderation", "--from", "earliest", "--limit", "1")
    assert (asked["value"]["action"], asked["value"]["label"]) == ("added", "menu")
    (head,) = _said(here, "scores", tagged["image_id"], "--history")
    assert (head["state"], len(head["history"])) == ("hidden", 1)

    _said(here, "decide", f"s3://photos/{MENU.name}", "approve", "--by", "ann")
    (withdrawn, *_) = _said(here, "tail", "moderation", "--from", "earliest", "--limit", "2")[1:]
    assert (withdrawn["value"]["action"], withdrawn["value"]["label"]) == ("removed", "menu")
    assert _said(here, "scores", tagged["image_id"])[0]["decision"]["decided_by"] == "ann"

    assert {line["topic"] for line in _said(here, "topics", "list") if line["exists"]} == set(topics.ALL)
    assert [check["check"] for check in _said(here, "doctor") if not check["ok"]] == []

    (group,) = _said(here, "dlq", "list")
    assert (group["cause"], group["count"], group["redriven"]) == ("undecodable", 1, 0)
    place = f"{group['example']['partition']}:{group['example']['offset']}"
    assert _said(here, "dlq", "show", place)[0]["value"]["location"]["key"] == broken.name
    (redriven,) = _said(here, "dlq", "redrive", "--cause", "undecodable", "--yes")
    assert (redriven["redriven"], redriven["refused"]) == (1, [])
    (again,) = _said(here, "dlq", "redrive", "--offset", place, "--yes")
    assert (again["redriven"], again["redriven_before"]) == (0, 1)
    dev.wait_until_it_says("photograph", 4)  # approved, and buried a second time
    (group,) = _said(here, "dlq", "list")
    assert (group["count"], group["redriven"]) == (2, 1)

    second = _ran(here, "dev")
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


def test_a_worker_that_is_killed_is_replaced_and_goes_on(dev: Dev) -> None:
    dev.wait_until_it_says("log")
    os.kill(dev.child(WORKER), signal.SIGKILL)
    (death,) = dev.wait_until_it_says("said")
    assert "Worker 1 died (exit code -9); another one starts" in death["text"]
    (told,) = _said(dev.where, "upload", str(MENU), "--wait")
    assert told["tags"][0]["label"] == "menu"
    dev.process.send_signal(signal.SIGINT)
    assert dev.process.wait(60) == 0


def test_a_photograph_is_tagged_over_http_with_the_key_that_it_shows(dev: Dev) -> None:
    (started,) = dev.wait_until_it_says("started")
    dev.wait_until_the_api_is_ready()
    assert _predicted(started["api"], started["key"])["verdict"]["tags"] == ["menu"]
    assert started["key"] in started["curl"]
    written = [each.read_bytes() for each in (dev.where / FOLDER).iterdir() if each.is_file()]
    assert not any(started["key"][-49:-6].encode() in each for each in written)
    assert json.loads((dev.where / FOLDER / FILE).read_text())["addresses"]["api"] == started["api"]
    os.kill(dev.child(API), signal.SIGKILL)
    (death,) = dev.wait_until_it_says("said")
    assert "The API died (exit code -9); another one starts" in death["text"]
    dev.wait_until_the_api_is_ready(2)
    assert _predicted(started["api"], started["key"])["verdict"]["tags"] == ["menu"]
    dev.process.send_signal(signal.SIGTERM)
    assert dev.process.wait(60) == 0
    with pytest.raises(URLError):
        _predicted(started["api"], started["key"])


def _predicted(api: str, key: str) -> dict[str, Any]:
    """What the API says of the menu."""
    head = b'--edge\r\nContent-Disposition: form-data; name="image"; filename="menu.jpg"\r\n\r\n'
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "multipart/form-data; boundary=edge"}
    body = head + MENU.read_bytes() + b"\r\n--edge--\r\n"
    with urlopen(Request(f"{api}/v1/predictions", body, headers)) as answer:  # noqa: S310 - ours, on loopback
        said: dict[str, Any] = json.load(answer)
    return said


def test_without_the_api_there_is_neither_its_process_nor_a_key(tmp_path: Path) -> None:
    dev = Dev(tmp_path, "--no-api")
    (started,) = dev.wait_until_it_says("started")
    dev.wait_until_it_says("log")
    assert not {"api", "key", "curl"} & started.keys()
    assert len(dev.children()) == 2
    assert json.loads(_ran(tmp_path, "keys", "list", "--json").stdout) == []
    dev.process.send_signal(signal.SIGTERM)
    assert dev.process.wait(60) == 0


def test_a_port_of_the_api_that_is_taken_is_one_line_and_exit_2(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        ran = _ran(tmp_path, "dev", "--json", "--api-port", str(taken.getsockname()[1]))
    assert (ran.returncode, ran.stderr.count("\n")) == (2, 1)
    assert ran.stderr.startswith("tagstream: TAGSTREAM_API__PORT: cannot listen on 127.0.0.1:")


def test_uploads_wait_for_the_workers_and_what_others_publish_too_fast_is_told(dev: Dev) -> None:
    """Forty photographs behind forty thousand notifications; the broker keeps less than half of those."""
    folder = dev.where / "photographs"
    folder.mkdir()
    for number in range(40):
        (folder / f"{number}.jpg").write_bytes(MENU.read_bytes() + bytes([number]))
    (started,) = dev.wait_until_it_says("started")
    asyncio.run(_flood(started["broker"], 40_000))
    ran = _ran(dev.where, "upload", str(folder), "--wait", "--timeout", "200", "--json")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "Waiting for the workers: partition" in ran.stderr
    assert len(ran.stdout.splitlines()) == 40
    assert any("Publish slower" in each["text"] for each in dev.said("said"))
    told = [each for each in dev.said("log") if each["event"] == "records.unread"]
    (group,) = _said(dev.where, "dlq", "list")
    assert (group["cause"], group["count"]) == ("expired", len(told))
    (unread,) = (each for each in _said(dev.where, "doctor", code=1) if not each["ok"])
    assert unread["check"] == "unread"


async def _flood(broker: str, count: int) -> None:
    """Notifications that ask for nothing."""
    asks = json.dumps({"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "b" * 700}).encode()
    async with AIOKafkaProducer(bootstrap_servers=broker, linger_ms=20) as producer:
        sent = [
            await producer.send(topics.UPLOADED, asks, key=str(number).encode()) for number in range(count)
        ]
        await asyncio.gather(*sent)
