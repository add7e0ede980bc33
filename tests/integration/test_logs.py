"""What the worker says, as a process of its own: logging is configured once a process."""

import json
import logging
import subprocess
import sys
from typing import Any

import pytest
from pydantic import SecretStr

from agents.telemetry.logs import REPEAT_SECONDS, Seldom
from agents.telemetry.masking import MASK, Mask, secrets_of
from agents.wiring.settings import Settings
from streams.adapters.s3.settings import S3Settings

PROGRAM = """
import logging, structlog
from agents.telemetry import logs
from agents.telemetry.settings import LogSettings
from agents.telemetry.masking import Mask

log = structlog.get_logger("streams.worker")
logs.configure(LogSettings(level={level!r}, format={format!r}), mask=Mask({secrets!r}))
{body}
"""


CONFIGURED = 'cr3t/"quoted"'


def said(body: str, *, level: str = "info", form: str = "json") -> list[str]:
    program = PROGRAM.format(level=level, format=form, body=body, secrets=[CONFIGURED, "abc"])
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


def test_a_library_that_repeats_itself_is_heard_once_in_a_while_and_what_is_new_at_once() -> None:
    now = 0.0
    seldom = Seldom(["aiokafka"], clock=lambda: now)

    def passes(name: str, *said: object) -> bool:
        return seldom.filter(logging.LogRecord(name, logging.ERROR, "", 0, "no node %s", said, None))

    storm = [passes("aiokafka.client", 1) for _ in range(700)]
    assert (storm[0], any(storm[1:])) == (True, False)
    assert passes("aiokafka.client", 2)
    assert passes("aiokafka.consumer", 1)
    assert all(passes("streams.app", 1) for _ in range(3))
    now = REPEAT_SECONDS
    assert passes("aiokafka.client", 1)


def test_a_broker_that_cannot_be_connected_is_told_in_our_words_alone() -> None:
    """By the real client: its own lines for each server are left out, the error that it raises says it."""
    body = """
import asyncio
from schemas.errors import Unavailable
from streams.adapters.kafka.admin import TopicAdmin

async def ask():
    try:
        async with TopicAdmin("127.0.0.1:1", seconds=5):
            pass
    except Unavailable as error:
        log.warning("dependency.away", cause=str(error))

asyncio.run(ask())
"""
    (line,) = said(body)
    assert json.loads(line)["event"] == "dependency.away"
    assert "127.0.0.1:1" in json.loads(line)["cause"]


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


@pytest.mark.parametrize("form", ["json", "console"])
@pytest.mark.parametrize(
    "body",
    [
        f"log.info('image.rejected', cause={CONFIGURED!r})",
        f"log.error('worker.failed', exc_info=ValueError('refused: ' + {CONFIGURED!r}))",
        f"logging.getLogger('a.library').warning('signed in with %s', {CONFIGURED!r})",
    ],
)
def test_a_configured_secret_is_masked_whoever_says_it_and_however(body: str, form: str) -> None:
    line = "\n".join(said(body, form=form))
    assert "cr3t" not in line
    assert MASK in line


@pytest.mark.parametrize("form", ["json", "console"])
@pytest.mark.parametrize(
    "name", ["password", "secret_access_key", "sasl_password", "api_token", "Authorization"]
)
def test_a_field_that_is_named_like_a_secret_is_masked(name: str, form: str) -> None:
    (line,) = said(f"log.info('config.read', **{{{name!r}: 'hunter2', 'user': 'ann'}})", form=form)
    assert "hunter2" not in line
    assert "ann" in line


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("mongodb://ann:hunter2@db:27017/tags", f"mongodb://ann:{MASK}@db:27017/tags"),
        ("mongodb://ann:p:w@db,other:1/x", f"mongodb://ann:{MASK}@db,other:1/x"),
        ("http://s3/a.jpg?X-Amz-Signature=abcd&X=1", f"http://s3/a.jpg?X-Amz-Signature={MASK}&X=1"),
        (f"no tsk_0a1B2c3D_{'x' * 49} here", f"no tsk_0a1B2c3D_{MASK} here"),
        (f"http://tsk_0a1B2c3D_{'x' * 9}:@api/v1", f"http://tsk_0a1B2c3D_{MASK}@api/v1"),
        ("Authorization: Bearer abcd", f"Authorization: Bearer {MASK}"),
        ("{'authorization': 'Basic YW5u'}", f"{{'authorization': 'Basic {MASK}'}}"),
    ],
)
def test_what_looks_like_a_secret_is_masked(text: str, masked: str) -> None:
    assert Mask(()).hide(text) == masked


@pytest.mark.parametrize(
    "text",
    [
        "http://127.0.0.1:9092/path is away",
        "kafka://a:9092;kafka://b:9092",
        "s3://photos/r-1/ann@example.com.jpg",
        "http://127.0.0.1:9000/photos/ann@example.com.jpg",
        "tokens=3 of the abc",
        "tsk_0a1B2c3D: there is no such key",
        "the author said: no",
    ],
)
def test_what_only_resembles_a_secret_is_left_alone(text: str) -> None:
    assert Mask(["abc"]).hide(text) == text


def test_of_two_secrets_that_begin_alike_no_rest_is_left() -> None:
    assert Mask(["begin-1", "begin-1-and-more"]).hide("begin-1-and-more") == MASK


def test_the_secrets_of_all_sections_are_known() -> None:
    keys = S3Settings(access_key_id=SecretStr("an-id"), secret_access_key=SecretStr("a-key"))
    assert set(secrets_of(Settings(s3=keys))) == {"an-id", "a-key"}
