"""Document mapping: heads and score records as MongoDB keeps them, readable by whoever queries them.

Names that producers and models choose (attributes, labels) become keys, and not all servers of
MongoDB's protocol take every key: `.`, NUL and a leading `$` are percent-encoded in them, and so is
`%`. Moments stand in the documents as text, to the microsecond; MongoDB's own dates end at the
millisecond and are kept beside them, for its indexes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Self
from urllib.parse import unquote

import bson
from bson.errors import BSONError
from bson.raw_bson import RawBSONDocument

from schemas.errors import Rejected, Stage, Unforeseen
from schemas.records import ImageHead, ScoreRecord
from schemas.statements import StatementOfReasons
from schemas.tags import Value

Document = Mapping[str, Any]

MOST_BYTES: Final = 16 * 2**20 - 16 * 2**10
"""MongoDB's limit of a document, less room for the command around it."""

REMEMBERED: Final = 8
"""Tokens of earlier writes that a head's document keeps.

A writer that asks whether its write took finds its token also when this many others have written
since; beyond that it would make its change once more.
"""


@dataclass(frozen=True, slots=True)
class StoredHead:
    """A head as it was read, and the tokens of the writes that made it: the newest, and those before it."""

    head: ImageHead
    token: int | None
    past: tuple[int, ...]

    @classmethod
    def of(cls, document: Document) -> Self:
        """The head in `document`; raises whatever is wrong with it."""
        head = ImageHead.model_validate(_renamed(document["head"], unquote))
        return cls(head, document.get("token"), tuple(document.get("past", ())))

    @property
    def tokens(self) -> tuple[int, ...]:
        """All of them, newest first."""
        return self.past if self.token is None else (self.token, *self.past)


def of_head(head: ImageHead, *, token: int, before: StoredHead | None) -> RawBSONDocument:
    """The document of `head`, written over `before`, without its `_id`; raises `Rejected`."""
    return _encoded(
        {
            "token": token,
            "past": list(before.tokens[:REMEMBERED]) if before else [],
            "restaurant_id": head.restaurant_id,
            "state": str(head.state),
            "uploaded_at": head.position.uploaded_at,
            "head": _renamed(head.model_dump(mode="json"), _plain),
        }
    )


def key_of(record: ScoreRecord) -> Document:
    """What makes a record the only one of its image, content and model."""
    return {
        "image_id": record.image_id,
        "content_version": record.content_version,
        "model_version": record.scores.model.version,
    }


def of_record(record: ScoreRecord) -> RawBSONDocument:
    """The document of `record`, without its `_id` and `image_id`; raises `Rejected`."""
    document = _renamed(record.model_dump(mode="json"), _plain)
    return _encoded({"scored_at": record.scored_at, "record": document})


def record_in(document: Document) -> ScoreRecord:
    """The record in `document`; raises whatever is wrong with it."""
    return ScoreRecord.model_validate(_renamed(document["record"], unquote))


def of_statement(statement: StatementOfReasons) -> RawBSONDocument:
    """The document of `statement`, without its `_id` and `image_id`; raises `Rejected`."""
    return _encoded({"place": statement.place, "statement": statement.model_dump(mode="json")})


def statement_in(document: Document) -> StatementOfReasons:
    """The statement in `document`; raises whatever is wrong with it."""
    return StatementOfReasons.model_validate(document["statement"])


def of_value(value: Value) -> RawBSONDocument:
    """The document of `value`, without its `_id`, each field at its top; raises `Rejected`."""
    return _encoded(_renamed(value.model_dump(mode="json"), _plain))


def facts_in(document: Document) -> Document:
    """What `document` says of a value, valid or not."""
    facts: Document = _renamed(dict(document), unquote)
    return facts


def _encoded(document: Document) -> RawBSONDocument:
    try:
        encoded = bson.encode(document)
    except (BSONError, ValueError, OverflowError) as error:
        raise Unforeseen.of(error, stage=Stage.STORE) from error
    if len(encoded) > MOST_BYTES:
        raise _too_large(len(encoded))
    return RawBSONDocument(encoded)


def _too_large(size: int) -> Rejected:
    reason = f"what is to be kept of the image takes {size} bytes; MongoDB keeps {MOST_BYTES} at most"
    return Unforeseen(reason, stage=Stage.STORE)


def _renamed(value: Any, name: Callable[[str], str]) -> Any:  # noqa: ANN401 - any JSON value
    if isinstance(value, dict):  # as pydantic and the driver make them; an abstract class costs more to ask
        return {name(key): _renamed(inner, name) for key, inner in value.items()}
    if isinstance(value, list):
        return [_renamed(inner, name) for inner in value]
    return value


def _plain(key: str) -> str:
    if not key.startswith("$") and key.isidentifier():  # as nearly all are
        return key
    plain = key.replace("%", "%25").replace(".", "%2E").replace("\0", "%00")
    return f"%24{plain[1:]}" if plain.startswith("$") else plain
