"""Short names of the topics, as people type them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from schemas import topics
from schemas.errors import ConfigurationError

SHORT: Final = {
    "uploaded": topics.UPLOADED,
    "tagged": topics.TAGGED,
    "latest": topics.LATEST,
    "moderation": topics.MODERATION,
    "ambiance": topics.AMBIANCE,
    "statements": topics.STATEMENTS,
    "compared": topics.COMPARED,
    "decisions": topics.DECISIONS,
    "rescore": topics.RESCORE,
    "retry": topics.RETRY,
    "dlq": topics.DEAD_LETTERS,
    "parking": topics.PARKING,
}

_NAMES: Final = {topic: name for name, topic in SHORT.items()}


def full(name: str) -> str:
    """The topic that `name` means: a short name, or a topic's own (a collection of your routes file).

    Raises:
        ConfigurationError: it is neither.
    """
    if name in SHORT:
        return SHORT[name]
    if "." in name:
        return name
    raise ConfigurationError(f"{name!r} is no topic: give its full name, or one of {', '.join(SHORT)}")


def short(topic: str) -> str:
    """What people call the topic; a collection by the middle of its name, `photos.drinks.v1` as drinks."""
    parts = topic.split(".")
    return _NAMES.get(topic) or (parts[1] if len(parts) == 3 else topic)  # noqa: PLR2004 - prefix, name, version


def completed(incomplete: str) -> Iterator[tuple[str, str]]:
    """For the shell: the names that begin so, each with what it means."""
    for name, topic in SHORT.items():
        if name.startswith(incomplete):
            yield name, topic
