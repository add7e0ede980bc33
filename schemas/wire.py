"""From the bytes of one Kafka message to what they ask for, and back.

One message may carry several records (an S3 notification does), so the answer is a tuple; a bad
record is an answer of its own and does not spoil its siblings.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from pydantic import BaseModel, ValidationError
from pydantic_core import from_json

from schemas.errors import Malformed
from schemas.uploads import ImageRemoved, ImageUploaded


@dataclass(frozen=True, slots=True)
class Uploaded:
    """Tag this image."""

    upload: ImageUploaded
    sequencer: str | None = None
    """The storage's own order of the events of one key, where it says one."""


@dataclass(frozen=True, slots=True)
class Removed:
    """Withdraw this image."""

    removal: ImageRemoved
    sequencer: str | None = None
    if_gone: bool = False
    """Only one version was removed: the image is gone only if nothing stands at its key any more."""


@dataclass(frozen=True, slots=True)
class Ignored:
    """A message that asks for nothing (a test event of a bucket's notifications)."""

    why: str


@dataclass(frozen=True, slots=True)
class Spoiled:
    """A record that is none of the above: to the dead letters, with this cause."""

    error: Malformed


Record = Uploaded | Removed | Ignored | Spoiled
_SAID: Final = 5
"""Wrong fields that are named; a hostile event has a hundred thousand."""
_NAME: Final = 100

Headers = Mapping[str, bytes]


def decode(raw: bytes | None, headers: Headers) -> tuple[Record, ...]:  # noqa: ARG001 - CloudEvents' binary form is told by its headers
    """What one message asks for; never empty, never raises on any bytes."""
    try:
        return (Uploaded(_upload(raw)),)
    except Malformed as error:
        return (Spoiled(error),)


def encode(event: BaseModel) -> bytes:
    """`event` as UTF-8 JSON."""
    return event.model_dump_json(exclude_none=True).encode()


def _upload(raw: bytes | None) -> ImageUploaded:
    return _validated(_document(raw))


def _document(raw: bytes | None) -> dict[str, object]:
    if not raw:
        raise Malformed("the message is empty")
    try:
        document = from_json(raw, allow_inf_nan=False)
    except ValueError as error:
        raise Malformed(f"not JSON: {error}") from error
    if not isinstance(document, dict):
        raise Malformed(f"a JSON {type(document).__name__}, not an object")
    return document


def _validated(document: dict[str, object]) -> ImageUploaded:
    try:
        return ImageUploaded.model_validate(document)
    except ValidationError as error:
        raise Malformed(_in_words(error)) from error


def _in_words(error: ValidationError) -> str:
    """Each wrong field and what is wrong with it, in one line, without the values (they may be long)."""
    wrong = error.errors(include_url=False, include_context=False, include_input=False)
    lines = [f"{_name(e['loc'])}: {e['msg']}" for e in wrong[:_SAID]]
    more = [f"and {len(wrong) - _SAID} more"] if len(wrong) > _SAID else []
    return "; ".join(lines + more)


def _name(path: tuple[int | str, ...]) -> str:
    return ".".join(map(str, path))[:_NAME] or "event"
