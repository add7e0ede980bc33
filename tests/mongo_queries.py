"""Query judgement: whether `_id` or a declared index carries a command that the driver sends.

Strict, so that it holds for every planner: an index carries a query where it serves *all* of the conditions,
by equalities on its first fields and at most one range behind them, and where the sort is the order in
which it is then read. Every branch of an `$or` is a query of its own. Documents that are named by their
`_id` are few, whatever else is asked of them. A command that is not known here counts as not carried.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from itertools import product
from typing import Any, Final

from streams.adapters.mongo.indexes import Index

Where = Mapping[str, Any]
Sort = tuple[tuple[str, int], ...]

WITHOUT_QUERY: Final = {
    *("insert", "getMore", "killCursors", "endSessions"),
    *("create", "createIndexes", "listIndexes", "dropIndexes", "drop", "dropDatabase"),
    *("listCollections", "listDatabases", "buildInfo", "buildinfo"),
    *("hello", "isMaster", "ismaster", "ping", "saslStart", "saslContinue", "explain"),
}
"""Commands that look for no document."""

_BY_ID: Final = (("_id", 1),)
_RANGES: Final = frozenset({"$gt", "$gte", "$lt", "$lte"})
_ELSEWHERE: Final = frozenset({"$lookup", "$graphLookup", "$unionWith", "$facet"})
"""Stages that look for documents of their own."""


class Kind(Enum):
    """How a field is bound."""

    EQUAL = auto()
    SEVERAL = auto()
    """One of some values (`$in`): each is found by the index, their order is lost."""
    RANGE = auto()
    OTHER = auto()


@dataclass(frozen=True, slots=True)
class Bound:
    """What a query says of one field."""

    kind: Kind
    values: tuple[Any, ...] = ()

    @classmethod
    def of(cls, said: Any) -> Bound:
        """From the value or the operators beside the field's name."""
        if not _is_operators(said):
            return cls(Kind.EQUAL, (said,))
        if said.keys() == {"$eq"}:
            return cls(Kind.EQUAL, (said["$eq"],))
        if said.keys() == {"$in"}:
            return cls(Kind.SEVERAL, tuple(said["$in"]))
        return cls(Kind.RANGE if said.keys() <= _RANGES else Kind.OTHER)

    @property
    def is_named(self) -> bool:
        return self.kind in {Kind.EQUAL, Kind.SEVERAL}


@dataclass(frozen=True, slots=True)
class Query:
    """What one command looks for in one collection."""

    command: str
    collection: str
    where: Where
    sort: Sort = ()
    is_limited: bool = False

    def __str__(self) -> str:
        sort = f" sorted by {dict(self.sort)}" if self.sort else ""
        return f"{self.command} {self.collection} {_shape(self.where)}{sort}"


def queries(command: Mapping[str, Any]) -> Iterator[Query]:
    """All queries of one command, as the driver's monitoring shows it."""
    name = next(iter(command), "")
    collection = command.get(name)
    where: Where = {}
    sort, is_limited = _sort(command.get("sort")), bool(command.get("limit"))
    match name:
        case _ if not name or name in WITHOUT_QUERY:
            return
        case "find":
            where = command.get("filter", {})
        case "count" | "distinct":
            where = command.get("query", {})
        case "findAndModify" | "findandmodify":
            where, is_limited = command.get("query", {}), True
        case "update" | "delete":
            for each in command[f"{name}s"]:
                yield Query(name, str(collection), _known(each["q"], each), _sort(each.get("sort")))
            return
        case "aggregate":
            where, sort, is_limited = _pipeline(command["pipeline"])
        case _:
            where = {"$unknown": name}
    yield Query(name, str(collection), _known(where, command), sort, is_limited)


def is_carried(query: Query, indexes: Iterable[Index]) -> bool:
    """Whether `_id` or one of the indexes carries the query, and every branch of it."""
    here = [index for index in indexes if index.collection == query.collection]
    here.append(Index(query.collection, "_id_", _BY_ID, "every collection has it"))
    return all(
        _names_documents(bounds, query.sort) or any(_carries(index, bounds, query) for index in here)
        for bounds in _branches(query.where)
    )


def _carries(index: Index, bounds: Mapping[str, Bound], query: Query) -> bool:
    named = 0
    while named < len(index.keys) and _bound(index, named, bounds).is_named:
        named += 1
    rest = index.keys[named:]
    served = {field for field, _ in index.keys[:named]}
    if rest and _bound(index, named, bounds).kind is Kind.RANGE and rest[0][1] != "hashed":
        served.add(rest[0][0])
    if served != bounds.keys() or not _follows(index, bounds):
        return False
    if not bounds and not query.is_limited:
        return False  # all there is
    return _is_in_order(rest, bounds, query.sort)


def _is_in_order(rest: Sequence[tuple[str, int | str]], bounds: Mapping[str, Bound], sort: Sort) -> bool:
    """Whether the index is read in the order of `sort`, its first fields being bound."""
    wanted = [(field, way) for field, way in sort if bounds.get(field, _FREE).kind is not Kind.EQUAL]
    if not wanted:
        return True
    if any(bound.kind is Kind.SEVERAL for bound in bounds.values()):
        return False
    given = list(rest[: len(wanted)])
    return given in (wanted, [(field, -way) for field, way in wanted])


def _names_documents(bounds: Mapping[str, Bound], sort: Sort) -> bool:
    """By their `_id`; several come in its order and no other."""
    bound = bounds.get("_id", _FREE)
    return bound.kind is Kind.EQUAL or (bound.kind is Kind.SEVERAL and sort in ((), _BY_ID))


def _follows(index: Index, bounds: Mapping[str, Bound]) -> bool:
    """Whether all that the query is about is in the index, if that is partial."""
    return all(
        (bound := bounds.get(field, _FREE)).is_named
        and all(_is_within(value, wanted) for value in bound.values)
        for field, wanted in index.condition.items()
    )


def _is_within(value: Any, wanted: Any) -> bool:
    if not _is_operators(wanted):
        return bool(value == wanted)
    (operator, limit), *more = wanted.items()
    match operator:
        case "$gt" if not more:
            return type(value) is type(limit) and value > limit
        case "$exists" if not more:
            return limit is True and value is not None
    return False


_FREE: Final = Bound(Kind.OTHER)


def _bound(index: Index, place: int, bounds: Mapping[str, Bound]) -> Bound:
    return bounds.get(index.keys[place][0], _FREE)


def _branches(where: Where) -> Iterator[Mapping[str, Bound]]:
    """The fields' bounds of each way in which a document can match."""
    bounds: dict[str, Bound] = {}
    alternatives: list[list[Mapping[str, Bound]]] = []
    for field, said in where.items():
        match field:
            case "$or":
                alternatives.append([found for each in said for found in _branches(each)])
            case "$and":
                alternatives += [list(_branches(each)) for each in said]
            case _:
                bounds[field] = _FREE if field.startswith("$") else Bound.of(said)
    for chosen in product(*alternatives):
        joined = dict(bounds)
        for each in chosen:
            joined = {**joined, **each, **dict.fromkeys(joined.keys() & each.keys(), _FREE)}
        yield joined


def _pipeline(stages: Sequence[Mapping[str, Any]]) -> tuple[Where, Sort, bool]:
    """What the stages that an index can serve ask for: matches, then a sort, then a limit."""
    where: list[Where] = [{stage: {}} for each in stages for stage in each if stage in _ELSEWHERE]
    sort: Sort = ()
    waiting = list(stages)
    while waiting and "$match" in waiting[0]:
        where.append(waiting.pop(0)["$match"])
    if waiting and "$sort" in waiting[0]:
        sort = _sort(waiting.pop(0)["$sort"])
    where += [{"$sort": {}} for each in waiting if "$sort" in each]
    is_limited = bool(waiting and "$limit" in waiting[0])
    return (where[0] if len(where) == 1 else {"$and": where}), sort, is_limited


def _known(where: Where, said: Mapping[str, Any]) -> Where:
    """An index of ours is of no use where strings compare in another way."""
    return {**where, "$collation": {}} if "collation" in said else where


def _sort(said: Any) -> Sort:
    return tuple((said or {}).items())


def _is_operators(said: Any) -> bool:
    return isinstance(said, Mapping) and bool(said) and all(str(key).startswith("$") for key in said)


def _shape(where: Where) -> dict[str, Any]:
    """What is asked, without the values: they belong to whoever is looked for."""
    return {field: _shape_of(said) for field, said in where.items()}


def _shape_of(said: Any) -> Any:
    if _is_operators(said):
        return _shape(said)
    if isinstance(said, list | tuple) and any(isinstance(each, Mapping) for each in said):
        return [_shape(each) for each in said]
    return "?"
