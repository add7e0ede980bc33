"""A command that runs inside a test configures the logs of its process, and so of all later tests."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import structlog
from structlog._config import BoundLoggerLazyProxy

from agents.telemetry.logs import _CHATTY as CHATTY

OURS = frozenset({"schemas", "model", "streams", "agents", "tagstream", "tests"})


@contextmanager
def as_they_were() -> Iterator[None]:
    """The loggers' handlers and levels, and structlog's configuration, are afterwards what they were."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    if structlog.is_configured():
        root.handlers[:] = handlers
        root.setLevel(level)
        for library in CHATTY:
            logging.getLogger(library).setLevel(logging.NOTSET)
        structlog.reset_defaults()
        _forget()


def _forget() -> None:
    """Loggers that were used meanwhile keep what was configured then."""
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] in OURS:
            for value in vars(module).values():
                if type(value) is BoundLoggerLazyProxy:
                    vars(value).pop("bind", None)
