"""`make test-mongo URL=mongodb://...`: contract suite and crash matrix over a server that is somebody else's.

Each run has databases of its own, whose names begin alike, and drops them in the end; it touches no other.
Faults that need the server's process, or a place between it and its client, are skipped and say so.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final
from uuid import uuid4

from pymongo import IndexModel, MongoClient, WriteConcern
from pymongo.errors import ConfigurationError, OperationFailure, PyMongoError
from pymongo.read_concern import ReadConcern

from tests.own_databases import VARIABLE

URL_VARIABLE: Final = "TEST_MONGO_URL"
PREFIX: Final = "tagstream-test"
WITHIN: Final = 5.0
"""Seconds in which a server is found that takes writes."""
CONTRACT: Final = ("tests/contract", "tests/e2e/test_mongo.py", "-m", "not real")
CRASHES: Final = (
    *("tests/faults/test_kills.py", "tests/faults/test_stops.py", "tests/faults/test_zombies.py"),
    *("tests/faults/test_rebalances.py", "tests/faults/test_servers_away.py"),
    *("-m", "real", "-k", "not kafka"),
)
RIGHTS: Final = "its user must make and drop databases {}-*: readWriteAnyDatabase and dbAdminAnyDatabase do"

Server = MongoClient[dict[str, Any]]


class Unfit(Exception):
    """What keeps the run from beginning, and what mends it."""


def main(words: Sequence[str] | None = None) -> int:
    """The worst exit code of the two runs of pytest; 2 where none began."""
    asked = _arguments().parse_args(words)
    begins = asked.databases or f"{PREFIX}-{uuid4().hex[:8]}"
    try:
        with opened(asked.url) as server:
            _say(*facts(server))
            _say(*free(server, begins))
            try:
                _say(*tried(server, begins))
                return _run(asked.url, begins, has_crashes=not asked.contract)
            finally:
                _say(drop(server, begins))
    except Unfit as unfit:
        sys.stderr.write(f"test-mongo: {unfit}\n")
        return 2


def opened(url: str, *, within: float = WITHIN) -> Server:
    """A client of a server that answers. Raises `Unfit`."""
    try:
        patience = int(within * 1000)
        server: Server = MongoClient(url, serverSelectionTimeoutMS=patience, appname="tagstream-tests")
    except (PyMongoError, ValueError) as error:  # whose words may quote the password
        kind, shape = type(error).__name__, "mongodb://USER:PASSWORD@HOST:PORT"
        raise Unfit(f"not a URL of MongoDB ({kind}), which is like {shape}") from None
    try:
        server.admin.command("ping")
    except (PyMongoError, ValueError) as error:
        server.close()
        raise Unfit(_refusal(error)) from error
    return server


def _refusal(error: Exception) -> str:
    match error:
        case ConfigurationError():
            return f"this driver does not speak to the server, which may be too old: {_reason(error)}"
        case OperationFailure():
            return f"the server refuses the login ({error.code}): {_reason(error)}"
    return f"nobody answers: {_reason(error)}"


def facts(server: Server) -> Iterator[str]:
    """What the run is over."""
    build, hello = server.admin.command("buildInfo"), _hello(server)
    yield f"server: MongoDB {build['version']} as it says, wire version {hello.get('maxWireVersion')}"
    if hello.get("msg") == "isdbgrid":
        yield "a router of a sharded cluster; collections are not sharded by this run"
    elif "setName" in hello:
        many = len(hello.get("hosts", ()))
        yield f"replica set {hello['setName']} of {many}: `w: majority, j: true` waits for {many // 2 + 1}"
    else:
        yield "no replica set: `w: majority, j: true` waits for this one's journal, and there is no failover"


def free(server: Server, begins: str) -> Iterator[str]:
    """Nothing is there that the run would take for its own. Raises `Unfit`."""
    names = server.list_database_names()
    if taken := [name for name in names if name.startswith(begins)]:
        raise Unfit(f"there is a database {taken[0]}, which is not this run's: name others, --databases NAME")
    if left := [name for name in names if name.startswith(PREFIX)]:
        yield f"left by runs that were killed, and left alone: {', '.join(left)}"


def tried(server: Server, begins: str) -> Iterator[str]:
    """What the server takes of what the store needs, in a database that is dropped again. Raises `Unfit`."""
    name = f"{begins}-probe"
    try:
        sure = server.get_database(
            name, write_concern=WriteConcern("majority", j=True), read_concern=ReadConcern("majority")
        )
        sure.probe.insert_one({"_id": "a", "x": "b"})
        if not list(sure.probe.find({"_id": "a"})):
            raise Unfit("what was written by majority is not read by majority: the store cannot work with it")
        sure.probe.create_indexes([IndexModel([("x", 1), ("_id", 1)])])
        partial = IndexModel([("x", 1)], partialFilterExpression={"x": {"$gt": ""}})
        yield f"partial indexes: {_takes(sure.probe, partial, 'they are made over all documents')}"
        yield f"hashed indexes: {_takes(sure.probe, IndexModel([('x', 'hashed')]), 'none is needed')}"
        server.drop_database(name)
    except OperationFailure as error:
        raise Unfit(f"{_reason(error)} ({error.code}): {RIGHTS.format(begins)}") from error


def drop(server: Server, begins: str) -> str:
    """Drop the run's databases; what became of them."""
    own = [name for name in server.list_database_names() if name.startswith(f"{begins}-")]
    try:
        for name in own:
            server.drop_database(name)
    except OperationFailure as error:
        return f"NOT dropped, do it by hand: {', '.join(own)}: {_reason(error)}"
    return f"dropped: {len(own)} databases {begins}-*"


def _run(url: str, begins: str, *, has_crashes: bool) -> int:
    around = os.environ | {URL_VARIABLE: url, VARIABLE: begins, "REQUIRE_MONGO": "1"}
    runs = [CONTRACT, CRASHES] if has_crashes else [CONTRACT]
    codes = []
    for words in runs:
        command = [sys.executable, "-m", "pytest", "-q", "-rs", *words]
        codes.append(subprocess.run(command, env=around, check=False).returncode)
    return max(codes)


def _takes(collection: Any, index: IndexModel, otherwise: str) -> str:
    try:
        collection.create_indexes([index])
    except OperationFailure as error:
        return f"no ({error.code}), {otherwise}"
    return "yes"


def _hello(server: Server) -> Mapping[str, Any]:
    try:
        return server.admin.command("hello")
    except OperationFailure:  # servers before 5.0
        return server.admin.command("isMaster")


def _reason(error: Exception) -> str:
    return str(error).partition(", full error")[0].partition(", Timeout: ")[0]


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m tests.other_mongo", description=__doc__)
    parser.add_argument("url", help="mongodb://... of the server, with its login")
    parser.add_argument("--databases", help=f"what their names begin with (default: {PREFIX}-...)")
    parser.add_argument("--contract", action="store_true", help="without the crash matrix")
    return parser


def _say(*lines: str) -> None:
    for line in lines:
        sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
