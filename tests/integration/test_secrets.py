"""Every secret is set to a canary, everything is made to fail, and no canary is found in what is said."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from agents.telemetry import masking
from agents.telemetry.masking import Mask
from agents.wiring import settings
from agents.wiring.backends import kafka_connection, kafka_settings, s3_settings
from schemas.errors import Stage, Unforeseen
from tests.certificates import Authority

CANARY = "canary"
KEY_PASSWORD = f"{CANARY}-of-the-key"
NOBODY = "127.0.0.1:1"


@pytest.fixture
def secrets(tmp_path: Path) -> dict[str, str]:
    """An environment in which all that can be secret is, each with a word of its own."""
    authority = Authority(tmp_path)
    client = authority.certificate("client", password=KEY_PASSWORD)
    return {
        "TAGSTREAM_KAFKA__BROKERS": NOBODY,
        "TAGSTREAM_KAFKA__SECURITY": "sasl_ssl",
        "TAGSTREAM_KAFKA__CA_FILE": str(authority.file),
        "TAGSTREAM_KAFKA__CERTIFICATE_FILE": str(client.file),
        "TAGSTREAM_KAFKA__KEY_FILE": str(client.key_file),
        "TAGSTREAM_KAFKA__KEY_PASSWORD": KEY_PASSWORD,
        "TAGSTREAM_KAFKA__USERNAME": "tagger",
        "TAGSTREAM_KAFKA__PASSWORD": "canary-of-kafka",
        "TAGSTREAM_STORE__URL": f"mongodb://tagger:canary-of%40mongo@{NOBODY}/?authMechanism=SCRAM-SHA-256",
        "TAGSTREAM_STORE__TIMEOUT": "1",
        "TAGSTREAM_S3__ENDPOINT_URL": f"http://gate:canary-of-the-gate@{NOBODY}",
        "TAGSTREAM_S3__ACCESS_KEY_ID": "canary-of-the-key-id",
        "TAGSTREAM_S3__SECRET_ACCESS_KEY": "canary-of-the-s3-secret",
        "TAGSTREAM_S3__BUCKETS": '["photos"]',
        "TAGSTREAM_TRACING__ENDPOINT": f"http://collector:canary-of-the-collector@{NOBODY}",
        "AWS_ACCESS_KEY_ID": "canary-of-aws-key-id",
        "AWS_SECRET_ACCESS_KEY": "canary-of-the-aws-secret",
        "AWS_SESSION_TOKEN": "canary-of-the-session",
        "OTEL_EXPORTER_OTLP_HEADERS": "authorization=Bearer canary-of-otlp",
        "TAGSTREAM_LOG__LEVEL": "debug",
        "TAGSTREAM_RETRY__LONGEST": "1",
    }


def environment(given: dict[str, str]) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("TAGSTREAM_", "AWS_"))}
    return kept | given


def said(*arguments: str, given: dict[str, str]) -> str:
    """All that the command writes; it has something to say."""
    command = [sys.executable, "-m", "tagstream", *arguments]
    ran = subprocess.run(
        command, env=environment(given), capture_output=True, text=True, check=False, timeout=100
    )
    told = ran.stdout + ran.stderr
    assert told.strip()
    return told


@pytest.mark.parametrize("arguments", [("config", "show"), ("config", "show", "--json")])
def test_the_settings_are_shown_without_secrets(secrets: dict[str, str], arguments: tuple[str, ...]) -> None:
    told = said(*arguments, given=secrets)
    assert CANARY not in told
    assert masking.MASK in told
    assert "tagger" in told  # who, but not by what


@pytest.mark.parametrize(
    "arguments",
    [
        ("topics", "list"),
        ("tail", "tagged"),
        ("store", "apply"),
        ("scores", "img_a"),
        ("dlq", "list"),
        ("why", "img_a"),
    ],
)
def test_a_command_that_fails_shows_no_secret(secrets: dict[str, str], arguments: tuple[str, ...]) -> None:
    assert CANARY not in said(*arguments, given=secrets)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("TAGSTREAM_STORE__URL", "mongodb://tagger:canary@@@/"),
        ("TAGSTREAM_STORE__URL", "postgres://tagger:canary-of-mongo@host/"),
        ("TAGSTREAM_KAFKA__KEY_PASSWORD", "canary-of-another-key"),
        ("TAGSTREAM_TRACING__ENDPOINT", "canary-of-the-collector@nowhere"),
        ("TAGSTREAM_S3__ENDPOINT_URL", "gate:canary-of-the-gate@nowhere"),
        ("TAGSTREAM_KAFKA__PASSWORD", ""),
    ],
)
def test_a_wrong_setting_is_told_without_its_secret(secrets: dict[str, str], name: str, value: str) -> None:
    given = {**secrets, name: value}
    for arguments in (("topics", "list"), ("store", "apply")):
        assert CANARY not in said(*arguments, given=given)


def test_the_doctor_shows_no_secret(secrets: dict[str, str], tmp_path: Path) -> None:
    no_model = {"TAGSTREAM_MODEL__FOLDER": str(tmp_path)}  # it takes its time, and knows no secret
    for more in ((), ("--json",)):
        told = said("doctor", *more, given=secrets | no_model)
        assert CANARY not in told
        assert "store" in told


def test_a_worker_that_fails_in_every_way_logs_no_secret(secrets: dict[str, str], tmp_path: Path) -> None:
    """At debug, over dependencies that are all away, until its trace is all that is left of it."""
    program = tmp_path / "worker.py"
    program.write_text(
        "import asyncio\n"
        "from agents.wiring import settings, worker\n"
        "from agents.wiring.backends import kafka_settings, s3_settings\n"
        "from agents.wiring.stores import open_store\n"
        "from contextlib import asynccontextmanager\n"
        "from schemas.errors import Unavailable\n"
        "from streams.adapters.kafka.publisher import KafkaPublisher\n"
        "from streams.adapters.s3.images import S3Images\n"
        "@asynccontextmanager\n"
        "async def parts(config, around):\n"
        "    errors = []\n"
        "    for part in (S3Images(s3_settings(config)), open_store(config.store),\n"
        "                 KafkaPublisher(kafka_settings(config))):\n"
        "        try:\n"
        "            async with part:\n"
        "                await part.ping()\n"
        "        except Unavailable as error:\n"
        "            errors.append(error)\n"
        "    import logging\n"
        "    logging.getLogger('botocore').error('%s %r %r', config, config, kafka_settings(config))\n"
        "    said = {'sasl_plain_password': config.kafka.password.get_secret_value()}\n"
        "    logging.getLogger('aiokafka').error('%s', said)\n"
        "    assert len(errors) == 3, errors\n"
        "    raise ExceptionGroup(config.store.url.get_secret_value() + ' with canary-of@mongo', errors)\n"
        "    yield\n"
        "worker.run(settings.load(), parts)\n"
    )
    ran = subprocess.run(
        [sys.executable, str(program)],
        env=environment(secrets),
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
        cwd=Path(__file__).parents[2],
    )
    told = ran.stdout + ran.stderr
    assert ran.returncode == 1, told
    for dependency in ("ConnectionRefused", "ExceptionGroup", "127.0.0.1:1"):
        assert dependency in told
    assert CANARY not in told


def test_what_is_made_of_the_settings_shows_no_secret(
    secrets: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in secrets.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("TAGSTREAM_S3__ENDPOINT_URL")
    monkeypatch.delenv("TAGSTREAM_TRACING__ENDPOINT")
    given = settings.load()
    for made in (given, given.kafka, given.s3, given.store, kafka_connection(given), kafka_settings(given)):
        assert CANARY not in f"{made!r} {made}"
    shown = repr(s3_settings(given))
    assert "canary-of-the-s3-secret" not in shown


def test_a_rejection_s_words_and_trace_lose_their_secrets(secrets: dict[str, str]) -> None:
    mask = Mask(masking.secrets_in(secrets, settings.secret_names()))
    error = ValueError(f"{secrets['TAGSTREAM_STORE__URL']} and canary-of@mongo of http://a:canary-b@host/")
    rejected = Unforeseen.of(error, stage=Stage.DECODE)
    assert CANARY in rejected.trace
    assert CANARY not in mask.hide(str(rejected)) + mask.hide(rejected.trace)


def test_every_setting_that_is_secret_is_masked(secrets: dict[str, str]) -> None:
    named = set(settings.secret_names())
    assert named == {
        "TAGSTREAM_KAFKA__KEY_PASSWORD",
        "TAGSTREAM_KAFKA__PASSWORD",
        "TAGSTREAM_S3__ACCESS_KEY_ID",
        "TAGSTREAM_S3__SECRET_ACCESS_KEY",
        "TAGSTREAM_STORE__URL",
    }
    assert named < secrets.keys()
