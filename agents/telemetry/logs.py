"""Structured logs: one constant event word and its fields, for people or for machines.

No line carries a secret: not the configured ones, nor what looks like one (a URL's password, a
presigned URL's signature, a field that is named like one), whoever wrote the line.
"""

from __future__ import annotations

import logging
import re
import sys
import time
from collections.abc import Callable, Iterable
from typing import Final

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from agents.telemetry.masking import MASK, Mask
from agents.telemetry.settings import LogSettings
from schemas import printable

_CHATTY = ("faust", "mode", "aiokafka", "botocore", "aiobotocore", "aioboto3", "urllib3", "asyncio")
_CANNOT_START: Final = ('Unable connect to "', "Unable to request metadata from ")
REPEAT_SECONDS: Final = 10.0
"""Until the very same line of a library is shown again."""

_MOST_LINES: Final = 256
"""Remembered; lines that differ in a number would be remembered for ever."""
_SECRET_NAME: Final = re.compile(
    r"(^|_)(password|passwd|secret|token|credentials?|authorization|access_key)(_|$)", re.IGNORECASE
)


_TRACES: Final = frozenset({"exception", "stack"})
"""What may have several lines."""


def configure(settings: LogSettings, *, mask: Mask | None = None) -> None:
    """Send everything, the libraries' lines too, through structlog to standard error, secrets masked."""
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(printable.raw(sys.stderr))
    last = _last(settings, _masked(mask or Mask(())))
    handler.addFilter(said_by_us)
    handler.addFilter(Seldom(_CHATTY))
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processors=last))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(settings.level.upper())
    for name in _CHATTY:
        logging.getLogger(name).setLevel(logging.WARNING)


def said_by_us(record: logging.LogRecord) -> bool:
    """Whether the line is none of those that stand, in raw, beside a line of our own.

    A client of aiokafka that cannot start writes why for each server, and raises: `Unavailable` says it
    in words, and what to do (`streams.adapters.kafka.diagnosis`).
    """
    return not (record.name == "aiokafka" and str(record.msg).startswith(_CANNOT_START))


class Seldom(logging.Filter):
    """Passes what the libraries of these names say, and the very same line again only after a while.

    While a broker is away aiokafka repeats the same three errors some 70 times a second; our own lines
    say once that it is away and once that it is back.
    """

    def __init__(self, libraries: Iterable[str], *, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._libraries = frozenset(libraries)
        self._clock = clock
        self._due: dict[tuple[str, int, str], float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the line is ours, or has not been said for a while."""
        if record.name.partition(".")[0] not in self._libraries:
            return True
        line, now = (record.name, record.levelno, record.getMessage()), self._clock()
        if now < self._due.get(line, 0.0):
            return False
        if len(self._due) >= _MOST_LINES:
            self._due.clear()
        self._due[line] = now + REPEAT_SECONDS
        return True


def _masked(mask: Mask) -> Processor:
    """The last processor, which sees the finished line."""
    return lambda _logger, _method, line: mask.hide(str(line))


def _mask_fields(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    for name in event:
        if _SECRET_NAME.search(name):
            event[name] = MASK
    return event


def _last(settings: LogSettings, mask: Processor) -> list[Processor]:
    first: list[Processor] = [structlog.stdlib.ProcessorFormatter.remove_processors_meta, _mask_fields]
    if settings.format == "json":
        return [*first, structlog.processors.format_exc_info, structlog.processors.JSONRenderer(), mask]
    lines = structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    return [*first, structlog.processors.format_exc_info, _spell_out, lines, mask]


def _spell_out(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """A key or a stranger's message is shown on the terminal, and not obeyed; nor does it begin a line."""
    spelt = {name: printable.one_line(str(value)) for name, value in event.items() if name not in _TRACES}
    return spelt | {name: printable.printable(str(event[name])) for name in _TRACES & event.keys()}
