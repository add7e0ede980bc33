"""What `tagstream dev` says of each photograph, for people and for scripts."""

from __future__ import annotations

import json
import subprocess
from io import StringIO
from pathlib import Path

import pytest

from schemas import topics
from schemas.api_tokens import ApiToken
from schemas.events import ImageTagged
from schemas.records import Kept
from streams.adapters.memory import MemoryScores
from streams.message import Message
from tagstream.child_process import API
from tagstream.demo.workers import Worker
from tagstream.dev.photographs import Ended, ended
from tagstream.dev.screen import Lines, Terminal
from tagstream.dev.state import RunningSystem
from tagstream.render.console import PrintableConsole
from tests.unit.cli_builders import MODEL, TAGS, deferred, head, letter, message, record, upload

STATE = RunningSystem(
    4711, "now", {"broker": "127.0.0.1:1", "s3": "http://127.0.0.1:2", "api": "http://127.0.0.1:3"}, {}
)
TOKEN = ApiToken.generate()
CALL = f'curl -H "Authorization: Bearer {TOKEN.text}" -F image=@PHOTO.jpg http://127.0.0.1:3/v1/predictions'
KEY = {"key": TOKEN.text, "curl": CALL}


def _tagged() -> Message:
    said = head(upload())
    event = ImageTagged(
        event_id="e",
        image_id=said.image_id,
        position=said.position,
        model=MODEL,
        location=said.location,
        tags=TAGS,
        state="hidden",
    )
    return message(topics.TAGGED, event)


async def _kept() -> MemoryScores:
    store, said = MemoryScores(), head(upload())
    await store.apply(said.image_id, lambda _: Kept(head=said), record(said))
    return store


def _terminal() -> tuple[Terminal, StringIO]:
    out = StringIO()
    return Terminal(PrintableConsole(file=out, width=200)), out


async def test_a_tagged_photograph_has_its_tags_routes_state_and_time_in_one_line() -> None:
    line = (await ended(_tagged(), await _kept())).line().plain
    assert line.startswith("✓ lunch.jpg  menu 0.91  food 0.08  → moderation  hidden  750 ms  img_")


async def test_a_photograph_that_the_store_has_forgotten_is_told_all_the_same() -> None:
    line = (await ended(_tagged(), MemoryScores())).line().plain
    assert line.startswith("✓ lunch.jpg  menu 0.91  food 0.08  hidden  img_")


def test_a_dead_letter_says_its_cause() -> None:
    assert Ended(letter().message).line().plain == "✗ message 0:0  gone: it is not there  img_a"


def test_what_is_held_aside_says_when_it_is_tried_again() -> None:
    line = Ended(deferred()).line().plain
    assert line.startswith(
        "… message 0:0  undecodable: held aside: suspected, too many are undecodable since "
    )


def test_an_alarm_says_what_becomes_of_the_photographs_and_what_to_do(tmp_path: Path) -> None:
    terminal, out = _terminal()
    worker = Worker(1, subprocess.Popen("true"), tmp_path / "log")
    worker.process.wait()
    terminal.heard(worker, {"event": "rejections.alarm", "level": "error", "cause": "gone"})
    assert "Too many are gone: from now on they are held aside, tried again" in out.getvalue()
    assert "`tagstream doctor` says what to do" in out.getvalue()


def test_people_see_the_addresses_and_what_to_do_next() -> None:
    terminal, out = _terminal()
    terminal.started(STATE, Path("/srv/.tagstream"), None)
    for expected in ("127.0.0.1:1", "http://127.0.0.1:2", "tagstream upload", "/srv/.tagstream", "Ctrl-C"):
        assert expected in out.getvalue()


def test_people_can_paste_a_call_of_the_api_with_its_key() -> None:
    terminal, out = _terminal()
    terminal.started(STATE, Path("/srv/.tagstream"), TOKEN)
    assert CALL in out.getvalue().splitlines()


def _api(folder: Path) -> Worker:
    process = subprocess.Popen("true")
    process.wait()
    return Worker(1, process, folder / "log", API)


def test_that_the_api_is_ready_is_said_once_it_listens(tmp_path: Path) -> None:
    terminal, out = _terminal()
    terminal.heard(_api(tmp_path), {"event": "model.warm", "level": "info", "version": "v1"})
    assert out.getvalue() == ""
    terminal.heard(_api(tmp_path), {"event": "api.serving", "level": "info", "address": "http://127.0.0.1:3"})
    assert out.getvalue() == "The API is ready: http://127.0.0.1:3\n"


def test_what_the_api_logs_is_told_as_its_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Lines().heard(_api(tmp_path), {"event": "api.serving"})
    assert json.loads(capsys.readouterr().out) == {"what": "log", "api": 1, "event": "api.serving"}


async def test_scripts_get_a_json_object_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    lines = Lines()
    lines.started(STATE, Path("/srv/.tagstream"), TOKEN)
    lines.ended(await ended(_tagged(), await _kept()))
    lines.say("Ending")
    started, photograph, said = map(json.loads, capsys.readouterr().out.splitlines())
    assert started == {"what": "started", "folder": "/srv/.tagstream", "pid": 4711, **STATE.addresses, **KEY}
    assert (photograph["what"], photograph["seconds"]) == ("photograph", 0.75)
    assert photograph["value"]["tags"][0]["label"] == "menu"
    assert said == {"what": "said", "text": "Ending"}
