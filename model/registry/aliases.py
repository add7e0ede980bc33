"""Alias with history: which version it points at, and every move that it ever made.

It stands as one JSON object and is only ever replaced by a put that is conditional on what was read, so of
two who move it at once one wins. Its contents never repeat, since the history grows with each move.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError, model_validator

from model.manifest import Digest
from schemas.errors import ConfigurationError


class MoveKind(StrEnum):
    """Why an alias moved."""

    PROMOTE = "promote"
    ROLLBACK = "rollback"


class _Part(BaseModel):
    """Fields of a later release are ignored by an earlier one."""

    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)


class Note(_Part):
    """What whoever moves an alias says of it."""

    when: datetime
    by: str
    reason: str = ""
    forced: bool = False
    """Moved though the gate refused."""
    gate: Mapping[str, JsonValue] = {}
    """What the gate said, in short; empty at a rollback."""


class AliasMove(Note):
    """One move."""

    id: str = Field(default_factory=lambda: uuid.uuid4().hex)
    """Tells a put whose answer was lost from one that another made."""
    kind: MoveKind
    came_from: str | None = Field(None, alias="from")
    """The version before; None at the first move."""
    to: str
    digest: Digest
    """Of the version's manifest: whatever stands under its name, this is what was promoted."""


class Alias(_Part):
    """Where an alias stands, and how it came there."""

    version: str
    digest: Digest
    history: Annotated[tuple[AliasMove, ...], Field(min_length=1)]
    """Oldest first."""

    @model_validator(mode="after")
    def _stands_where_it_went(self) -> Alias:
        last = self.history[-1]
        if (last.to, last.digest) != (self.version, self.digest):
            raise ValueError("it does not point at where its last move went")
        return self

    @property
    def last(self) -> AliasMove:
        """The move that brought it here."""
        return self.history[-1]

    @property
    def before(self) -> AliasMove | None:
        """The promotion that a rollback goes back to, further back with each; None at the first version."""
        standing: list[AliasMove] = []
        for move in self.history:
            if move.kind is MoveKind.PROMOTE:
                standing.append(move)
            else:
                standing.pop()
        return standing[-2] if len(standing) > 1 else None

    def has(self, move: AliasMove) -> bool:
        """Whether `move` was made, now or earlier."""
        return any(each.id == move.id for each in self.history)


def promoted(alias: Alias | None, version: str, digest: str, note: Note) -> Alias:
    """The alias, or a new one, once it points at `version`."""
    return _moved(alias, MoveKind.PROMOTE, (version, digest), note)


def rolled_back(alias: Alias, note: Note) -> Alias:
    """The alias at the version before. Raises `ConfigurationError` where there is none."""
    if (before := alias.before) is None:
        raise ConfigurationError(
            f"there is no version before {alias.version} to go back to; "
            "promote another one (`tagstream model list` shows them)"
        )
    return _moved(alias, MoveKind.ROLLBACK, (before.to, before.digest), note)


def parsed(data: bytes, *, where: str) -> Alias:
    """An alias out of its bytes. Raises `ConfigurationError`."""
    try:
        return Alias.model_validate_json(data)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise ConfigurationError(
            f"{where}: not an alias of ours ({first['msg']}); restore an earlier version of that object"
        ) from error


def dumped(alias: Alias) -> bytes:
    """As it is stored."""
    return (alias.model_dump_json(indent=2, by_alias=True) + "\n").encode()


def _moved(alias: Alias | None, kind: MoveKind, to: tuple[str, str], note: Note) -> Alias:
    version, digest = to
    move = AliasMove(
        kind=kind,
        came_from=alias.version if alias else None,
        to=version,
        digest=digest,
        **{name: getattr(note, name) for name in Note.model_fields},
    )
    history = (*alias.history, move) if alias else (move,)
    return Alias(version=version, digest=digest, history=history)
