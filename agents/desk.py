"""Which handler a message belongs to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from schemas import hops, topics
from streams.message import Handler, Message, Task


@dataclass(frozen=True, slots=True)
class Desk:
    """Hands each message to the handler of the topic that it first came from."""

    handlers: Mapping[str, Handler]

    def handle(self, message: Message) -> Task:
        """What the message asks for; a deferred one is not ready before it is due."""
        handler = self.handlers.get(message.origin[0], self.handlers[topics.UPLOADED])
        task = handler(message)
        due = hops.due_at(message.headers)
        if message.topic != topics.RETRY or due is None:
            return task
        return replace(task, is_ready=lambda: datetime.now(UTC) >= due and task.is_ready())
