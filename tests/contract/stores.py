"""The score stores that the contract runs over: a place each, at which any number of them can be opened."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from pydantic import SecretStr

from deploy.stack.stack import Stack
from schemas.records import ImageHead, Kept, Stale
from streams.adapters.memory import MemoryScores
from streams.adapters.mongo.settings import MongoSettings
from streams.adapters.mongo.store import MongoScores
from streams.adapters.sqlite.store import SqliteScores
from streams.ports import Change
from tests.own_databases import own_database

from .mongo_server import MongoWireServer

FIRST_RELEASE = Path(__file__).parent / "first_release"
"""A head and a record as the first release wrote them, and the tables that it put them into."""

Scores = MemoryScores | SqliteScores | MongoScores


@dataclass(frozen=True, slots=True)
class Place:
    """Where heads and scores are kept; every call of `store` gives another adapter over the same."""

    store: Callable[[], Scores]


def place(kind: str, request: pytest.FixtureRequest) -> Place:
    """An empty place of this kind; `mongo-file` is the server of the stack, over a file."""
    if kind == "memory":
        shared = MemoryScores()
        return Place(lambda: shared)
    if kind == "sqlite":
        folder: Path = request.getfixturevalue("tmp_path")
        return Place(lambda: SqliteScores(folder / "scores.db"))
    settings = mongo_settings(_mongo_url(kind, request))
    return Place(lambda: MongoScores(settings))


def _mongo_url(kind: str, request: pytest.FixtureRequest) -> str:
    if kind == "mongo":
        server: MongoWireServer = request.getfixturevalue("mongo")
        return server.url
    servers: Stack = request.getfixturevalue("stack")
    return servers.settings["TAGSTREAM_STORE__URL"]


def mongo_settings(url: str, *, seconds: float = 10.0) -> MongoSettings:
    """A database of the test's own on the server at `url`."""
    return MongoSettings(url=SecretStr(url), database=own_database(), timeout=seconds)


def become(head: ImageHead) -> Change:
    """The image's head becomes this one."""
    return lambda _stored: Kept(head=head)


def at_least(head: ImageHead) -> Change:
    """The head becomes this one, unless a newer event's is stored; a redelivery changes nothing."""

    def change(stored: ImageHead | None) -> Kept | Stale:
        if stored is None or stored.position.precedes(head.position):
            return Kept(head=head)
        return Kept(head=stored) if stored.position.is_same(head.position) else Stale(head=stored)

    return change


def counted(head: ImageHead) -> Change:
    """One more revision; the first is `head` as it is."""

    def change(stored: ImageHead | None) -> Kept | Stale:
        if stored is None:
            return Kept(head=head)
        return Kept(head=stored.model_copy(update={"revision": stored.revision + 1}))

    return change


def unchanged(stored: ImageHead | None) -> Kept:
    """What is stored holds already."""
    assert stored is not None
    return Kept(head=stored)


def stale(stored: ImageHead | None) -> Stale:
    """What is stored is newer."""
    assert stored is not None
    return Stale(head=stored)


def seen(changes: list[ImageHead | None], change: Change) -> Change:
    """`change`, noting what it was given."""

    def noted(stored: ImageHead | None) -> Kept | Stale:
        changes.append(stored)
        return change(stored)

    return noted
