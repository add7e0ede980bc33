"""Every query of the MongoDB adapter, by name, over `count` images that stand."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Mapping
from itertools import count as counter

from benchmarks import documents
from schemas.records import ImageHead, Kept
from schemas.topics import AMBIANCE
from streams.adapters.mongo.store import MongoScores

PAGE = 100
HEADS = 32
Query = Callable[[], Awaitable[object]]


def queries(scores: MongoScores, count: int) -> Mapping[str, Query]:
    """Each asks for something else at every call."""
    return {**_reads(scores, count), **_pages(scores, count), **_writes(scores, count)}


def _reads(scores: MongoScores, count: int) -> Mapping[str, Query]:
    def any_id() -> str:
        return documents.image_id(random.randrange(count))

    return {
        "ping": scores.ping,
        "head": lambda: scores.head(any_id()),
        f"heads of {HEADS}": lambda: scores.heads([any_id() for _ in range(HEADS)]),
        "records of an image": lambda: scores.records(any_id()),
        "statements of an image": lambda: scores.statements_of(any_id()),
        "an uploader's images": lambda: scores.of_uploader(documents.uploader_id(random.randrange(count))),
        "unfinished erasures": scores.unfinished_erasures,
        "states of jobs": lambda: scores.job_states([any_id()]),
        "indexes": scores.indexes,
    }


def _pages(scores: MongoScores, count: int) -> Mapping[str, Query]:
    def middle() -> str:
        return documents.image_id(random.randrange(count))

    def moment() -> str:
        return documents.statement(random.randrange(count)).place

    def any_restaurant() -> str:
        return documents.restaurant_id(random.randrange(count))

    return {
        "a page of a restaurant's images": lambda: scores.of_restaurant(any_restaurant(), limit=PAGE),
        "a restaurant's collection": lambda: scores.of_restaurant(any_restaurant(), topic=AMBIANCE),
        "first page of the heads": lambda: scores.scan(limit=PAGE),
        "a page amid the heads": lambda: scores.scan(after=middle(), limit=PAGE),
        "first page of the statements": lambda: scores.statements(limit=PAGE),
        "a page amid the statements": lambda: scores.statements(after=moment(), limit=PAGE),
    }


def _writes(scores: MongoScores, count: int) -> Mapping[str, Query]:
    new = counter(random.randrange(10**8, 10**9))  # behind all that stand

    def insert() -> Awaitable[object]:
        head = documents.head(next(new))
        return scores.apply(head.image_id, lambda _stored: Kept(head=head), documents.record(head))

    def replace() -> Awaitable[object]:
        head = documents.head(random.randrange(count))
        return scores.apply(head.image_id, lambda stored: _revised(stored or head))

    return {
        "apply: a new image and its score": insert,
        "apply: another revision": replace,
        "keep a statement": lambda: scores.keep_statements([documents.statement(next(new))]),
        "purge, of nothing": lambda: scores.purge(documents.image_id(random.randrange(count))),
    }


def _revised(stored: ImageHead) -> Kept:
    return Kept(head=stored.model_copy(update={"revision": stored.revision + 1}))
