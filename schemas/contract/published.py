"""Published schemas: every event as JSON Schema, and which topic carries which.

Generated from the models, so that a schema cannot say what the code does not do. Events that come in
are described as they are read, less the ids that are derived where they are absent; events that go out
are described as they are written.
"""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import Any, Final

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaMode, JsonSchemaValue
from pydantic_core import core_schema

from schemas import topics
from schemas.decisions import ModerationDecided
from schemas.events import (
    CollectionChanged,
    ImageTagged,
    ModerationRequested,
    RescoreRequested,
    TagsHeld,
    VersionsCompared,
)
from schemas.statements import StatementOfReasons
from schemas.uploads import ImageRemoved, ImageUploaded
from schemas.wire.s3 import S3Notification

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_DERIVED: Final = frozenset({"event_id", "image_id"})
"""Fields that the models derive where an event that comes in has none."""
_IMAGE: Final = "image_id"


@dataclass(frozen=True, slots=True)
class Channel:
    """One topic, seen from Tagstream."""

    name: str
    topic: str
    key: str
    """What keys its messages."""
    about: str
    events: tuple[type[BaseModel], ...] = ()
    """None where it carries messages as they came."""
    receives: bool = False
    sends: bool = False

    @property
    def is_compacted(self) -> bool:
        """Whether only the last message of a key is kept, and one without a value deletes it."""
        return self.topic in topics.COMPACTED


CHANNELS: Final = (
    Channel(
        "uploaded",
        topics.UPLOADED,
        f"{_IMAGE}, or the object's key where storage itself speaks",
        "Photographs that were uploaded or removed: events of ours, S3 bucket notifications, or either as"
        " CloudEvents 1.0 in binary, structured or batched mode.",
        (ImageUploaded, ImageRemoved, S3Notification),
        receives=True,
        sends=True,
    ),
    Channel(
        "decisions",
        topics.DECISIONS,
        _IMAGE,
        "What moderators decided. A person's word outranks every score until it is revoked.",
        (ModerationDecided,),
        receives=True,
        sends=True,
    ),
    Channel(
        "rescore",
        topics.RESCORE,
        _IMAGE,
        "The replay lane: images to score again, behind live traffic.",
        (RescoreRequested,),
        receives=True,
        sends=True,
    ),
    Channel(
        "tagged",
        topics.TAGGED,
        _IMAGE,
        "Every image that was scored or decided on, with all labels.",
        (ImageTagged,),
        sends=True,
    ),
    Channel(
        "latest",
        topics.LATEST,
        _IMAGE,
        "The tags that hold now; a tombstone where the image is gone.",
        (TagsHeld,),
        sends=True,
    ),
    Channel(
        "moderation",
        topics.MODERATION,
        _IMAGE,
        "What a person should look at, and what no longer needs it.",
        (ModerationRequested,),
        sends=True,
    ),
    Channel(
        "ambiance",
        topics.AMBIANCE,
        "restaurant_id",
        "The collection on a restaurant's page: what joins it, and what leaves it.",
        (CollectionChanged,),
        sends=True,
    ),
    Channel(
        "statements",
        topics.STATEMENTS,
        _IMAGE,
        "Statements of reasons (DSA Art. 17): why a photograph was hidden or restored, and what moderators"
        " decided.",
        (StatementOfReasons,),
        sends=True,
    ),
    Channel(
        "compared",
        topics.COMPARED,
        _IMAGE,
        "What two versions say of an upload while one is rolled out: for who trains, never to act on.",
        (VersionsCompared,),
        sends=True,
    ),
    Channel(
        "retry",
        topics.RETRY,
        "as it came",
        "Messages whose one object keeps failing, each with the time at which it is due.",
        receives=True,
        sends=True,
    ),
    Channel(
        "dead-letters",
        topics.DEAD_LETTERS,
        "as it came",
        "Messages that can never succeed, with their cause.",
        sends=True,
    ),
    Channel(
        "parking",
        topics.PARKING,
        "as it came",
        "Messages that were retried as often as is allowed; a person sends them back.",
        sends=True,
    ),
)

EVENTS: Final[tuple[type[BaseModel], ...]] = tuple(
    dict.fromkeys(event for channel in CHANNELS for event in channel.events)
)
_RECEIVED: Final = frozenset(event for channel in CHANNELS if channel.receives for event in channel.events)


def json_schemas() -> Mapping[str, dict[str, Any]]:
    """A JSON Schema for each event, by the event's name."""
    return {event.__name__: json_schema(event) for event in EVENTS}


def json_schema(event: type[BaseModel]) -> dict[str, Any]:
    """The whole JSON Schema of one event."""
    head = {"$schema": DIALECT, "$id": f"urn:tagstream:event:{event.__name__}:1"}
    return head | event.model_json_schema(mode=mode_of(event), schema_generator=Documented)


def mode_of(event: type[BaseModel]) -> JsonSchemaMode:
    """Whether the event is described as it is read or as it is written."""
    return "validation" if event in _RECEIVED else "serialization"


class Documented(GenerateJsonSchema):
    """Pydantic's schema of a model; its fields have their docstrings, and derived ids are not required."""

    def model_schema(self, schema: core_schema.ModelSchema) -> JsonSchemaValue:
        """The schema of one model."""
        made = super().model_schema(schema)
        model: type[BaseModel] = schema["cls"]
        for name, text in _documented(model):
            field = model.model_fields[name]
            made["properties"][field.alias or name]["description"] = text
        if model in _RECEIVED and model is not RescoreRequested:
            made["required"] = [name for name in made["required"] if name not in _derived(model)]
        return made


def _derived(model: type[BaseModel]) -> frozenset[str]:
    # A decision can only be about an image that it names.
    return _DERIVED - {_IMAGE} if model is ModerationDecided else _DERIVED


@cache
def _documented(model: type[BaseModel]) -> tuple[tuple[str, str], ...]:
    """Each field that has a docstring, and the docstring."""
    inherited = [
        each for each in reversed(model.__mro__) if issubclass(each, BaseModel) and each is not BaseModel
    ]
    return tuple(each for base in inherited for each in _docstrings(base))


def _docstrings(model: type[BaseModel]) -> Iterator[tuple[str, str]]:
    (body,) = ast.parse(textwrap.dedent(inspect.getsource(model))).body
    statements = body.body if isinstance(body, ast.ClassDef) else []
    for field, after in pairwise(statements):
        if not (isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)):
            continue
        if isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant):
            yield field.target.id, inspect.cleandoc(str(after.value.value))
