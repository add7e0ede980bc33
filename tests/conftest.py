"""What more than one kind of test asks for: servers, and a line at the end of the run."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from deploy.stack.builds import Missing
from deploy.stack.layout import Layout, Ports, default_cache, from_environment
from deploy.stack.stack import Stack
from tests import logging_again, seen
from tests.contract.mongo_server import MongoWireServer, OtherMongo
from tests.other_mongo import URL_VARIABLE
from tests.own_databases import own_database
from tests.seen import tell

__all__ = ["mongo", "stack", "tell"]

# Where it is set, this process and every one that a test starts compile all of torch's Python anew.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

settings.register_profile("tagstream", deadline=None)  # no test asserts a time
settings.load_profile("tagstream")


NONE_REAL = [Path(__file__).with_name(name) for name in ("unit", "hostile")]
"""Folders that `make test-real` does not collect."""


@pytest.hookimpl(tryfirst=True)  # before those that are not asked for are left out
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    marked = (item for item in items if item.get_closest_marker("real"))
    if lost := [item.nodeid for item in marked if any(map(item.path.is_relative_to, NONE_REAL))]:
        raise pytest.UsageError(f"marked `real` where nobody looks for it: {', '.join(lost)}")


@pytest.fixture(autouse=True)
def _logs() -> Iterator[None]:
    with logging_again.as_they_were():
        yield


@pytest.fixture(scope="session")
def mongo() -> Iterator[MongoWireServer | OtherMongo]:
    """MongoDB's protocol; skips where it cannot run, unless `REQUIRE_MONGO` is set."""
    if URL_VARIABLE in os.environ:
        yield OtherMongo(os.environ[URL_VARIABLE])
        return
    try:
        with MongoWireServer() as server:
            yield server
    except Missing as missing:
        if os.environ.get("REQUIRE_MONGO"):
            raise
        pytest.skip(str(missing))


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Real servers, for tests marked `real`: a machine that cannot run them fails, it does not skip.

    Their own, on free ports; where `STACK_FOLDER` names a stack that is up, that one, which stays up.
    """
    if "STACK_FOLDER" in os.environ:
        standing = Stack(from_environment())
        standing.up()
        yield standing
        return
    with Ports.reserved() as ports:
        layout = Layout(tmp_path_factory.mktemp("stack"), ports, default_cache())
        own = Stack(layout)
        if URL_VARIABLE in os.environ:
            own = Stack(layout, os.environ[URL_VARIABLE], own_database())
        try:
            own.up()
            yield own
        finally:
            own.down()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    reports = [each for outcome in ("passed", "failed") for each in terminalreporter.getreports(outcome)]
    if told := list(seen.lines(reports)):
        terminalreporter.section("what the tests saw")
        for line in told:
            terminalreporter.write_line(line)
