"""Synthetic documents of the store, in the adapter's own form: a head, a score and a statement an image."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import bson
from bson.raw_bson import RawBSONDocument
from pymongo import MongoClient

from schemas.claims import Claim, Claims
from schemas.records import ImageHead, ScoreRecord, State
from schemas.statements import (
    AutomatedDecision,
    AutomatedDetection,
    DecisionGround,
    DecisionVisibility,
    SourceType,
    StatementCategory,
    StatementKind,
    StatementOfReasons,
)
from schemas.tags import ModelRef, Route, Scores, Tag, Verdict
from schemas.topics import AMBIANCE
from schemas.uploads import Location, Position
from streams.adapters.mongo import documents

MODEL: Final = ModelRef(name="restaurant", version="1", digest="aa")
LABELS: Final = ("food", "drink", "interior", "exterior", "menu", "human", "logo", "other")
SCORES: Final = Scores(probabilities=dict.fromkeys(LABELS, 0.5), model=MODEL)
EPOCH: Final = datetime(2026, 1, 1, tzinfo=UTC)
OF_ONE_UPLOADER: Final = 10
"""Images, so that what an answer holds does not grow with the collection."""
OF_ONE_RESTAURANT: Final = 200
"""Images, more than a page has, and as many however many there are in all."""
OF_ONE_COLLECTION: Final = 20
"""Images of them, one in ten."""
TOGETHER: Final = 500


async def fill(url: str, database: str, *, first: int, past: int) -> None:
    """Store the images from `first` up to `past`, as they would stand after their workers."""
    await asyncio.to_thread(_fill, url, database, range(first, past))


def image_id(number: int) -> str:
    """Ids in the order of their digits reversed, so that new images land anywhere among the old."""
    return f"img_{str(number)[::-1]}_{number:08}"


def uploader_id(number: int) -> str:
    """Who uploaded the image."""
    return f"uploader-{number // OF_ONE_UPLOADER}"


def restaurant_id(number: int) -> str:
    """Whose the image is."""
    return f"r{number // OF_ONE_RESTAURANT}"


def head(number: int, *, revision: int = 0) -> ImageHead:
    """What holds of an image."""
    place = Location(bucket="photos", key=f"r{number % 97}/{number}.jpg", etag=f"{number:032x}")
    at = Position(
        uploaded_at=EPOCH + timedelta(seconds=number),
        partition=number % 4,
        offset=number,
        event_id=f"event-{number}",
    )
    claim = Claim(position=at, location=place, uploader_id=uploader_id(number))
    tags = tuple(Tag(label=each, probability=0.5, threshold=0.5, tagged=True) for each in LABELS)
    return ImageHead(
        image_id=image_id(number),
        location=place,
        restaurant_id=restaurant_id(number),
        position=at,
        claims=Claims(producer=claim),
        state=State.VISIBLE,
        verdict=Verdict(tags=tags, routes=_routes(number), model=MODEL),
        scores=SCORES,
        revision=revision,
    )


def _routes(number: int) -> tuple[Route, ...]:
    if number % (OF_ONE_RESTAURANT // OF_ONE_COLLECTION):
        return ()
    rule = "interior at or above 0.5"
    return (Route(topic=AMBIANCE, label="interior", probability=0.5, threshold=0.5, rule=rule),)


def record(of: ImageHead) -> ScoreRecord:
    """The history that belongs to the head."""
    return ScoreRecord(
        image_id=of.image_id,
        content_version=of.location.content_version,
        scores=SCORES,
        position=of.position,
        scored_at=EPOCH,
        seconds={"fetch": 0.25, "decode": 0.02, "queued": 0.01, "forward": 0.04},
    )


def statement(number: int) -> StatementOfReasons:
    """Why the image was hidden, once."""
    when = EPOCH + timedelta(seconds=number)
    return StatementOfReasons(
        event_id=f"statement-{number}",
        image_id=image_id(number),
        revision=1,
        kind=StatementKind.HIDE,
        occurred_at=when,
        model=MODEL,
        puid=f"puid-{number}",
        decision_visibility=(DecisionVisibility.DISABLED,),
        decision_ground=DecisionGround.INCOMPATIBLE,
        incompatible_content_ground="Terms, section 3",
        incompatible_content_explanation="It shows a menu.",
        category=StatementCategory.OTHER_VIOLATION_TC,
        territorial_scope=("AT", "DE"),
        content_date=EPOCH.date(),
        application_date=when.date(),
        decision_facts="menu 0.91, threshold 0.50",
        source_type=SourceType.VOLUNTARY,
        automated_detection=AutomatedDetection.YES,
        automated_decision=AutomatedDecision.FULLY,
    )


def _fill(url: str, database: str, numbers: range) -> None:
    """By the driver alone: what is measured later is not how they came there."""
    with MongoClient[dict[str, Any]](url) as client:
        for first in range(numbers.start, numbers.stop, TOGETHER):
            part = range(first, min(first + TOGETHER, numbers.stop))
            for collection, made in (("images", _heads), ("scores", _records), ("statements", _statements)):
                client[database][collection].insert_many(made(part))


def _heads(numbers: range) -> Iterator[dict[str, Any]]:
    for number in numbers:
        yield _stored(image_id(number), documents.of_head(head(number), token=number, before=None))


def _records(numbers: range) -> Iterator[dict[str, Any]]:
    for number in numbers:
        made = record(head(number))
        yield _stored(documents.key_of(made), documents.of_record(made), image_id=made.image_id)


def _statements(numbers: range) -> Iterator[dict[str, Any]]:
    for number in numbers:
        made = statement(number)
        yield _stored(made.puid, documents.of_statement(made), image_id=made.image_id)


def _stored(key: str | Mapping[str, Any], rest: RawBSONDocument, **fields: str) -> dict[str, Any]:
    return {"_id": key, **fields, **bson.decode(rest.raw)}
