"""Error mapping of MongoDB: the store is away, or a setting is wrong.

| said by the server or the driver                                   | becomes                     |
|--------------------------------------------------------------------|-----------------------------|
| nobody there, a broken connection, a timeout, no primary, overload | Unavailable                 |
| refused credentials, missing rights, too old a server              | Unavailable, at run time    |
| a write that not enough members have yet                           | Unavailable                 |
| a URL that cannot be one of MongoDB                                | ConfigurationError, at once |
| duplicate key                                                      | nothing: somebody was first |

No answer of the server is about one image alone: what cannot be written because of what it is, is
refused before it is sent (see `mongo_documents`).
"""

from __future__ import annotations

from typing import Final

from bson.errors import BSONError
from pymongo.errors import BulkWriteError, PyMongoError

from schemas.errors import ConfigurationError, Unavailable
from streams.ports import STORE

FOREIGN: Final = (PyMongoError, BSONError, OSError)
"""Everything that the driver raises on purpose; a test walks the exceptions of its libraries."""

_DUPLICATE_KEY: Final = frozenset({11000, 11001, 12582})
"""The code, and the two that older servers say instead."""


def unavailable(error: BaseException) -> Unavailable:
    """`error` as the store's absence."""
    reason = str(error).partition(", Timeout: ")[0]  # what follows is the driver's whole view of the cluster
    return Unavailable(STORE, f"{type(error).__name__}: {reason}" if reason else type(error).__name__)


def not_a_url(error: Exception) -> ConfigurationError:
    """What it means that no client can be made of the URL. An error's own words may quote the password."""
    if isinstance(error, UserWarning):  # these name an option of the URL, and nothing else of it
        return ConfigurationError(f"not a URL of MongoDB: {error}")
    hint = "is it mongodb://USER:PASSWORD@HOST:PORT, user and password percent-encoded?"
    return ConfigurationError(f"not a URL of MongoDB ({type(error).__name__}); {hint}")


def is_lost_race(error: BulkWriteError) -> bool:
    """Whether somebody else had written first, and nothing else is wrong."""
    codes = {failed.get("code") for failed in error.details.get("writeErrors", ())}
    return codes <= _DUPLICATE_KEY and not error.details.get("writeConcernErrors")
