"""Deferral: a message on the retry topic, in words: why it is there, and when it is tried again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from operations import messages
from schemas.events import Suspicion
from schemas.wire import headers
from streams.message import Message


@dataclass(frozen=True, slots=True)
class Deferral:
    """One try in vain that is no end."""

    message: Message

    @property
    def code(self) -> str:
        """The cause in one word."""
        return messages.code(self.message)

    @property
    def due_at(self) -> datetime | None:
        """When it is tried again."""
        return headers.due_at(self.message.headers)

    @property
    def suspicion(self) -> Suspicion | None:
        """Why the cause may not be the photograph's own."""
        return headers.suspicion(self.message)

    @property
    def words(self) -> str:
        """Why, and when it is tried again."""
        when = f"; tried again at {self.due_at.astimezone():%H:%M:%S}" if self.due_at else ""
        if suspicion := self.suspicion:
            since = f"{suspicion.since.astimezone():%H:%M:%S}"
            return (
                f"held aside: suspected, too many are {suspicion.cause} since {since}{when}; "
                "`tagstream doctor` says what to do"
            )
        return f"held aside: {messages.explanation(self.message)}{when}"

    def document(self) -> dict[str, Any]:
        """For a line of `--json`."""
        suspicion = self.suspicion
        return {
            "code": self.code,
            "due_at": self.due_at.isoformat() if self.due_at else None,
            "suspected_since": suspicion.since.isoformat() if suspicion else None,
        }
