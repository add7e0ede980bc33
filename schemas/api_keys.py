"""API keys: who may call the HTTP interface, for what and until when; of the secret its digest alone.

The document in the store is changed by compare-and-swap alone. One that somebody has edited is read back as
spoiled, and lets nobody in.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Final

from pydantic import AfterValidator, Field

from schemas import stored_documents
from schemas.errors import ConfigurationError
from schemas.tags import Value
from schemas.uploads import Moment

ID_PATTERN: Final = r"^[0-9A-Za-z]{8}$"
"""Base62: an id has no sign at which a double click would end."""

REVOKED: Final = "revoked"
EXPIRED: Final = "expired"


class Scope(StrEnum):
    """What a key may be used for."""

    PREDICT = "predict"
    """Have a photograph scored that is sent along."""
    BATCH = "batch"
    """Have many scored, out of a file in a bucket."""
    IMAGES_READ = "images:read"
    """Read what is known of uploaded images, and see them small."""
    REVIEW = "review"
    """Decide and label as a moderator does."""
    OPERATE = "operate"
    """Start replays, redrive dead letters, move aliases but the champion's."""
    ADMIN = "admin"
    """Erase images, make and revoke keys, and move the champion's alias."""


def _shown_as_it_is(name: str) -> str:
    if not name.isprintable() or name != name.strip():
        raise ValueError("it has characters that cannot be seen, or blanks around it")
    return name


def _sorted(scopes: tuple[Scope, ...]) -> tuple[Scope, ...]:
    return tuple(sorted(set(scopes)))


class ApiKey(Value):
    """A key as the store keeps it."""

    schema_version: int = 1
    id: str = Field(pattern=ID_PATTERN)
    """Stands in the token, and is no secret."""
    revision: int = 0
    """Counts the changes of the document."""
    name: Annotated[str, Field(min_length=1, max_length=100), AfterValidator(_shown_as_it_is)]
    """What it is for; several may have the same, as while one takes another's place."""
    scopes: Annotated[tuple[Scope, ...], Field(min_length=1), AfterValidator(_sorted)]
    secret_sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    """Hexadecimal; the secret itself is kept nowhere."""
    created_at: Moment
    created_by: str
    expires_at: Moment | None = None
    """The first moment at which it is refused; None for a key without an end."""
    revoked_at: Moment | None = None
    revoked_by: str | None = None
    last_used_at: Moment | None = None
    """Up to a minute behind, so that not every call writes."""

    def why_refused(self, now: datetime) -> str | None:
        """`revoked` or `expired`; None while it is good."""
        if self.revoked_at is not None:
            return REVOKED
        return EXPIRED if self.expires_at is not None and now >= self.expires_at else None

    def revised(self, **facts: object) -> ApiKey:
        """The next revision of the document."""
        return self.model_copy(update={**facts, "revision": self.revision + 1})


@dataclass(frozen=True, slots=True)
class SpoiledKey:
    """A document that somebody has edited, and that is no key any more: its token is refused."""

    id: str
    why: str

    @property
    def error(self) -> ConfigurationError:
        """What to say about it."""
        return ConfigurationError(
            f"API key {self.id}: its document in the store (api_keys) was edited and is none any more:"
            f" {self.why}; it lets nobody in; mend that field, or delete the document"
        )


def key_in(key_id: str, document: Any) -> ApiKey | SpoiledKey:  # noqa: ANN401 - as stored
    """The key in `document`, a mapping or JSON, or what is wrong with it."""
    found = stored_documents.read(ApiKey, key_id, document)
    return SpoiledKey(key_id, found) if isinstance(found, str) else found
