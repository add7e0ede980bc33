"""Nothing that a name says is obeyed by a terminal: every command is walked with names that try.

The commands are those of the command line's own tree: one without an errand here fails.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pytest
import typer.main
from confluent_kafka import Producer

from agents.transitions import Transitions
from model.tiny_version import write_tiny_version
from operations import batch_parts, batch_results
from operations.batch_chunks import ChunkOutcome
from operations.batch_results import RowResult
from operations.batch_rows import BatchRow, RowFault
from schemas import identity, topics, wire
from schemas.api_keys import ApiKey, Scope
from schemas.batch_jobs import (
    BatchChunk,
    BatchCounts,
    BatchCursor,
    BatchFormat,
    BatchInput,
    BatchJob,
    BatchOutput,
    BatchState,
)
from schemas.claims import Claim
from schemas.events import DeadLetter, RescoreRequested
from schemas.leases import Lease
from schemas.rescore_jobs import (
    FromIds,
    LabelChange,
    RescoreCounts,
    RescoreFilters,
    RescoreJob,
)
from schemas.tags import ModelRef
from schemas.uploads import Location
from streams.adapters.s3.files import S3Files
from streams.adapters.s3.settings import S3Settings
from streams.adapters.sqlite.store import SqliteScores
from tagstream import cli
from tagstream.embedded_stack import EmbeddedStack, open_stack
from tests.unit.data_builders import folder, picture, put
from tests.unit.head_builders import NOW, TAGGER, claim, scoring
from tests.unit.test_audit_trail import record

FILE: Final = "a\x1b]0;title\x07b\x1b[31mc\x9b8md\u202egpj.e\u2028f\x7f[bold]g"
"""What a file may be called: a window's title, colours, a line that is hidden, a name that runs backwards."""
NAME: Final = f"{FILE}[/bold][/link]"
SPELT: Final = "\\u202e"
OBEYED: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
OBJECT: Final = f"s3://photos/{NAME}.jpg"
IMAGE: Final = identity.image_id("photos", f"{NAME}.jpg")
PHOTO: Final = f"{FILE}.jpg"
LETTER: Final = "0:0"
JOB: Final = f"replay-{NAME}"
KEY: Final = "k0000001"
BATCH: Final = f"bat_{'0' * 26}"
LISTED: Final = f"s3://photos/{NAME}.csv"


@dataclass(frozen=True)
class Errand:
    """How a command is asked for something that a stranger has named."""

    words: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)


def errand(*words: str, **environment: str) -> Errand:
    return Errand(words, environment)


BAD_DATA: Final = f"{FILE}/nowhere"
ERRANDS: Final[Mapping[tuple[str, ...], tuple[Errand, ...]]] = {
    ("dev",): (errand("--folder", BAD_DATA),),
    ("upload",): (
        errand(PHOTO, "--bucket", NAME),
        errand(PHOTO),
        errand(PHOTO, "--json"),
        errand(OBJECT),
    ),
    ("tail",): (
        *(
            errand(topic, "--from", "earliest", "--limit", "1", *more)
            for topic in (
                "uploaded",
                "tagged",
                "latest",
                "moderation",
                "ambiance",
                "statements",
                "decisions",
                "rescore",
            )
            for more in ((), ("--json",))
        ),
        errand("dlq", "--from", "earliest", "--limit", "1"),
        errand(NAME),
    ),
    ("scores",): (errand(OBJECT), errand(OBJECT, "--history", "--json"), errand(f"img_{NAME}")),
    ("why",): (errand(OBJECT), errand(OBJECT, "--json", "--dead-letters"), errand(f"img_{NAME}")),
    ("link",): (errand(f"img_{NAME}"),),
    ("decide",): (errand(OBJECT, NAME), errand(OBJECT, "correct", "--labels", NAME, "--json")),
    ("erase",): (
        errand(OBJECT, "--dry-run"),
        errand(OBJECT, "--dry-run", "--json"),
        errand(f"img_{NAME}", "--dry-run"),
        errand(OBJECT, "--dry-run", "--data", BAD_DATA),
    ),
    ("statements", "export"): (
        errand("--from", "2026-01-01"),
        errand("--from", "2026-01-01", "--format", "json"),
        errand("--from", NAME),
        errand("--from", "2026-01-01", "--output", BAD_DATA),
    ),
    ("statements", "show"): (errand(OBJECT), errand(OBJECT, "--json"), errand(f"img_{NAME}")),
    ("replay", "start"): (
        errand("--from", NAME),
        errand("--from", "earliest", "--model", NAME, "--dry-run", "--json"),
        errand("--ids", BAD_DATA),
        errand("--from", "store", "--model", NAME, "--force", "--detach", "--reason", NAME),
        errand("--from", "store", "--band", NAME),
    ),
    ("replay", "plan"): (errand("--images", "1e6", "--rate", NAME),),
    ("replay", "status"): (errand(NAME), errand(JOB), errand(JOB, "--json")),
    ("replay", "list"): (errand(), errand("--json")),
    ("replay", "pause"): (errand(NAME), errand(JOB, "--json")),
    ("replay", "resume"): (errand(NAME),),
    ("replay", "report"): (errand(NAME),),
    ("replay", "publish"): (errand(NAME),),
    ("replay", "cancel"): (errand(NAME), errand(JOB)),
    ("replay", "rate"): (errand(NAME, "5"), errand(JOB, "5")),
    ("replay", "run"): (errand(TAGSTREAM_STORE__PATH=f"{FILE}.sqlite"),),
    ("batch", "submit"): (
        errand(LISTED, "--output", "s3://photos/out/"),
        errand(f"{FILE}.csv", "--output", "s3://photos/out/"),
        errand(BAD_DATA, "--output", "s3://photos/out/", "--format", "csv"),
        errand("s3://photos/list.csv", "--output", NAME),
        errand("s3://photos/list.csv", "--output", "s3://photos/other/", "--column", FILE),
        errand("s3://photos/list.csv", "--output", "s3://photos/out/", "--base", f"s3://{NAME}/"),
        errand("s3://photos/list.csv", "--output", "s3://photos/out/", "--model", NAME),
        errand("s3://photos/list.csv", "--output", f"s3://photos/{NAME}/", "--detach"),
        errand("s3://photos/list.csv", "--output", f"s3://photos/{NAME}-2/", "--detach", "--json"),
    ),
    ("batch", "status"): (
        errand(NAME),
        errand(BATCH),
        errand(BATCH, "--json"),
        errand(BATCH, "--watch"),
        errand(BATCH, "--watch", "--json"),
    ),
    ("batch", "list"): (errand(), errand("--json")),
    ("batch", "errors"): (errand(NAME), errand(BATCH), errand(BATCH, "--json")),
    ("batch", "resume"): (errand(NAME), errand(BATCH, "--json")),
    ("batch", "cancel"): (errand(NAME), errand(BATCH), errand(BATCH, "--json")),
    ("dlq", "list"): (errand(), errand("--json"), errand("--cause", NAME), errand("--image", NAME, "--json")),
    ("dlq", "show"): (errand(LETTER), errand(LETTER, "--json"), errand(NAME)),
    ("dlq", "redrive"): (errand("--all", "--dry-run"), errand("--since", NAME)),
    ("topics", "apply"): (errand(NAME),),
    ("topics", "list"): (errand(NAME),),
    ("routes", "check"): (errand(f"{FILE}.toml"), errand(BAD_DATA)),
    ("routes", "show"): (errand(TAGSTREAM_ROUTES__FILE=BAD_DATA),),
    ("store", "apply"): (errand(TAGSTREAM_STORE__PATH=f"{FILE}.sqlite"),),
    ("store", "show"): (errand(TAGSTREAM_STORE__PATH=f"{FILE}.sqlite"),),
    ("keys", "create"): (
        errand(NAME),
        errand(NAME, "--json"),
        errand("web", "--scope", NAME),
        errand("web", "--expires", NAME),
        errand("web", "--by", NAME, "--json"),
    ),
    ("keys", "list"): (errand("--json"), errand(TAGSTREAM_STORE__PATH=f"{FILE}.sqlite")),
    ("keys", "revoke"): (errand(NAME), errand(KEY), errand(KEY, "--json")),
    ("doctor",): (errand(TAGSTREAM_S3__BUCKETS=json.dumps([FILE])),),
    ("stress",): (errand("--bucket", NAME), errand("--photographs", BAD_DATA)),
    ("config", "show"): (errand(TAGSTREAM_ROUTES__FILE=FILE), errand("--json", TAGSTREAM_ROUTES__FILE=FILE)),
    ("classify",): (errand(PHOTO, "--model", "tiny"), errand("--json", BAD_DATA, "--model", "tiny")),
    ("schemas",): (errand("--check", "--output", BAD_DATA),),
    ("demo",): (errand("--photos", BAD_DATA),),
    ("data", "import"): (
        errand("labelled", "--output", "out", "--name", "one"),
        errand(BAD_DATA, "--output", "out"),
    ),
    ("data", "show"): (errand("labelled"), errand("labelled", "--json"), errand(BAD_DATA)),
    ("data", "prelabel"): (errand(BAD_DATA, "--output", "batch", "--model", "tiny"),),
    ("data", "draw"): (errand("--output", "pages", "--fonts", BAD_DATA),),
    ("model", "train"): (errand(BAD_DATA, "--output", "runs/n-v1"),),
    ("model", "evaluate"): (errand("tiny", BAD_DATA), errand(BAD_DATA, "labelled")),
    ("model", "compare"): (errand(BAD_DATA, "tiny", "labelled"),),
    ("model", "compare-backbones"): (errand(BAD_DATA, "--backbones", "resnet18", "--output", "cmp"),),
    ("model", "calibrate"): (errand(BAD_DATA, "labelled", "--output", "out", "--recall", "0.9"),),
    ("model", "average"): (errand(BAD_DATA, "--data", "labelled", "--output", "out"),),
    ("model", "parity"): (errand(BAD_DATA, "labelled"),),
    ("model", "pipeline"): (errand(BAD_DATA, "--name", "n", "--version", "v", "--work", "work"),),
    ("model", "publish"): (errand(BAD_DATA), errand("tiny", TAGSTREAM_REGISTRY__URL=f"{FILE}-registry")),
    ("model", "list"): (errand(NAME),),
    ("model", "show"): (errand(NAME),),
    ("model", "promote"): (errand(NAME),),
    ("model", "rollback"): (errand(NAME),),
    ("model", "shadow"): (errand(NAME),),
    ("model", "canary"): (errand(NAME, "--percent", "5"),),
    ("model", "rollout"): (errand(NAME), errand(NAME, "--json")),
    ("model", "rollouts"): (errand(TAGSTREAM_STORE__PATH=f"{FILE}.sqlite"),),
    ("model", "end-rollout"): (errand(NAME, "--reason", NAME),),
    ("model", "status"): (errand(TAGSTREAM_STORE__PATH=f"{FILE}.sqlite"),),
    ("model", "fetch"): (errand(NAME),),
    ("serve",): (errand(**{f"TAGSTREAM_API__{FILE}": "1"}),),
    ("worker",): (errand(**{f"TAGSTREAM_BATCH__{FILE}": "1"}),),
}
"""What each command is asked; each answer has the name in it, spelt out."""


def leaves(command: Any, *path: str) -> Iterator[tuple[str, ...]]:
    """The commands that do something, out of the tree that the command line has."""
    if not hasattr(command, "list_commands"):
        yield path
        return
    if path and command.invoke_without_command:
        yield path
    context = typer.Context(command)
    for name in command.list_commands(context):
        yield from leaves(command.get_command(context, name), *path, name)


def test_every_command_has_an_errand() -> None:
    assert set(leaves(typer.main.get_command(cli.app))) == ERRANDS.keys()


ASKED: Final = [(command, each) for command, every in ERRANDS.items() for each in every]


IDS: Final = [f"{'-'.join(command)}-{number}" for number, (command, _) in enumerate(ASKED)]


@pytest.mark.parametrize(("command", "asked"), ASKED, ids=IDS)
def test_no_command_sends_to_the_terminal_what_a_name_asks_of_it(
    command: tuple[str, ...],
    asked: Errand,
    world: Path,
    *,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(world)
    for name, value in asked.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "argv", ["tagstream", *command, *asked.words])
    with pytest.raises(SystemExit):
        cli.main()
    shown = capsys.readouterr()
    told = shown.out + shown.err
    assert OBEYED.findall(told) == []
    assert SPELT in told.replace("\n", "").replace(" ", "")  # where a table has folded it
    assert "Traceback" not in told
    if "--json" in asked.words:
        json.loads(
            f"[{shown.out}]" if shown.out.startswith("{\n") else f"[{','.join(shown.out.splitlines())}]"
        )


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder, a store and a broker in which everything is called what a stranger has called it."""
    place = tmp_path_factory.mktemp("world")
    with pytest.MonkeyPatch.context() as patch, asyncio.Runner() as loop:
        opened = open_stack("photos", place / "kept.sqlite")
        stack = loop.run(opened.__aenter__())
        try:
            for name, value in _settings(place, stack).items():
                patch.setenv(name, value)
            _files(place)
            loop.run(_keep(stack.store))
            loop.run(_put_batch(stack.storage))
            _publish(stack.broker)
            yield place
        finally:
            loop.run(opened.__aexit__(None, None, None))


def _settings(place: Path, stack: EmbeddedStack) -> dict[str, str]:
    return {
        "COLUMNS": "200",
        **{f"TAGSTREAM_{name}": str(value) for name, value in stack.settings.items()},
        "TAGSTREAM_MODEL__FOLDER": str(place / "tiny"),
        "TAGSTREAM_MODEL__DEVICE": "cpu",
        "TAGSTREAM_MODEL__THREADS": "1",
        "TAGSTREAM_REGISTRY__URL": str(place / "registry"),
        "TAGSTREAM_REGISTRY__CACHE": str(place / "cache"),
    }


def _files(place: Path) -> None:
    write_tiny_version(place / "tiny")
    put(place / f"{FILE}.jpg", b"no photograph")
    put(place / f"{FILE}.toml", b"routes = 7")
    put(place / f"{FILE}.csv", f"{NAME},dish\na.jpg,1\n".encode())
    folder(place / "labelled", FILE, "food", each=5)
    put(place / "labelled" / "food" / f"{FILE}.jpg", b"no photograph")
    put(place / "unlabelled" / f"{FILE}.jpg", picture("one"))


def _claim() -> Claim:
    return claim(1, restaurant=NAME).model_copy(
        update={"location": Location(bucket="photos", key=f"{NAME}.jpg")}
    )


async def _keep(path: Path) -> None:
    seen = scoring(_claim(), menu=0.9)
    change = Transitions(IMAGE, TAGGER, NOW).scored(seen)
    async with SqliteScores(path) as store:
        named = record(seen).model_copy(update={"image_id": IMAGE, "job": NAME})
        kept = await store.apply(IMAGE, change, named)
        await store.keep_statements(kept.head.statements)
        await store.create_job(_job())
        await store.create_key(_key())
        await store.create_batch(_batch())


def _job() -> RescoreJob:
    return RescoreJob(
        id=JOB,
        created_at=NOW,
        created_by=NAME,
        reason=NAME,
        updated_at=NOW,
        why=NAME,
        model_version=NAME,
        source=FromIds(path=NAME, digest=NAME),
        filters=RescoreFilters(label=NAME, restaurant_id=NAME),
        labels={NAME: LabelChange(before=1)},
        unfinished=(NAME,),
        counts=RescoreCounts(chosen={"send": 1}, unfinished=1),
        lease=Lease(runner=NAME, until=NOW),
    )


def _batch() -> BatchJob:
    """It has failed, with its one part."""
    listed = BatchInput(
        bucket="photos",
        key=f"{NAME}.csv",
        format=BatchFormat.CSV,
        column=NAME,
        base=f"s3://photos/{NAME}",
        etag=NAME,
        size=100,
        header=(NAME,),
    )
    return BatchJob(
        id=BATCH,
        state=BatchState.FAILED,
        why=NAME,
        code=NAME,
        created_at=NOW,
        created_by=NAME,
        input=listed,
        output=BatchOutput(bucket="photos", prefix=f"{NAME}/", format=BatchFormat.CSV),
        version=NAME,
        model=ModelRef(name=NAME, version=NAME, digest=NAME),
        labels=(NAME,),
        cursor=BatchCursor(chunks=1, byte=100, rows=1, is_at_end=True),
        counts=BatchCounts(chunks=1, rows=1, failed=1, bytes=100, errors={NAME: 1}),
        updated_at=NOW,
    )


async def _put_batch(storage: S3Settings) -> None:
    """The part of that job, and a list of another one."""
    job = _batch()
    row = BatchRow(1, NAME, {NAME: NAME}, None, RowFault(NAME, NAME))
    data = batch_results.part([RowResult(row, None, row.fault)], job)
    chunk = BatchChunk(number=0, begin=0, end=100, first_row=1, rows=1)
    async with S3Files(storage) as files:
        await batch_parts.keep(files, job, chunk, data, ChunkOutcome(1, {NAME: 1}))
        another = Location(bucket="photos", key="list.csv")
        await files.put_new(another, f"image,{NAME}\n{NAME},1\n".encode(), metadata={})


def _key() -> ApiKey:
    """Revoked by somebody who is called so; the name of a key itself is refused."""
    return ApiKey(
        id=KEY,
        name="web",
        scopes=(Scope.PREDICT,),
        secret_sha256="0a" * 32,
        created_at=NOW,
        created_by=NAME,
        revoked_at=NOW,
        revoked_by=NAME,
    )


def _publish(broker: str) -> None:
    producer = Producer({"bootstrap.servers": broker})
    upload = {"location": {"bucket": "photos", "key": f"{NAME}.jpg"}, "uploaded_at": "2026-01-01T00:00:00Z"}
    dead = DeadLetter(
        key=NAME.encode(),
        value=json.dumps(upload, ensure_ascii=False).encode(),
        headers=((NAME, NAME.encode()),),
        source=(topics.UPLOADED, 0, 7),
        image_id=NAME,
        stage="fetch",
        code=NAME,
        exception=NAME,
        message=NAME,
        trace=NAME,
    )
    asked = RescoreRequested(
        event_id=NAME, image_id=IMAGE, claim=_claim(), model_version=NAME, job=NAME, requested_at=NOW
    )
    producer.produce(topics.RESCORE, wire.encode(asked), NAME.encode(), partition=0)
    for topic in set(topics.ALL) - {topics.DEAD_LETTERS, topics.RESCORE}:
        producer.produce(topic, json.dumps(upload).encode(), NAME.encode(), partition=0)
    headers: list[tuple[str, str | bytes | None]] = [*dead.headers, *dead.causes.items()]
    producer.produce(topics.DEAD_LETTERS, dead.value, dead.key, partition=0, headers=headers)
    producer.flush(10)
