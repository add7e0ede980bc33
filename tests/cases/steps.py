"""Steps of the cases: what is put, what is sent, and what is right; payloads are read where they are."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Final

from schemas import identity, topics
from schemas.records import State
from tests.cases.verdicts import IGNORED, Right, in_words, letter, removed, stands, tagged
from tests.cases.world import Seen, World, digest, photograph, world
from tests.e2e.worker_under_test import BUCKET

DECIDED_ON: Final = "img_mcbbzyn6rhlnkdsxum7tepx6fk"
"""The image that the payloads of decisions name."""
TERRACE: Final = "r42/terrace.jpg"
CODECS: Final = ("lz4", "snappy", "zstd")
GOOD_WITHIN: Final = 60.0


@dataclass(frozen=True)
class Line:
    """A line of the table."""

    file: str
    gave: str
    right: str
    is_ok: bool


Play = Callable[[World, Path], Awaitable[list[Line]]]


@dataclass(frozen=True)
class Case:
    """Payloads that are sent into one world, in order."""

    files: tuple[str, ...]
    play: Play

    async def lines(self, folder: Path) -> list[Line]:
        """What came of it; a worker that does not settle is told, not raised."""
        async with world() as new:
            try:
                return await self.play(new, folder)
            except TimeoutError:
                seen = await new.seen()
                given = f"unfinished after a while; {in_words(seen, new)}"
                return [Line(file, given, "an end", is_ok=False) for file in self.files]


def image(key: str) -> str:
    """The image at that key."""
    return identity.image_id(BUCKET, key)


async def send(new: World, path: Path, topic: str = topics.UPLOADED, **filled: str) -> None:
    """Publish the payload: a file that is headers and a value is a message."""
    value = path.read_bytes()
    for name, text in filled.items():
        value = value.replace(f"<sha256 of {name}>".encode(), text.encode())
    try:
        document = json.loads(value)
    except ValueError:
        document = None
    if isinstance(document, dict) and document.keys() == {"headers", "value"}:
        await new.publish(topic, json.dumps(document["value"]).encode(), document["headers"])
        return
    await new.publish(topic, value)


async def own(new: World, key: str, at: str, **more: str) -> Seen:
    """Put a photograph first, as a producer of our own does; what stands then."""
    event = {"location": {"bucket": BUCKET, "key": key}, "uploaded_at": at} | more
    await new.publish(topics.UPLOADED, json.dumps(event).encode())
    return await new.settled()


def judged(file: str, seen: Seen, new: World, right: Right) -> Line:
    """The line of a step."""
    return Line(file, in_words(seen, new), right.words, right.holds(seen, new))


async def one(
    new: World, folder: Path, *, file: str, key: str | None, right: Right, before: bool = False
) -> list[Line]:
    """A photograph at the key, then the payload; with `before`, one that was tagged already."""
    if key is not None:
        new.put(key, await photograph(file))
    if before and key is not None:
        await own(new, key, "2025-01-01T12:00:00Z")
    await send(new, folder / file)
    return [judged(file, await new.settled(), new, right)]


async def gone_after_tagging(new: World, folder: Path, *, file: str, key: str, right: Right) -> list[Line]:
    """The photograph was tagged, and its object deleted; then the payload says so."""
    new.put(key, await photograph(file))
    await own(new, key, "2025-01-01T12:00:00Z")
    new.put(key, None)
    await send(new, folder / file)
    return [judged(file, await new.settled(), new, right)]


async def three_of_ceph(new: World, folder: Path, *, files: tuple[str, ...]) -> list[Line]:
    """An upload, other bytes, nothing; each is told by its own payload."""
    key, lines = "over.jpg", []
    for file, data in zip(files, (await photograph("1"), await photograph("2"), None), strict=True):
        new.put(key, data)
        await send(new, folder / file)
        right = tagged(image(key)) if data else removed(image(key))
        lines.append(judged(file, await new.settled(), new, right))
    return lines


async def compressed(new: World, folder: Path, *, file: str, codec: str) -> list[Line]:
    """The payload is a program that publishes."""
    key = "Z/a.jpg"
    new.put(key, await photograph(codec))
    program = [sys.executable, str(folder / file), new.bootstrap, codec]
    await asyncio.to_thread(subprocess.run, program, check=True)
    line = judged(file, await new.settled(), new, tagged(image(key)))
    return [replace(line, file=f"{file} {codec}")]


async def late_approval(new: World, folder: Path, *, files: tuple[str, ...]) -> list[Line]:
    """Two versions of a photograph; the second is rejected, then the first is approved."""
    versions = {name: await photograph(name) for name in ("v1", "v2")}
    for minute, data in enumerate(versions.values()):
        new.put("decided/on.jpg", data)
        await own(new, "decided/on.jpg", f"2026-01-01T12:0{minute}:00Z", image_id=DECIDED_ON)
    digests = {name: digest(data) for name, data in versions.items()}
    lines = []
    for file in files:
        await send(new, folder / file, topics.DECISIONS, **digests)
        seen = await new.settled()
        line = judged(file, seen, new, stands(DECIDED_ON, State.HIDDEN))
        lines.append(replace(line, gave=str(seen.heads[DECIDED_ON].state)))
    return lines


async def decision(new: World, folder: Path, *, file: str, right: Right) -> list[Line]:
    """A photograph that the model hides, and the payload decides on it."""
    data = await photograph(file, state=State.HIDDEN)
    new.put("decided/on.jpg", data)
    await own(new, "decided/on.jpg", "2026-01-01T12:00:00Z", image_id=DECIDED_ON)
    # The digest in the payload is that of somebody else's photograph: it is ours, in the same spelling.
    said = json.loads((folder / file).read_bytes())
    if isinstance(theirs := said.get("content_digest"), str):
        said["content_digest"] = digest(data).upper() if theirs.isupper() else digest(data)
    await new.publish(topics.DECISIONS, json.dumps(said).encode())
    return [judged(file, await new.settled(), new, right)]


async def sixty_gone(new: World, folder: Path, *, file: str) -> list[Line]:
    """Nothing is there; more of the same follows, and good ones behind it."""
    await send(new, folder / file)
    for number in range(64):
        event = {
            "location": {"bucket": BUCKET, "key": f"gone/{number}.jpg"},
            "uploaded_at": "2026-01-01T12:00:00Z",
        }
        await new.publish(topics.UPLOADED, json.dumps(event).encode())
    key = "good/after.jpg"
    new.put(key, await photograph(file))
    await new.publish(
        topics.UPLOADED,
        json.dumps(
            {"location": {"bucket": BUCKET, "key": key}, "uploaded_at": "2026-01-01T12:00:00Z"}
        ).encode(),
    )
    async with asyncio.timeout(GOOD_WITHIN):
        while image(key) not in (await new.seen()).heads:
            await asyncio.sleep(0.5)
    line = Line(file, "the good one behind them is tagged", "the good ones go on", is_ok=True)
    await new.settled()
    doctor = await new.command("doctor")
    names = next((each for each in doctor.stdout.splitlines() if "held aside" in each), "it does not name it")
    told = Line(f"{file} doctor", names, "it names the alarm", is_ok="gone since" in names)
    return [line, told]


async def shown(new: World, folder: Path, *, file: str, key: str) -> list[Line]:
    """The photograph is tagged; then every command shows its key as it is, and sends no escape."""
    lines = await one(new, folder, file=file, key=key, right=tagged(image(key)))
    gone = {"location": {"bucket": BUCKET, "key": f"{key}.gone"}, "uploaded_at": "2026-01-01T12:00:00Z"}
    await new.publish(topics.UPLOADED, json.dumps(gone).encode())
    await new.settled()
    asked = (
        ("scores", f"s3://{BUCKET}/{key}"),
        ("tail", "uploaded", "--from", "earliest", "--limit", "1"),
        ("dlq", "list"),
    )
    for arguments in asked:
        run = await new.command(*arguments)
        said = run.stdout + run.stderr
        is_ok = run.returncode == 0 and "\x1b" not in said and "\x07" not in said and key[:2] in said
        first = next((each for each in said.splitlines() if key[:2] in each), said[-200:])
        lines.append(
            Line(f"{file} {arguments[0]}", f"exit {run.returncode}: {first}", "the key, escaped", is_ok)
        )
    return lines


def cases(folder: Path) -> Iterator[Case]:
    """Those of the folder's payloads that are known here, and the unknown ones, which are told."""
    known = {file for case in _KNOWN for file in case.files}
    there = {path.name for path in folder.iterdir()}
    yield from (case for case in _KNOWN if there.issuperset(case.files))
    for file in sorted(there - known - _NO_PAYLOADS):
        yield Case((file,), partial(_unknown, file=file))


async def _unknown(new: World, folder: Path, *, file: str) -> list[Line]:
    await send(new, folder / file)
    return [Line(file, in_words(await new.settled(), new), "(not known here)", is_ok=True)]


def _single(file: str, key: str | None, right: Right, *, before: bool = False) -> Case:
    return Case((file,), partial(one, file=file, key=key, right=right, before=before))


def _shown(file: str, key: str) -> Case:
    return Case((file,), partial(shown, file=file, key=key))


def _of_terrace(*files: str) -> Iterator[Case]:
    return (_single(file, TERRACE, tagged(image(TERRACE))) for file in files)


_CEPH: Final = (
    "02-ceph-1-upload.json",
    "02-ceph-2-overwrite-one-second-later.json",
    "02-ceph-3-delete-three-seconds-later.json",
)
_LATE: Final = ("05-decision-1-reject-of-v2.json", "05-decision-2-late-approve-of-v1.json")
_NO_PAYLOADS: Final = frozenset({"README.md", "02-ceph-real-sequencers.json"})
_ESCAPES: Final = "X/\x1b[31mred\x1b[0m\x1b]0;title\x07.jpg"

_KNOWN: Final = (
    *(
        Case(("01-compressed.py",), partial(compressed, file="01-compressed.py", codec=codec))
        for codec in CODECS
    ),
    Case(_CEPH, partial(three_of_ceph, files=_CEPH)),
    _single("03-ceph-key-with-plus.json", "salt+pepper.jpg", tagged(image("salt+pepper.jpg"))),
    _single("03-ceph-key-with-percent.json", "crab%20cake.jpg", tagged(image("crab%20cake.jpg"))),
    Case(
        ("04-ceph-lifecycle-expiration.json",),
        partial(
            gone_after_tagging,
            file="04-ceph-lifecycle-expiration.json",
            key="expire.jpg",
            right=removed(image("expire.jpg")),
        ),
    ),
    _single("04-ceph-multipart-initiated.json", None, IGNORED),
    Case(_LATE, partial(late_approval, files=_LATE)),
    Case(
        ("06-digest-in-capitals.json",),
        partial(
            decision,
            file="06-digest-in-capitals.json",
            right=stands(DECIDED_ON, State.VISIBLE).or_else(letter("content_digest")),
        ),
    ),
    Case(("06-decision-of-2099.json",), partial(decision, file="06-decision-of-2099.json", right=letter())),
    Case(
        ("06-correct-with-blank-labels.json",),
        partial(decision, file="06-correct-with-blank-labels.json", right=letter("labels", "blank")),
    ),
    _single(
        "07-cloudevent-deleted.json", TERRACE, removed(image(TERRACE)).or_else(letter("type")), before=True
    ),
    *_of_terrace(
        "08-bom.json",
        "08-cloudevents-s3-adapter.json",
        "08-eventbridge-created.json",
        "08-json-string.json",
        "08-knative-ceph-binary.json",
        "08-one-record-without-Records.json",
        "08-scality.json",
        "08-schema-registry-json.bin",
        "08-sns-wrapped.json",
        "08-sqs-message.json",
    ),
    _single("08-azure-eventgrid.json", TERRACE, letter("Azure Event Grid", "publish")),
    _single("08-cloudflare-r2.json", TERRACE, letter("Cloudflare R2", "publish")),
    _shown("09-scores-traceback.json", "M/close[/b].jpg"),
    _shown("09-terminal-escapes.json", _ESCAPES),
    Case(("10-sixty-records-gone.json",), partial(sixty_gone, file="10-sixty-records-gone.json")),
    _single("11-upload-of-9999.json", "F/f.jpg", letter()),
    _single("12-null-attributes.json", "D/n.jpg", tagged(image("D/n.jpg"))),
    _single("12-restaurant-a-number.json", "D/n.jpg", letter("restaurant_id")),
)
