"""Receipt of an erasure: what was erased, what remains until when, who ran it and when, and a digest.

It is to be kept, so it holds no more of anybody than the proof needs: images and uploaders stand in it as the
sha256 of their ids. Whoever has an id can check that it is in it; whoever has the receipt alone reads none.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from enum import StrEnum
from hashlib import sha256
from importlib import metadata
from pathlib import Path
from typing import Any, Self

from pydantic import Field, ValidationError

from model import atomic_folders
from operations.topic_remains import TopicRemains
from schemas.errors import ConfigurationError
from schemas.tags import Value
from schemas.uploads import Moment

ELSEWHERE = (
    "backups, snapshots and replicas of the store, and MongoDB's oplog, until they are rotated",
    "storage's own replicas, backups and access logs",
    "log lines of workers, which name images by their ids (and keys where an object is refused)",
    "consumers of the topics: `removed` and the tombstone tell them to withdraw what they keep",
    "versions that were trained on a snapshot that names the image: they hold no photograph",
)


BEFORE = "erased by the run that was cut short"


class ReceiptState(StrEnum):
    """How far the erasure is."""

    BEGUN = "begun"
    """Whoever finds it so runs the same erasure again, with the same file."""
    FINISHED = "finished"


class ImageLine(Value):
    """One image."""

    image: str
    """sha256 of its id."""
    outcome: str
    erased_at: Moment | None = None
    scores: int = 0
    """Deleted from the history."""
    statements: int = 0
    """Of reasons, which the law keeps, without what they named."""
    events: Mapping[str, int] = Field(default_factory=dict)
    """Published by topic: what takes back what was announced."""
    versions_deleted: int = 0
    """Of the object, in storage."""
    versions_standing: int | None = 0
    """None where storage could not be asked."""
    renditions: int = 0
    """Small photographs, deleted where replays would have read them."""


class DataLine(Value):
    """A file or a snapshot that holds the image."""

    place: str
    what: str
    images: int
    removed: int = 0
    """Rows that were taken out."""
    to_do: str = ""


class Receipt(Value):
    """The whole of it."""

    format: int = 1
    state: ReceiptState
    tagstream: str = Field(default_factory=lambda: metadata.version("tagstream"))
    run_by: str
    begun_at: Moment
    finished_at: Moment | None = None
    uploader: str | None = None
    """sha256 of the uploader's id, where the erasure was asked for by it."""
    images: tuple[ImageLine, ...] = ()
    topics: tuple[TopicRemains, ...] = ()
    data: tuple[DataLine, ...] = ()
    waiting: int = 0
    """Messages that no worker had worked on: uploads among them have no uploader in the store yet."""
    elsewhere: tuple[str, ...] = ELSEWHERE
    """What Tagstream does not reach."""
    digest: str = ""
    """sha256 of the rest, as `jq -cSj 'del(.digest)'` writes it."""

    def signed(self) -> Self:
        """With its digest."""
        return self.model_copy(update={"digest": self.expected_digest})

    @property
    def expected_digest(self) -> str:
        """Of all that it says."""
        said = self.model_dump(mode="json", exclude={"digest"})
        text = json.dumps(said, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return sha256(text.encode()).hexdigest()

    def with_earlier(self, earlier: Receipt | None) -> Self:
        """With what a run that was cut short had found: its images and data are not found again."""
        if earlier is None:
            return self
        cut = (each.model_copy(update={"outcome": BEFORE}) for each in earlier.images)
        images = {each.image: each for each in (*cut, *self.images)}
        found = sorted((*earlier.data, *self.data), key=lambda each: each.images)
        data = {(each.place, each.what): each for each in found}
        update = {"images": tuple(images.values()), "data": tuple(data.values())}
        return self.model_copy(update={**update, "begun_at": earlier.begun_at})


def require_same(before: Receipt | None, begun: Receipt, *, file: Path | None) -> None:
    """Raise `ConfigurationError` where the file has the draft of another erasure than `begun`."""
    if before is None:
        return
    images, others = ({line.image for line in each.images} for each in (begun, before))
    is_same = before.uploader == begun.uploader and (begun.uploader is not None or images == others)
    if not is_same:
        raise ConfigurationError(
            f"{file}: it is of another erasure, which is not finished; run that again, or name another file"
        )


def hashed(name: str) -> str:
    """As a receipt names an image or an uploader."""
    return sha256(name.encode()).hexdigest()


def earlier(file: Path) -> Receipt | None:
    """What a run that was cut short left; raises `ConfigurationError` where the file is anything else."""
    if not file.exists():
        return None
    try:
        found = Receipt.model_validate_json(file.read_bytes())
    except (OSError, ValidationError) as error:
        raise ConfigurationError(f"{file}: it is there, and no receipt; name another file") from error
    if found.state is ReceiptState.FINISHED:
        raise ConfigurationError(f"{file}: a finished receipt is never overwritten; name another file")
    return found


def keep(file: Path, receipt: Receipt) -> None:
    """Write it, whole or not at all. Raises `ConfigurationError`."""
    document: Any = receipt.signed().model_dump(mode="json")
    atomic_folders.keep(file, json.dumps(document, ensure_ascii=False, indent=1) + "\n")


def counts(lines: Iterable[ImageLine]) -> Mapping[str, int]:
    """How many images had each outcome."""
    found: dict[str, int] = {}
    for line in lines:
        found[line.outcome] = found.get(line.outcome, 0) + 1
    return found
