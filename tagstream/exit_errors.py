"""Exit codes: an error becomes one line on standard error, and the code of the process."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from schemas.errors import EXIT_CONFIGURATION, ConfigurationError, TagstreamError, Unavailable

EXIT_FAILED = 1


@contextmanager
def exit_on_errors() -> Iterator[None]:
    """Say an error of ours that leaves the block, and exit: 2 for a wrong setting, else 1."""
    try:
        yield
    except ConfigurationError as error:
        _end(error, EXIT_CONFIGURATION)
    except Unavailable as error:
        _end(error, EXIT_FAILED, more="; `tagstream doctor` says what is wrong")
    except TagstreamError as error:
        _end(error, EXIT_FAILED)


def _end(error: TagstreamError, code: int, *, more: str = "") -> None:
    from agents.wiring import settings

    sys.stderr.write(f"tagstream: {settings.mask().hide(str(error))}{more}\n")
    sys.exit(code)
