"""The score store as commands that only read open it."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Final

from agents.wiring import backends
from agents.wiring.settings import StoreSettings, blame
from operations import upload
from schemas import identity
from schemas.errors import ConfigurationError
from streams.ports import ScoreStore


def is_here(settings: StoreSettings) -> bool:
    """Whether there is a store to read: SQLite would make its file, and nobody asked for that."""
    return settings.url is not None or settings.path.exists()


@asynccontextmanager
async def open_store(settings: StoreSettings) -> AsyncIterator[ScoreStore]:
    """The store; raises `ConfigurationError`, which names the setting, where there can be none."""
    async with AsyncExitStack() as stack:
        with blame(backends.blamed(settings)):
            store: AbstractAsyncContextManager[ScoreStore] = backends.open_store(settings)
            entered = await stack.enter_async_context(store)
        yield entered


_DERIVED: Final = re.compile(r"img_[a-z2-7]{26}")


def image_id(given: str, *, buckets: tuple[str, ...]) -> str:
    """The id that `given` means.

    An id is taken as it is, whatever it looks like, unless a file of that name is here: that is the
    photograph that `tagstream upload` put under the file's own name into the first of `buckets`.

    Raises:
        ConfigurationError: a file, and no bucket that it could be in.
    """
    if given.startswith(upload.SCHEME):
        location = upload.address(given)
        return identity.image_id(location.bucket, location.key)
    if _DERIVED.fullmatch(given) or not Path(given).is_file():
        return given
    if not buckets:
        raise ConfigurationError(
            f"{given} is a file, and TAGSTREAM_S3__BUCKETS names no bucket that it could be in; "
            "give its address, as in s3://photos/lunch.jpg"
        )
    return identity.image_id(buckets[0], Path(given).name)


def unknown(image_id: str) -> str:
    """What to say of an image that the store does not know."""
    why = "never uploaded, not tagged yet, or in the dead letters"
    hint = "" if _DERIVED.fullmatch(image_id) else "; an object is named like s3://photos/lunch.jpg"
    return f"{image_id} is not in the store: {why}{hint}"
