"""Exit codes: an error becomes one line on standard error, and the code of the process."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from schemas.errors import EXIT_CONFIGURATION, ConfigurationError, Gone, TagstreamError, Unavailable
from tagstream.dev import state

EXIT_FAILED = 1

_PLACES: Final = ("TAGSTREAM_S3__BUCKETS", "TAGSTREAM_STORE__PATH")
_NOTHING_HERE: Final = (
    "; nothing runs in this folder, and no setting says where: `tagstream dev` starts everything here"
)

_OF_TRAINING: Final = frozenset({"torch", "torchvision", "timm", "imagehash", "luigi", "tensorboard"})


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
    except ModuleNotFoundError as error:
        if error.name not in _OF_TRAINING:
            raise
        _end(_lacks(error.name), EXIT_CONFIGURATION)


def _end(error: TagstreamError, code: int, *, more: str = "") -> None:
    from agents.wiring import settings

    more = _NOTHING_HERE if _is_of_a_place(error) and not state.is_somewhere(os.environ) else more
    sys.stderr.write(f"tagstream: {settings.mask().hide(str(error))}{more}\n")
    sys.exit(code)


def _lacks(library: str) -> ConfigurationError:
    return ConfigurationError(
        f"this command wants {library}, which an install that only serves lacks: "
        "pip install 'tagstream[train]'"
    )


def _is_of_a_place(error: TagstreamError) -> bool:
    """Whether a system that ran here would have spared us the error."""
    if isinstance(error, Unavailable):
        return error.dependency in {"broker", "store"}
    return isinstance(error, Gone) or any(setting in str(error) for setting in _PLACES)
