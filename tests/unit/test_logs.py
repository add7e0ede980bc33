"""What the worker says, as a process of its own: logging is configured once a process."""

import json
import subprocess
import sys
from typing import Any

PROGRAM = """
import logging, structlog
from agents import logs
from agents.settings import LogSettings

log = structlog.get_logger("streams.worker")
logs.configure(LogSettings(level={level!r}, format={format!r}))
{body}
"""


def said(body: str, *, level: str = "info", form: str = "json") -> list[str]:
    program = PROGRAM.format(level=level, format=form, body=body)
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ran.stdout == ""
    return ran.stderr.splitlines()


def one(body: str, *, level: str = "info") -> dict[str, Any]:
    (line,) = said(body, level=level)
    document: dict[str, Any] = json.loads(line)
    return document


def test_a_line_is_one_json_object_with_its_event_word_level_time_and_fields() -> None:
    line = one('log.info("image.rejected", code="gone", offset=7)')
    assert (line["event"], line["level"]) == ("image.rejected", "info")
    assert (line["code"], line["offset"]) == ("gone", 7)
    assert line["timestamp"].endswith("Z")


def test_an_exception_is_a_field_of_its_line() -> None:
    line = one('log.critical("worker.failed", exc_info=ValueError("two\\nlines"))')
    assert line["event"] == "worker.failed"
    assert "ValueError: two\nlines" in line["exception"]


def test_a_library_s_line_looks_like_ours() -> None:
    line = one('logging.getLogger("a.library").warning("%s is odd", "this")')
    assert (line["event"], line["level"]) == ("this is odd", "warning")


def test_chatty_libraries_are_heard_from_warnings_on() -> None:
    libraries = ("faust", "aiokafka", "botocore", "asyncio")
    chat = "chatty = logging.getLogger(name + '.part'); chatty.info('chat'); chatty.warning(name)"
    body = f"for name in {libraries}: {chat}"
    assert [json.loads(line)["event"] for line in said(body, level="debug")] == list(libraries)


def test_what_lies_below_the_level_is_not_said() -> None:
    assert one('log.debug("message.started"); log.info("worker.started")')["event"] == "worker.started"


def test_fields_bound_to_the_context_are_on_every_line() -> None:
    line = one('structlog.contextvars.bind_contextvars(worker="w1"); log.info("worker.started")')
    assert line["worker"] == "w1"


def test_for_people_a_line_is_not_json_and_has_no_colours_in_a_file() -> None:
    (line,) = said('log.info("model.warm", version="3")', form="console")
    assert "model.warm" in line
    assert "version=3" in line
    assert "\x1b" not in line
